"""Pausing and stepping a loop over frames from another thread."""

from __future__ import annotations

from threading import Condition
from typing import Protocol


class Steering(Protocol):
    """What can be asked of a run, from any thread."""

    def pause(self) -> None:
        """Track no further frame."""

    def play(self) -> None:
        """Go on."""

    def step(self) -> None:
        """Track one frame and pause."""


class Gate:
    """A loop asks it before each frame: `gate.wait()`. Others say whether the loop may go on."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._paused = False
        self._steps = 0

    def pause(self) -> None:
        """As of `Steering`."""
        self._set(paused=True, steps=0)

    def play(self) -> None:
        """As of `Steering`."""
        self._set(paused=False, steps=0)

    def step(self) -> None:
        """As of `Steering`."""
        self._set(paused=True, steps=self._steps + 1)

    def wait(self) -> None:
        """Return at once unless paused; then at the next step or play."""
        with self._changed:
            while self._paused and not self._steps:
                self._changed.wait()
            self._steps = max(0, self._steps - 1)

    def _set(self, paused: bool, steps: int) -> None:
        with self._changed:
            self._paused, self._steps = paused, steps
            self._changed.notify_all()
