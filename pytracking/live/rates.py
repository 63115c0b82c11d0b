"""How many frames a second: of a source from end to end, and of the tracker alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SPAN = 2.0
"""Seconds over which rates are taken."""
MOST = 1000
"""Frames that are remembered at the most."""


@dataclass(frozen=True)
class Rates:
    """Frames a second over the last SPAN seconds; 0 where none came."""

    end_to_end: float
    """Frames that were shown."""
    tracker: float
    """What the tracker would manage if it never waited."""


class RateMeter:
    """The rates of one source."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._frames: deque[tuple[float, float]] = deque(maxlen=MOST)

    def note(self, seconds: float) -> None:
        """A frame is shown now, of which the tracker had `seconds`; 0 if it was not asked."""
        self._frames.append((self._clock(), seconds))

    def rates(self) -> Rates:
        """As of now."""
        now = self._clock()
        recent = [frame for frame in self._frames.copy() if now - frame[0] <= SPAN]
        tracked = [seconds for _, seconds in recent if seconds > 0]
        elapsed = now - recent[0][0] if recent else 0.0
        return Rates(
            end_to_end=(len(recent) - 1) / elapsed if elapsed > 0 else 0.0,
            tracker=len(tracked) / sum(tracked) if tracked else 0.0,
        )
