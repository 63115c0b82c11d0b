"""A tracker of targets that come and go, in the frames of several sources, with a probe looking
on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from ltr.images import Frame
from pytracking.api import MultiTracker
from pytracking.debug.probe import Probe
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import Prediction

if TYPE_CHECKING:
    from torch import Tensor


class ProbedTracker:
    """A `MultiTracker` whose `probe` is told of each step: of the targets that see the same frame
    as the first one, for a probe is shown one frame at a time. It counts steps, not frames of a
    source."""

    def __init__(self, tracker: MultiTracker, probe: Probe) -> None:
        self.observer: Observer | None = None
        """Of the next step, besides the probe's."""
        self._tracker = tracker
        self._probe = probe
        self._number = 1

    @property
    def names(self) -> tuple[str, ...]:
        """As of `MultiTracker`."""
        return self._tracker.names

    def add(self, frame: Frame, box: Sequence[float], name: str) -> None:
        """As of `MultiTracker`."""
        self._tracker.add(frame, box, name)
        x, y, w, h = box
        self._probe.begin(self._number, frame, {name: (x, y, w, h)})

    def remove(self, name: str) -> None:
        """As of `MultiTracker`."""
        self._tracker.remove(name)

    def track(
        self, frame: Mapping[str, Frame], names: Collection[str] | None = None
    ) -> dict[str, Prediction]:
        """As of `MultiTracker`; frame: of each target."""
        chosen = self.names if names is None else names
        order = [name for name in self.names if name in chosen]
        if not order:
            return {}
        shown = frame[order[0]]
        rows = [row for row, name in enumerate(order) if frame[name] is shown]
        self._number += 1
        own = self._probe.observer(self._number)
        self._tracker.observer = _Two(self.observer, own, rows) if own else self.observer
        begin = perf_counter()
        try:
            predictions = self._tracker.track(frame, names)
        finally:
            self._tracker.observer = None
        took = perf_counter() - begin
        looked_at = [order[row] for row in rows]
        told = [predictions[name] for name in looked_at]
        self._probe.write(self._number, shown, looked_at, told, took)
        return predictions


class _Two:
    """An observer of all rows, if there is one, and one of some."""

    def __init__(self, everything: Observer | None, some: Observer, rows: Sequence[int]) -> None:
        self._all, self._some, self._rows = everything, some, rows

    def observe(self, name: str, value: Tensor) -> None:
        if self._all is not None:
            self._all.observe(name, value)
        self._some.observe(name, value[list(self._rows)])
