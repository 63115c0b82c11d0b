"""Targets that begin late: a box is drawn on a frame that was, and learning it takes as long as
many frames, which pass meanwhile. They are looked for in those that were kept, until they are at
the newest one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytracking.live.intake import Intake
from pytracking.live.targets import Targets
from pytracking.sources.feed import Shot

SECONDS = 2.0
"""Catching up takes no longer: what cannot be tracked by then is left out, evenly."""


@dataclass
class _Way:
    """How far a target has come."""

    at: float
    """When its last frame was captured, in seconds of the feed's clock."""
    until: float
    """When it is to be at the newest frame, in seconds of the session's clock."""


class CatchUp:
    """The targets that are not at the newest frame yet. The tracking thread's alone."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ways: dict[str, _Way] = {}
        self._pace = 0.0

    def __contains__(self, key: object) -> bool:
        return key in self._ways

    def begin(self, key: str, shot: Shot) -> None:
        """A target has begun in a frame."""
        self._ways[key] = _Way(shot.captured, self._clock() + SECONDS)

    def end(self, keys: Iterable[str]) -> None:
        """Targets are at the newest frame, or gone."""
        for key in keys:
            self._ways.pop(key, None)

    def due(self, intakes: Collection[Intake], targets: Targets) -> dict[str, Shot]:
        """By the keys of targets, the frame in which each is to be looked for now; of those that
        know all frames there are, nothing."""
        due = {}
        for intake in intakes:
            for key in [t.key for t in targets.of(intake.name) if t.key in self._ways]:
                way = self._ways[key]
                if intake.sought and intake.shot is not None:  # shown, not tracked
                    way.at = intake.shot.captured
                elif shots := intake.kept.after(way.at):
                    due[key] = on_the_way(shots, way.at, way.until - self._clock(), self._pace)
        return due

    def note(self, tracked: Mapping[str, Shot], seconds: float) -> None:
        """Targets were looked for in these frames, which took so long."""
        self._pace = seconds if tracked else self._pace
        for key in tracked.keys() & self._ways.keys():
            self._ways[key].at = tracked[key].captured


def on_the_way(shots: Sequence[Shot], at: float, left: float, pace: float) -> Shot:
    """The next one of the frames since `at`, the newest one last, in steps of `pace` seconds that
    are even and lead to the one that will be the newest when the seconds that are left have gone;
    pace 0 leaves none out."""
    span = shots[-1].captured - at + max(left, 0.0)
    stride = span / max(left / pace, 1.0) if pace > 0 else 0.0
    return next((shot for shot in shots if shot.captured >= at + stride), shots[-1])
