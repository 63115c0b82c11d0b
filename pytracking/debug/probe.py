"""What looks into a run while it tracks: pictures in a folder, a page of the run, a visdom server.

with Probes([Strips(folder), RunPage(folder)]) as probes:
    tracker.add(frame, box, "left")
    probes.begin(1, frame, {"left": box})
    for number, frame in enumerate(frames, 2):
        tracker.observer = probes.observer(number)
        predictions = tracker.track(frame)
        probes.write(number, frame, list(predictions), list(predictions.values()))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from ltr.images import Frame
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import Box, Prediction

if TYPE_CHECKING:
    from torch import Tensor


class Probe(Protocol):
    """Told of every frame of a run. What it keeps of a frame is not copied: nobody writes to it."""

    def begin(self, number: int, frame: Frame, boxes: Mapping[str, Box]) -> None:
        """Targets begin at these boxes of frame `number`; the first frame is 1."""

    def observer(self, number: int) -> Observer | None:
        """Before the step: the observer of frame `number`, or None where nothing of it is to be
        seen, so that nothing is computed for it."""

    def write(
        self,
        number: int,
        frame: Frame,
        names: Sequence[str],
        predictions: Sequence[Prediction],
        seconds: float = math.nan,
    ) -> None:
        """After the step: its B targets, in the order of the engine's rows, and the seconds that
        the tracker took, where they are known. May raise ResultError."""

    def __enter__(self) -> Probe: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Probes:
    """Several probes as one; none, and the engine has no observer."""

    def __init__(self, probes: Iterable[Probe] = ()) -> None:
        self.probes = tuple(probes)
        self._stack = ExitStack()

    def __enter__(self) -> Probes:
        with ExitStack() as stack:
            for probe in self.probes:
                stack.enter_context(probe)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def begin(self, number: int, frame: Frame, boxes: Mapping[str, Box]) -> None:
        """As of `Probe`."""
        for probe in self.probes:
            probe.begin(number, frame, boxes)

    def observer(self, number: int) -> Observer | None:
        """As of `Probe`."""
        observers = [found for probe in self.probes if (found := probe.observer(number))]
        return _Observers(observers) if len(observers) > 1 else next(iter(observers), None)

    def write(
        self,
        number: int,
        frame: Frame,
        names: Sequence[str],
        predictions: Sequence[Prediction],
        seconds: float = math.nan,
    ) -> None:
        """As of `Probe`."""
        for probe in self.probes:
            probe.write(number, frame, names, predictions, seconds)


class _Observers:
    """Several observers as one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def observe(self, name: str, value: Tensor) -> None:
        for observer in self._observers:
            observer.observe(name, value)
