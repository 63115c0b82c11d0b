"""Trackers that several threads call, and copies that are refused."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from ltr.errors import TrackingError
from ltr.models.folding import InferenceNet
from pytracking import MultiTracker, Tracker
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box
from pytracking.tracker.preset_settings import Search, TrackerPreset

CLIP = DemoClip(0)
BOX: Box = tuple(CLIP.boxes_xywh[0])


@pytest.fixture(scope="module")
def engine(inference_net: Callable[[str], InferenceNet]) -> TrackerEngine:
    return TrackerEngine(
        inference_net("imagenet_mobile"), TrackerPreset(search=Search(crop_side=128))
    )


@pytest.mark.parametrize("change", ["add", "remove"])
def test_targets_come_and_go_while_a_step_runs(
    engine: TrackerEngine, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = MultiTracker(engine)
    tracker.add(CLIP.frame(0), BOX, "left")
    tracker.add(CLIP.frame(0), BOX, "right")
    inside, changed = threading.Event(), threading.Event()
    step = engine.step

    def slow(*arguments: Any, **options: Any) -> Any:
        inside.set()
        changed.wait(0.5)  # a change that does not wait for the step is done by then
        return step(*arguments, **options)

    monkeypatch.setattr(engine, "step", slow)
    with ThreadPoolExecutor(1) as pool:
        tracking = pool.submit(tracker.track, CLIP.frame(1))
        inside.wait()
        if change == "add":
            tracker.add(CLIP.frame(1), BOX, "late")
        else:
            tracker.remove("left")
        changed.set()
        assert list(tracking.result()) == ["left", "right"], "the step began before the change"
    assert tracker.names == (("left", "right", "late") if change == "add" else ("right",))
    monkeypatch.undo()
    assert list(tracker.track(CLIP.frame(2))) == list(tracker.names)


def test_trackers_of_one_engine_in_two_threads(engine: TrackerEngine) -> None:
    def boxes_of(start: int) -> list[Box]:
        tracker = Tracker(engine)
        tracker.initialize(CLIP.frame(start), tuple(CLIP.boxes_xywh[start]))
        return [tracker.track(CLIP.frame(start + k)).box for k in range(1, 8)]

    expected = [boxes_of(0), boxes_of(20)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(boxes_of, (0, 20))) == expected


@pytest.mark.parametrize("kind", [Tracker, MultiTracker])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_tracker_is_not_copied(
    engine: TrackerEngine, kind: Any, copied: Callable[..., Any]
) -> None:
    with pytest.raises(TrackingError) as refusal:
        copied(kind(engine))
    assert str(refusal.value) == (
        f"a {kind.__name__} cannot be copied or pickled: save(path) and another one's resume(path) carry its "
        "targets over; in memory, snapshot() and resume(snapshot)"
    )


def test_a_state_is_copied_without_what_is_derived(engine: TrackerEngine) -> None:
    state = engine.start(CLIP.frame(0), BOX)
    kept = replace(state, box_head=object()).copy()  # type: ignore[arg-type]
    assert kept.box_head is None
