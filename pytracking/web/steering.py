"""Many watch, one steers: who has the wheel, and how it changes hands."""

from __future__ import annotations

from collections.abc import Callable

from ltr.errors import TrackingError

IDLE = 20.0
"""Seconds after the last command of whoever steers, from which others may take the wheel."""


class SteeringError(TrackingError):
    """Somebody else steers."""


class Wheel:
    """The first that acts takes it; it is given, or taken from one who is idle. People are known by
    a text of their own choosing and are numbered as they come.

    Not for several threads: the event loop's alone."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.holder: str | None = None
        self._clock = clock
        self._acted = 0.0
        self._numbers: dict[str, int] = {}

    def label(self, who: str) -> str:
        """What a person is called on the page."""
        return f"viewer {self._numbers.setdefault(who, len(self._numbers) + 1)}"

    @property
    def idle(self) -> float:
        """Seconds since whoever steers did something."""
        return self._clock() - self._acted

    def act(self, who: str) -> None:
        """Somebody gives a command. Raises SteeringError where another one steers."""
        self._refuse_unless(self.holder in (None, who))
        self.holder, self._acted = who, self._clock()

    def take(self, who: str) -> None:
        """Somebody wants the wheel. Raises SteeringError where another one has it and is not
        idle."""
        self._refuse_unless(self.holder in (None, who) or self.idle >= IDLE)
        self.holder, self._acted = who, self._clock()

    def give(self, who: str) -> None:
        """Whoever steers lets go: the next that acts or asks has it. Raises SteeringError where
        another one steers."""
        self.act(who)
        self.holder = None

    def leave(self, who: str) -> None:
        """Somebody has gone."""
        if self.holder == who:
            self.holder = None

    def _refuse_unless(self, allowed: bool) -> None:
        if allowed or self.holder is None:
            return
        left = IDLE - self.idle
        how = (
            f"ask them to let go, or take the wheel after {left:.0f} s without a command"
            if left > 0
            else "take the wheel first"
        )
        raise SteeringError(f"{self.label(self.holder)} steers: {how}")
