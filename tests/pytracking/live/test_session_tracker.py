"""A session with the real tracker: the same boxes, another network, what it sees of a target."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from engines import engine_of
from stand_ins import BOX, StandInFeed, StandInTracker, frame_shown, session_of

from ltr.errors import BoxError
from ltr.images import Frame
from ltr.models.folding import InferenceNet
from pytracking import MultiTracker
from pytracking.debug.seen import Seen
from pytracking.sources.opening import open_feed
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box

BOXES: dict[str, Box] = {"cat": (98.0, 110.0, 60.0, 55.0), "table": (300.0, 60.0, 70.0, 50.0)}


@pytest.fixture(scope="module")
def engine(inference_net: Callable[[str], InferenceNet]) -> TrackerEngine:
    return engine_of(inference_net, "imagenet_mobile", ["search.crop_side=96"])


def alone(engine: TrackerEngine, frame: Frame, *names: str) -> MultiTracker:
    tracker = MultiTracker(engine)
    for name in names or BOXES:
        tracker.add(frame, BOXES[name], name)
    return tracker


@pytest.fixture(scope="module")
def folder(clip: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    for k, frame in enumerate(clip[:5]):
        cv2.imwrite(str(folder / f"{k}.png"), frame[:, :, ::-1])
    return folder


def test_the_boxes_are_those_of_the_tracker_alone(
    engine: TrackerEngine, clip: list[Frame], folder: Path, tmp_path: Path
) -> None:
    tracker = alone(engine, clip[0])
    feed = open_feed(folder)
    with session_of(tmp_path, feed, tracker=MultiTracker(engine)) as session:
        frame_shown(session, feed.name, 1)
        session.pause()
        for name, box in BOXES.items():
            session.add(feed.name, box, name)
        for number in range(2, 6):
            session.step()
            view = frame_shown(session, feed.name, number)
            assert view.predictions == tracker.track(clip[number - 1])


def test_what_is_seen_is_what_an_observer_of_the_target_sees(
    engine: TrackerEngine, clip: list[Frame], tmp_path: Path
) -> None:
    feed, tracker = StandInFeed(), alone(engine, clip[0])
    with session_of(tmp_path, feed, tracker=MultiTracker(engine)) as session:
        feed.push(clip[0])
        frame_shown(session, "feed", 1)
        for name, box in BOXES.items():
            session.add("feed", box, name)
        session.watch("feed", "table")
        feed.push(clip[1])
        seen = frame_shown(session, "feed", 2).seen
    tracker.observer = observer = Seen()
    tracker.track(clip[1])
    expected = observer.of(1)
    assert seen is not None
    assert seen.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(seen[name], value)


@dataclass
class Chosen:
    network: str
    preset: str | None
    of: Callable[[], TrackerEngine]

    def engine(self) -> TrackerEngine:
        return self.of()


def test_another_tracker_begins_where_the_targets_are(
    inference_net: Callable[[str], InferenceNet], clip: list[Frame], tmp_path: Path
) -> None:
    feed = StandInFeed()
    engine = engine_of(inference_net, "imagenet_mobile", ["search.crop_side=96"])
    box = (98.0, 110.0, 60.0, 55.0)
    with session_of(tmp_path, feed) as session:
        feed.push(clip[0])
        frame_shown(session, "feed", 1)
        session.add("feed", box, "cat")
        session.add("feed", (-19, 0, 20, 20), "leaving")
        feed.push(clip[1])
        frame_shown(session, "feed", 2)
        assert session.status()["network"] is None

        def refuse() -> TrackerEngine:
            raise BoxError("no such network")

        with pytest.raises(BoxError):
            session.choose(Chosen("other", None, refuse))
        session.choose(Chosen("imagenet_mobile", "small", lambda: engine))
        status = session.status()
        assert (status["network"], status["preset"]) == ("imagenet_mobile", "small")
        alone = MultiTracker(engine)
        alone.add(clip[1], (99.0, *box[1:]), "cat")
        feed.push(clip[2])
        view = frame_shown(session, "feed", 3)
        assert view.predictions["cat"] == alone.track(clip[2])["cat"]


def test_the_end_waits_for_a_network_that_is_being_loaded(tmp_path: Path) -> None:
    """torch aborts a process that ends while one of its threads is in it."""
    begun, left, told = threading.Event(), threading.Event(), []

    def slow() -> TrackerEngine:
        begun.set()
        told.append(left.wait(0.3))
        raise BoxError("no such network")

    def choose() -> None:
        with pytest.raises(BoxError):
            session.choose(Chosen("other", None, slow))

    thread = threading.Thread(target=choose)
    with session_of(tmp_path, StandInFeed()) as session:
        thread.start()
        assert begun.wait(10)
    left.set()
    thread.join()
    assert told == [False]


def test_a_target_that_the_new_tracker_refuses_is_given_up(
    inference_net: Callable[[str], InferenceNet], tmp_path: Path
) -> None:
    class Runaway(StandInTracker):
        def track(self, frame, names=None):  # type: ignore[no-untyped-def]
            self._boxes = {name: (900.0, 0.0, 20.0, 20.0) for name in self.names}
            return super().track(frame, names)

    feed = StandInFeed()
    engine = engine_of(inference_net, "imagenet_mobile", ["search.crop_side=96"])
    with session_of(tmp_path, feed, tracker=Runaway()) as session:
        feed.push()
        frame_shown(session, "feed", 1)
        session.add("feed", BOX, "cat")
        feed.push()
        frame_shown(session, "feed", 2)
        session.watch("feed", "cat")
        session.choose(Chosen("imagenet_mobile", None, lambda: engine))
        status = session.status()
        assert status["targets"] == []
        assert status["messages"][-1]["line"].startswith("target cat is given up: box 901,0,20,20 ")
        session.add("feed", BOX, "cat")
        assert session.status()["sources"][0]["watched"] is None, "another one of that name"
