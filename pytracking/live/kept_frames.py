"""The frames of the last seconds of a source, so that a box drawn on one of them still finds it."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from ltr.errors import BoxError
from pytracking.sources.feed import Shot

SECONDS = 3.0
"""For so long a frame is kept."""
BYTES = 96 << 20
"""Of all frames of a source that are kept without being held."""
HELD_SECONDS = 60.0
MOST_HELD = 8
"""Frames that are held at once; the one that was held first makes room."""


class KeptFrames:
    """The newest frame, those before it for SECONDS and within BYTES, and those that are held."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._recent: deque[tuple[float, Shot]] = deque()
        self._bytes = 0
        self._held: OrderedDict[int, tuple[float, Shot]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._recent) + len(self._held)

    def keep(self, shot: Shot) -> None:
        """The newest frame."""
        now = self._clock()
        self._recent.append((now, shot))
        self._bytes += shot.frame.nbytes
        while len(self._recent) > 1 and (self._bytes > BYTES or now - self._recent[0][0] > SECONDS):
            self._bytes -= self._recent.popleft()[1].frame.nbytes
        for number in [n for n, (since, _) in self._held.items() if now - since > HELD_SECONDS]:
            del self._held[number]

    def hold(self, number: int) -> None:
        """Keep frame `number` for a minute from now. Raises BoxError where it is gone."""
        shot = self.find(number)
        self._held[number] = (self._clock(), shot)
        self._held.move_to_end(number)
        if len(self._held) > MOST_HELD:
            self._held.popitem(last=False)

    def find(self, number: int) -> Shot:
        """Frame `number`, the last one of that number. Raises BoxError where it is gone."""
        for _, shot in reversed(self._recent):
            if shot.number == number:
                return shot
        since, held = self._held.get(number, (-HELD_SECONDS, None))
        if held is None or self._clock() - since > HELD_SECONDS:
            raise BoxError(f"frame {number} is gone: draw the box again, on the newest frame")
        return held
