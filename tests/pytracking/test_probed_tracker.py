"""A probe upon targets of several sources that come and go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from ltr.images import Frame
from ltr.models.folding import InferenceNet
from pytracking.api import MultiTracker
from pytracking.debug.probed_tracker import ProbedTracker
from pytracking.debug.seen import Seen
from pytracking.live.session import Session
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Prediction
from pytracking.tracker.presets import preset_named


class Notes:
    """A probe that keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, list[str]]] = []
        self.written: list[tuple[int, Frame, list[str], list[Prediction], float]] = []
        self.seen = Seen()

    def begin(self, number: int, frame: Frame, boxes: Mapping[str, Any]) -> None:
        self.begun.append((number, list(boxes)))

    def observer(self, number: int) -> Seen:
        self.seen = Seen()
        return self.seen

    def write(
        self,
        number: int,
        frame: Frame,
        names: Sequence[str],
        predictions: Sequence[Prediction],
        seconds: float = 0,
    ) -> None:
        self.written.append((number, frame, list(names), list(predictions), seconds))

    def __enter__(self) -> Notes:
        return self

    def __exit__(self, *error: object) -> None: ...


def test_a_probe_is_shown_the_targets_of_one_source(
    inference_net: Callable[[str], InferenceNet], clip: list[Frame]
) -> None:
    engine = TrackerEngine(inference_net("imagenet_mobile"), preset_named("imagenet_mobile"))
    plain, notes = MultiTracker(engine), Notes()
    tracker = ProbedTracker(MultiTracker(engine), notes)
    other = clip[5]
    boxes = {
        "a": (290.0, 153.0, 59.0, 53.0),
        "b": (80.0, 60.0, 60.0, 60.0),
        "c": (300.0, 200.0, 50.0, 50.0),
    }
    for name, box in boxes.items():
        for each in (plain, tracker):
            each.add(other if name == "b" else clip[0], box, name)
    frames = {"a": clip[1], "b": clip[6], "c": clip[1]}
    tracker.observer = whole = Seen()
    assert tracker.track(frames) == (expected := plain.track(frames))
    assert whole.values["search_crop"][0].shape[0] == 3
    number, frame, names, told, seconds = notes.written[0]
    assert (number, names, told) == (2, ["a", "c"], [expected["a"], expected["c"]])
    assert frame is clip[1]
    assert seconds > 0
    for row, name in enumerate(names):
        assert notes.seen.of(row)["score_map"].max() == torch.tensor(expected[name].score).numpy()
    tracker.remove("a")
    plain.remove("a")
    tracker.observer = None
    assert tracker.track({"b": clip[7]}, ["b"]) == plain.track({"b": clip[7]}, ["b"])
    assert notes.written[1][:3] == (3, clip[7], ["b"])
    assert notes.begun == [(1, ["a"]), (1, ["b"]), (1, ["c"])]
    assert tracker.track({}, []) == {}
    assert len(notes.written) == 2
    assert tracker.names == ("b", "c")


def test_a_session_is_looked_on(inference_net: Callable[[str], InferenceNet]) -> None:
    engine = TrackerEngine(inference_net("imagenet_mobile"), preset_named("imagenet_mobile"))
    notes = Notes()
    tracker = MultiTracker(engine)
    assert Session(tracker, [])._tracking._tracker is tracker
    assert isinstance(Session(tracker, [], probe=notes)._tracking._tracker, ProbedTracker)
