"""Small trackers whose states are kept, and what is in a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ltr.images import Frame
from ltr.models.folding import InferenceNet
from ltr.settings import with_assignments
from pytracking import MultiTracker, Tracker
from pytracking.api import Snapshot
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box
from pytracking.tracker.presets import preset_named
from pytracking.tracker.snapshot import tensors_of

BOXES: dict[str, Box] = {
    "cat": tuple(DemoClip(0).boxes_xywh[0].tolist()),
    "table": (300.0, 60.0, 70.0, 50.0),
}
SMALL = ("search.crop_side=96", "memory.size=24", "update.interval=2")


def small_engine(inference_net: Callable[[str], InferenceNet]) -> TrackerEngine:
    return TrackerEngine(
        inference_net("imagenet_mobile"),
        with_assignments(preset_named("imagenet_mobile"), SMALL),
        seed=5,
    )


def tracker_of(engine: TrackerEngine, clip: list[Frame], tracked: int = 3) -> Tracker:
    tracker = Tracker(engine, name="cat")
    tracker.initialize(clip[0], BOXES["cat"])
    for frame in clip[1 : 1 + tracked]:
        tracker.track(frame)
    return tracker


def multi_of(engine: TrackerEngine, clip: list[Frame], tracked: int = 3) -> MultiTracker:
    tracker = MultiTracker(engine)
    for name, box in BOXES.items():
        tracker.add(clip[0], box, name)
    for frame in clip[1 : 1 + tracked]:
        tracker.track(frame)
    return tracker


def bits(snapshot: Snapshot) -> tuple[Any, ...]:
    """All of a snapshot, comparable."""
    tensors = {
        name: (t.shape, t.numpy().tobytes()) for name, t in tensors_of(snapshot.state).items()
    }
    return (
        snapshot.state.names,
        snapshot.state.frame_number,
        snapshot.network,
        snapshot.preset,
        snapshot.seed,
        tensors,
    )
