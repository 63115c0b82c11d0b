"""The one place between who reads a device and who wants its frames: it holds the newest one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ltr.images import Frame
from pytracking.sources.feed import Condition, Shot
from pytracking.sources.watchdog import Device, Heard, Limits, condition_of, next_change

SAMPLE = 16
"""Every so many rows and columns are compared first."""


class NewestShot:
    """The newest frame of a device and the device's condition; safe for any threads.

    Frames that nobody took are left out, and counted by the numbers of the shots. Who watches the
    time waits for `stir`, no longer than `look` says: it is set when that has changed."""

    def __init__(self, device: Device, limits: Limits, clock: Callable[[], float]) -> None:
        self._device = device
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._heard = Heard(began=clock())
        self._said = Condition("opening")
        self.stir = threading.Event()
        self._wake: Callable[[], None] = _nobody
        self._shot: Shot | None = None
        self._number = 0
        self._last: Frame | None = None

    def start(self, wake: Callable[[], None]) -> None:
        """Time begins; `wake` hears of new shots and conditions."""
        with self._lock:
            self._wake = wake
            self._heard = replace(self._heard, began=self._clock())

    def put(self, frame: Frame, note: str = "") -> None:
        """A frame has come; `note` is to be said while such frames come."""
        last = self._last
        same = last is not None and equal(last, frame)
        with self._lock:
            now = self._clock()
            if self._heard.ended:
                return
            self._number += 1
            self._shot = Shot(self._number, frame, now)
            self._last = frame
            fresh_at = self._heard.fresh_at if same else now
            self._heard = Heard(self._heard.began, now, fresh_at, note)
            before, self._said = self._said, self._condition(now)
        if self._said != before:
            self.stir.set()
        self._wake()

    def fail(self, line: str) -> None:
        """The device cannot be opened or read, for the reason in `line`."""
        with self._lock:
            self._heard = replace(self._heard, failure=line)
        self.look()

    def stop(self) -> None:
        """A reading ended without a frame. After a silence that is the same silence, otherwise a
        failure."""
        device = self._device
        if self.condition.word != "stalled":
            self.fail(
                f"{device.title} cannot be read any more: {device.advice}; it is tried again until "
                "it can"
            )

    def end(self, line: str = "") -> None:
        """There will be no more frames; the last one may still be taken."""
        with self._lock:
            self._heard = replace(self._heard, ended=True, failure=line)
        self.look()

    def close(self) -> None:
        """Nothing is to be taken any more."""
        self.end()
        with self._lock:
            self._shot = self._last = None
        self.stir.set()

    def take(self) -> Shot | None:
        with self._lock:
            shot, self._shot = self._shot, None
            return shot

    @property
    def condition(self) -> Condition:
        with self._lock:
            return self._condition(self._clock())

    @property
    def fresh_at(self) -> float:
        """When the last frame came that was another one than that before."""
        return self._heard.fresh_at

    def look(self) -> float:
        """Say what has changed. Returns the seconds to the next change that time alone brings."""
        with self._lock:
            now = self._clock()
            new = self._condition(now)
            changed, self._said = new != self._said, new
            pause = next_change(self._heard, self._limits, now) - now
        if changed:
            self._wake()
        return pause

    def _condition(self, now: float) -> Condition:
        return condition_of(self._heard, self._device, self._limits, now)


def equal(one: Frame, other: Frame) -> bool:
    """Whether two frames have the same pixels, bit by bit: at the price of a few, if not."""
    if one.shape != other.shape:
        return False
    few = (slice(None, None, SAMPLE), slice(None, None, SAMPLE))
    return np.array_equal(one[few], other[few]) and np.array_equal(one, other)


def _nobody() -> None:
    """Who is woken before `start`."""
