"""The targets of a session: which source each belongs to, what it is called, where it was last."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ltr.drawing import Colour
from ltr.errors import BoxError
from pytracking.api import checked_name
from pytracking.sinks.palette import TargetColours
from pytracking.tracker.prediction import Box, Prediction


@dataclass(frozen=True)
class Target:
    """One target, now."""

    key: str
    """What the tracker calls it: its random draws follow from that, whatever it is renamed to."""
    name: str
    source: str
    colour: Colour
    begun: int
    """The frame in which its box was given."""
    frame: int
    """The last frame in which it was looked for, or `begun`."""
    box: Box
    """The last box that it had: of a target that is not found that may be an earlier one."""
    prediction: Prediction | None = None
    """None until it is at the newest frame."""

    def tracked(self, frame: int, prediction: Prediction) -> Target:
        """The same target after a further frame."""
        box = prediction.box if prediction.box[2] > 0 else self.box
        return replace(self, frame=frame, box=box, prediction=prediction)


class Targets:
    """All targets, in the order in which they were added. One thread changes them; `all` is a value
    that others may read."""

    def __init__(self) -> None:
        self.all: tuple[Target, ...] = ()
        self._colours = TargetColours()

    def of(self, source: str) -> list[Target]:
        return [target for target in self.all if target.source == source]

    def named(self, name: str) -> Target:
        """Raises BoxError where there is none."""
        for target in self.all:
            if target.name == name:
                return target
        names = ", ".join(target.name for target in self.all)
        raise BoxError(f"no target {name!r} is tracked: there are {names or 'none'}")

    def free_name(self, name: str | None) -> str:
        """`name`, or without one the first of target, target2, ... that is free. Raises BoxError
        where it is taken or cannot be."""
        taken = {target.name for target in self.all}
        if name is None:
            return _first_free("target", "", taken)
        if checked_name(name) in taken:
            raise BoxError(f"a target {name!r} is tracked already: give another name")
        return name

    def free_key(self, name: str) -> str:
        """What the tracker is to call a target of this name: the name, unless one that was renamed
        had it."""
        return _first_free(name, "#", {target.key for target in self.all})

    def colour(self, name: str) -> Colour:
        return self._colours[name]

    def put(self, target: Target) -> None:
        """A new target, or an old one as it is now."""
        if target.key in {known.key for known in self.all}:
            self.all = tuple(target if t.key == target.key else t for t in self.all)
        else:
            self.all = (*self.all, target)

    def remove(self, keys: Collection[str]) -> None:
        self.all = tuple(target for target in self.all if target.key not in keys)
        if not self.all:
            self._colours.clear()


def _first_free(name: str, mark: str, taken: Collection[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}{mark}{number}", number + 1
    return free
