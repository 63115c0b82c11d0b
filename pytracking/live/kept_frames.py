"""The frames of the last seconds of a source: a box drawn on one of them still finds it, and its
target can catch up with what has passed meanwhile."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

from ltr.errors import BoxError
from pytracking.sources.feed import Shot

SECONDS = 3.0
"""For so long a frame is kept."""
BYTES = 96 << 20
"""Of all frames of a source that are kept without being held, and again of those that follow."""
HELD_SECONDS = 60.0
MOST_HELD = 8
"""Frames that are held at once; the one that was held first makes room."""


class EvenFrames:
    """Frames in order, evenly apart and within BYTES: all of them, or each second, fourth, ...; and
    the newest one."""

    def __init__(self, shots: Iterable[Shot] = ()) -> None:
        self._chosen: list[Shot] = []
        self._newest: list[Shot] = []
        self._count, self._stride = 0, 1
        for shot in shots:
            self.add(shot)

    def add(self, shot: Shot) -> None:
        chosen = self._count % self._stride == 0
        self._count += 1
        self._newest = [] if chosen else [shot]
        if chosen:
            self._chosen.append(shot)
        if sum(known.frame.nbytes for known in self._chosen) > BYTES:
            self._chosen, self._stride = self._chosen[::2], 2 * self._stride
            self._newest = [shot] if self._chosen[-1] is not shot else []

    @property
    def all(self) -> list[Shot]:
        return self._chosen + self._newest


class KeptFrames:
    """The newest frame, those before it for SECONDS and within BYTES, those that are held, and what
    has followed one frame, for a minute and thinned to BYTES."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._recent: deque[tuple[float, Shot]] = deque()
        self._bytes = 0
        self._held: OrderedDict[int, tuple[float, Shot]] = OrderedDict()
        self._followed = -HELD_SECONDS
        self._following = EvenFrames()

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
        if now - self._followed > HELD_SECONDS:
            self._following = EvenFrames()
        else:
            self._following.add(shot)

    def follow(self, shot: Shot) -> None:
        """Keep of what comes after a frame, which is known here, enough to catch up with it."""
        self._following = EvenFrames(self.after(shot.captured))
        self._followed = self._clock()

    def after(self, captured: float) -> list[Shot]:
        """The frames that are known of the time after `captured`, the newest one last."""
        recent = [shot for _, shot in self._recent if shot.captured > captured]
        until = recent[0].captured if recent else float("inf")
        return [s for s in self._following.all if captured < s.captured < until] + recent

    def hold(self, number: int) -> None:
        """Keep frame `number` for a minute from now, and `follow` it. Raises BoxError where it is
        gone."""
        shot = self.find(number)
        self._held[number] = (self._clock(), shot)
        self._held.move_to_end(number)
        self.follow(shot)
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
