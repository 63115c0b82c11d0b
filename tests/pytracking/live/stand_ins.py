"""Feeds and a tracker that do what a test says, at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ltr.errors import BoxError, FrameError
from ltr.images import Frame
from pytracking.live.session import Session
from pytracking.live.views import View
from pytracking.sources.feed import Condition, Shot
from pytracking.tracker.prediction import Prediction

PATIENCE = 20.0
"""Seconds after which a test gives up: machines are loaded."""
BOX = (10.0, 12.0, 20.0, 16.0)


def picture(number: int, size: tuple[int, int] = (64, 48)) -> Frame:
    """A frame of this width and height whose pixels say its number."""
    return np.full((size[1], size[0], 3), number % 251, np.uint8)


class StandInFeed:
    """A live feed whose frames are pushed, or a stored one that has `frames` from the start."""

    def __init__(self, name: str = "feed", frames: Sequence[Frame] | None = None) -> None:
        self.name, self.live, self.frame_rate = name, frames is None, 25.0
        self.length = None if frames is None else len(frames)
        self.condition = Condition("opening")
        self.frames = frames or []
        self.closed = False
        self._lock = threading.Lock()
        self._at, self.count, self._newest = 1, 0, None
        self._wake: Callable[[], None] = lambda: None

    def start(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.say(Condition("running"))

    def push(self, frame: Frame | None = None, captured: float | None = None) -> int:
        with self._lock:
            self.count += 1
            frame = picture(self.count) if frame is None else frame
            now = time.monotonic() if captured is None else captured
            self._newest = Shot(self.count, frame, now)
        self._wake()
        return self.count

    def say(self, condition: Condition) -> None:
        self.condition = condition
        self._wake()

    def take(self) -> Shot | None:
        with self._lock:
            if self.live:
                shot, self._newest = self._newest, None
                return shot
            if self._at > len(self.frames):
                self.condition = Condition("ended")
                return None
            shot = Shot(self._at, self.frames[self._at - 1], time.monotonic())
            self._at += 1
            return shot

    def seek(self, number: int) -> None:
        if self.live:
            raise FrameError(f"{self.name} is live: there is no frame to go to")
        with self._lock:
            self._at, self.condition = number, Condition("running")
        self._wake()

    def close(self) -> None:
        self.closed = True


class StandInTracker:
    """Each target moves by a pixel a step; frames of value 99 are refused. Only one thread may use
    it."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.observer: Any = None
        self.names: tuple[str, ...] = ()
        self.seconds = seconds
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self._boxes: dict[str, Any] = {}

    def add(self, frame: Frame, box: Sequence[float], name: str) -> None:
        self.threads.add(threading.get_ident())
        if name in self.names:
            raise BoxError(f"a target {name!r} is tracked already")
        self.names = (*self.names, name)
        self._boxes[name] = tuple(box)

    def remove(self, name: str) -> None:
        self.threads.add(threading.get_ident())
        self.names = tuple(known for known in self.names if known != name)

    def track(
        self, frame: Mapping[str, Frame], names: Collection[str] | None = None
    ) -> dict[str, Prediction]:
        self.threads.add(threading.get_ident())
        chosen = [name for name in self.names if names is None or name in names]
        if any(frame[name][0, 0, 0] == 99 for name in chosen):
            raise FrameError("the frame is of value 99")
        time.sleep(self.seconds)
        self.batches.append(chosen)
        for name in chosen:
            x, *rest = self._boxes[name]
            self._boxes[name] = (x + 1, *rest)
        return {name: Prediction(self._boxes[name], 0.9, "found", BOX) for name in chosen}


def session_of(tmp_path: Path, *feeds: StandInFeed, tracker: Any = None) -> Session:
    return Session(tracker or StandInTracker(), feeds, recordings=tmp_path / "recordings")


def shown(session: Session, source: str, what: Callable[[View], bool]) -> View:
    """The first view of which `what` is true."""
    after, end = 0, time.monotonic() + PATIENCE
    while time.monotonic() < end:
        view = session.wait(source, after, end - time.monotonic())
        if view is not None and what(view):
            return view
        after = view.sequence if view else after
    raise AssertionError(f"it never came; last: {session.view(source)}")


def frame_shown(session: Session, source: str, number: int) -> View:
    return shown(session, source, lambda view: view.shot.number == number)
