"""A target that is drawn on a live picture is where the object now is, whatever has passed meanwhile."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from stand_ins import StandInFeed, StandInTracker, frame_shown, picture, shown

from ltr.images import Frame
from pytracking.live import kept_frames
from pytracking.live.catch_up import SECONDS, on_the_way
from pytracking.live.kept_frames import HELD_SECONDS, KeptFrames
from pytracking.live.session import Session
from pytracking.sources.feed import Shot
from pytracking.tracker.prediction import Box, Prediction

SPEED = 4
"""Pixels a frame."""
REACH = 14
"""Pixels around its last place in which a target is looked for."""
SLOW = 15
"""Frames that pass while a target is learned."""


def scene(number: int) -> Frame:
    """A frame whose first pixels say its number."""
    frame = np.zeros((48, 640, 3), np.uint8)
    frame[0, 0] = divmod(number, 256)[0], number % 256, 0
    return frame


def object_in(number: int) -> Box:
    return (float(SPEED * number), 12.0, 20.0, 16.0)


def number_of(frame: Frame) -> int:
    return 256 * int(frame[0, 0, 0]) + int(frame[0, 0, 1])


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class MovingFeed(StandInFeed):
    """25 frames a second of its clock; the object moves."""

    def __init__(self) -> None:
        super().__init__("feed")
        self.clock = Clock()

    def next(self) -> int:
        self.clock.now += 1 / 25
        return self.push(scene(self.count + 1), self.clock.now)


class Follower(StandInTracker):
    """Finds the object near its last place alone. While it learns, SLOW frames come, and others
    while it tracks, until frame `until`."""

    def __init__(self, feed: MovingFeed, seconds: float = 0.02) -> None:
        super().__init__()
        self.feed, self.seconds = feed, seconds
        self.until, self.meanwhile = 0, SLOW
        self.steps: list[dict[str, int]] = []
        self.newest: list[int] = []
        self._owed = 0.0

    def add(self, frame: Frame, box: Sequence[float], name: str) -> None:
        super().add(frame, box, name)
        for _ in range(self.meanwhile):
            self.feed.next()

    def track(
        self, frame: Mapping[str, Frame], names: Collection[str] | None = None
    ) -> dict[str, Prediction]:
        chosen = [name for name in self.names if names is None or name in names]
        self.steps.append({name: number_of(frame[name]) for name in chosen})
        self.newest.append(self.feed.count)
        found = {}
        for name in chosen:
            truth = object_in(number_of(frame[name]))
            near = abs(truth[0] - self._boxes[name][0]) <= REACH
            self._boxes[name] = truth if near else self._boxes[name]
            found[name] = Prediction(
                self._boxes[name], 0.9, "found" if near else "not_found", truth
            )
        self._owed += self.seconds
        self.feed.clock.now += self.seconds
        while self._owed >= 1 / 25:
            self._owed -= 1 / 25
            if self.feed.count < self.until:
                self.feed.clock.now -= 1 / 25  # which `next` lets pass
                self.feed.next()
        return found


def session_with(tmp_path: Path, tracker: Follower) -> Session:
    return Session(tracker, [tracker.feed], recordings=tmp_path, clock=tracker.feed.clock)


@pytest.mark.parametrize("drawing", [0, 25])
def test_a_target_is_found_where_the_object_now_is(tmp_path: Path, drawing: int) -> None:
    """Drawn on a frame that is `drawing` frames old, and learned while SLOW others pass."""
    tracker = Follower(MovingFeed())
    feed = tracker.feed
    with session_with(tmp_path, tracker) as session:
        for _ in range(3):
            frame_shown(session, "feed", feed.next())
        session.hold("feed", 3)
        for _ in range(drawing):
            frame_shown(session, "feed", feed.next())
        tracker.until = 100
        session.add("feed", object_in(3), "cup", 3)
        view = shown(session, "feed", lambda view: "cup" in view.predictions)
        assert view.predictions["cup"].status == "found"
        assert view.predictions["cup"].box == object_in(view.shot.number)
        assert view.shot.number >= 3 + drawing + SLOW
    went = [step["cup"] for step in tracker.steps]
    assert went == sorted(set(went)), "each frame once, in order"


def test_others_go_on_while_one_catches_up(tmp_path: Path) -> None:
    tracker = Follower(MovingFeed(), seconds=0.04)
    feed = tracker.feed
    with session_with(tmp_path, tracker) as session:
        frame_shown(session, "feed", feed.next())
        tracker.meanwhile = 0
        session.add("feed", object_in(1), "first")
        frame_shown(session, "feed", feed.next())
        session.hold("feed", 2)
        for _ in range(25):
            frame_shown(session, "feed", feed.next())
        tracker.steps.clear()
        tracker.meanwhile, tracker.until = 2, 200
        session.add("feed", object_in(2), "second", 2)
        view = shown(session, "feed", lambda view: "second" in view.predictions)
        statuses = {name: p.status for name, p in view.predictions.items()}
        assert statuses == {"first": "found", "second": "found"}
    first = [step["first"] for step in tracker.steps if "first" in step]
    assert first[0] == 29, "those that came while the second one was learned are behind it"
    assert first == list(range(29, first[-1] + 1)), "and no other frame is left out"
    assert next(step["second"] for step in tracker.steps) < 6
    assert len(tracker.threads) == 1


def test_what_cannot_be_tracked_in_time_is_left_out_evenly(tmp_path: Path) -> None:
    """Ten steps a second for 25 frames: so many frames apart, and at the newest after SECONDS."""
    tracker = Follower(MovingFeed(), seconds=0.1)
    feed = tracker.feed
    with session_with(tmp_path, tracker) as session:
        frame_shown(session, "feed", feed.next())
        tracker.meanwhile, tracker.until = 40, 200
        session.add("feed", object_in(1), "cup")
        frame_shown(session, "feed", 200)
    went = [step["cup"] for step in tracker.steps]
    there = next(k for k, newest in enumerate(tracker.newest) if went[k] == newest)
    assert 0.6 * SECONDS / 0.1 < there <= SECONDS / 0.1 + 1
    assert went[0] == 2
    apart = np.diff(went[:there])
    assert apart.max() - apart.min() <= 1, went


def test_frames_of_a_pause_are_not_caught_up_with(tmp_path: Path) -> None:
    tracker = Follower(MovingFeed())
    feed = tracker.feed
    with session_with(tmp_path, tracker) as session:
        frame_shown(session, "feed", feed.next())
        session.pause()
        session.add("feed", object_in(1), "cup")
        session.play()
        frame_shown(session, "feed", feed.next())
    assert {step["cup"] for step in tracker.steps} <= {1 + SLOW, 2 + SLOW}


def test_a_target_that_is_forgotten_while_it_catches_up(tmp_path: Path) -> None:
    tracker = Follower(MovingFeed())
    with session_with(tmp_path, tracker) as session:
        frame_shown(session, "feed", tracker.feed.next())
        tracker.until = 10_000
        tracker.seconds = 0.04
        session.add("feed", object_in(1), "cup")
        session.remove("cup")
        count = len(tracker.steps)
        frame_shown(session, "feed", tracker.feed.next())
        assert len(tracker.steps) == count


def test_frames_that_follow_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    frame = picture(0)
    monkeypatch.setattr(kept_frames, "BYTES", 10 * frame.nbytes)
    kept = KeptFrames(lambda: now)
    kept.keep(Shot(1, frame, 0.0))
    kept.hold(1)
    for number in range(2, 102):
        now += 0.04
        kept.keep(Shot(number, frame, now))
        known = [shot.number for shot in kept.after(0.0)]
        assert known == sorted(set(known))
        assert known[-1] == number
        assert len(known) <= 20
    assert known[0] == 2
    assert np.diff(known).max() <= 16
    assert [shot.number for shot in kept.after(now - 0.06)] == [100, 101]
    now += HELD_SECONDS
    kept.keep(Shot(102, frame, now))
    assert len(kept.after(0.0)) == 1, "after a minute nothing follows"


def test_the_way_is_even_in_time() -> None:
    shots = [Shot(k, picture(k), float(k)) for k in (1, 2, 3, 5, 6, 9, 10)]
    for left, pace, number in [
        (10, 0, 1),
        (10, 1, 2),
        (10, 2, 5),
        (5, 2, 6),
        (1, 1, 10),
        (-5, 1, 10),
    ]:
        assert on_the_way(shots, 0.0, left, pace).number == number
