"""A device for `LiveFeed` that does what a test says, and what tests wait with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np

from ltr.errors import FrameError
from ltr.images import Frame
from pytracking.sources.feed import Feed, Shot
from pytracking.sources.watchdog import Device, Limits

PATIENCE = 30.0
"""Seconds that a test waits for what must happen, on the slowest machine."""
FAST = Limits(silence=0.15, sameness=0.15, retry=0.05, patience=0.5, repeating_retry=0.3)


def numbered(number: int) -> Frame:
    """A small frame that holds its number in its first pixel, and nothing else."""
    frame = np.zeros((24, 32, 3), np.uint8)
    frame[0, 0] = number // 65536, number // 256 % 256, number % 256
    return frame


def number_in(frame: Frame) -> int:
    return int(frame[0, 0].astype(int) @ (65536, 256, 1))


class FakeDevice:
    """state: what it does from now on. runs: a new frame every 5 ms. repeats: the last one again.
    blocks: a reading does not return until `free` is called. fails: a reading gives nothing and
    opening is refused. ends: a reading says that this is the end."""

    name = "fake"
    frame_rate = 200.0
    device = Device("camera fake", "check its cable")

    def __init__(
        self, state: Literal["runs", "repeats", "blocks", "fails", "ends"] = "runs"
    ) -> None:
        self.state = state
        self.read_frames = 0
        self.opened = self.closed = 0
        self._free = threading.Event()

    def free(self) -> None:
        """All readings that block return, without a frame."""
        self._free.set()
        self._free = threading.Event()

    def open(self) -> FakeDevice:
        if self.state == "fails":
            raise FrameError("there is no camera fake: connect it")
        self.opened += 1
        return self

    note = ""

    def read(self) -> Frame | None:
        time.sleep(0.005)
        if self.state == "fails":
            return None
        if self.state == "ends":
            raise EOFError
        if self.state == "blocks":
            self._free.wait()
            return None
        self.read_frames += self.state == "runs"
        return numbered(self.read_frames)

    def close(self) -> None:
        self.closed += 1


class Listener:
    """A started feed, and who is woken by it."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.woken = threading.Event()
        feed.start(self.woken.set)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, looking whenever the feed wakes: it must say so."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self.woken.wait(max(0.0, deadline - time.monotonic())), self.feed.condition
            self.woken.clear()

    def until_it_is(self, word: str) -> None:
        self.until(lambda: self.feed.condition.word == word)

    def shot(self) -> Shot:
        """The next one."""
        shots: list[Shot | None] = []
        self.until(lambda: shots.append(self.feed.take()) or shots[-1] is not None)  # type: ignore[func-returns-value]
        assert shots[-1] is not None
        return shots[-1]

    def numbers(self, count: int) -> list[int]:
        """The numbers of the next shots."""
        return [self.shot().number for _ in range(count)]


@contextmanager
def listening(feed: Feed) -> Iterator[Listener]:
    """The feed, started, and closed afterwards; none of its threads is left then."""
    try:
        yield Listener(feed)
    finally:
        feed.close()
    wait_until(lambda: not threads_of(feed))


def threads_of(feed: Feed) -> list[threading.Thread]:
    names = (f"reader {feed.name}", f"keeper {feed.name}")
    return [thread for thread in threading.enumerate() if thread.name in names]


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what nobody wakes for."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
