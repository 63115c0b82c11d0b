"""A source without a device: the demo clip, forward and backward without end, at its own pace."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

from ltr.images import Frame, as_frame
from pytracking.sources.demo_clip import FRAMES, HEIGHT, WIDTH, DemoClip
from pytracking.sources.watchdog import Device

NAME = "synthetic"


def clip_index(number: int) -> int:
    """Which frame of the demo clip, from 0, is frame `number`, from 1: forward, then backward, so
    that nothing ever jumps."""
    at = (number - 1) % (2 * FRAMES - 2)
    return min(at, 2 * FRAMES - 2 - at)


@lru_cache(maxsize=1)
def _clip() -> DemoClip:
    return DemoClip(0)


@lru_cache(maxsize=FRAMES)
def rendered(index: int) -> Frame:
    """A frame of the demo clip, from 0. Rendering takes half a core at 25 frames a second, so the
    frames are kept (104 MB), once for all feeds of the process."""
    return _clip().frame(index)


class Synthetic:
    """A live source for `LiveFeed`. size: (width, height) of the frames, pixels. frame_rate: frames
    a second, no more than that."""

    device = Device("the synthetic source", "wait")

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        frame_rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = NAME
        self.frame_rate = frame_rate or DemoClip.frame_rate
        self._size = size or (WIDTH, HEIGHT)
        self._clock = clock

    def open(self) -> SyntheticCapture:
        return SyntheticCapture(self._size, self.frame_rate, self._clock)


class SyntheticCapture:
    """The frames, from the first one on, none left out: who is late is late."""

    note = ""

    def __init__(
        self, size: tuple[int, int], frame_rate: float, clock: Callable[[], float]
    ) -> None:
        self.frame_rate = frame_rate
        self._size = size
        self._clock = clock
        self._number = 0
        self._due = clock()

    def read(self) -> Frame:
        import cv2

        self._number += 1
        frame = rendered(clip_index(self._number))
        if self._size != (WIDTH, HEIGHT):
            frame = as_frame(cv2.resize(frame, self._size, interpolation=cv2.INTER_LINEAR))
        time.sleep(max(0.0, self._due - self._clock()))
        self._due = max(self._due, self._clock()) + 1 / self.frame_rate
        return frame

    def close(self) -> None:
        """Nothing is held."""
