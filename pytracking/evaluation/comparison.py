"""Several trackers' results on the same sequences, scored by one protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ltr.errors import ResultError
from ltr.progress import counted
from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.protocols import Protocol, Truth
from pytracking.evaluation.results import Run
from pytracking.evaluation.scoring import SequenceScore, Summary, score, speed, summary, weights_of

_NO_VALUES = np.zeros(0)
_NO_FRAMES = np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Subject:
    """A sequence as it is scored."""

    name: str
    truth: Truth
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RunScores:
    """One run over S sequences; what it is in each frame is not kept."""

    name: str
    sequences: tuple[SequenceScore, ...]
    summary: Summary
    fps: float
    """NaN where times are not known."""

    @cached_property
    def values(self) -> Array:
        """(S, K) the K scores of the protocol of each sequence, as shares of 1."""
        protocol = self.summary.protocol
        return np.array([[*summary(protocol, [s]).scores.values()] for s in self.sequences])


@dataclass(frozen=True, eq=False)
class TrackerScores:
    """A tracker's runs."""

    label: str
    runs: tuple[RunScores, ...]

    @cached_property
    def values(self) -> Array:
        """(S, K) means over runs."""
        return np.mean([run.values for run in self.runs], axis=0)

    @cached_property
    def scores(self) -> Array:
        """(K,) the scores, means over runs."""
        return np.mean([[*run.summary.scores.values()] for run in self.runs], axis=0)

    @property
    def spread(self) -> float:
        """Standard deviation of the first score between runs; NaN of a single one."""
        first = [next(iter(run.summary.scores.values())) for run in self.runs]
        return float(np.std(first, ddof=1)) if len(first) > 1 else float("nan")

    @property
    def fps(self) -> float:
        """Mean over the runs whose times are known; NaN without any."""
        known = [run.fps for run in self.runs if run.fps > 0]
        return float(np.mean(known)) if known else float("nan")

    def curve(self, of: str) -> Array:
        """The mean of the curve `of` Summary: success, precision or norm_precision."""
        return np.asarray(np.mean([getattr(run.summary, of) for run in self.runs], axis=0))

    def over(self, members: NDArray[np.intp]) -> float:
        """The first score over the sequences with these numbers, mean over runs."""
        protocol = self.runs[0].summary.protocol
        of_runs = [summary(protocol, [run.sequences[k] for k in members]) for run in self.runs]
        return float(np.mean([next(iter(s.scores.values())) for s in of_runs]))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Trackers on the same S sequences."""

    benchmark: str
    protocol: Protocol
    sequences: tuple[Subject, ...]
    trackers: tuple[TrackerScores, ...]
    """In the order given: the first is what the others are compared with."""

    @property
    def title(self) -> str:
        """What every table and plot says of itself."""
        count = counted(len(self.sequences), "sequence")
        return f"{self.benchmark}, {count}, protocol {self.protocol.name}"

    @property
    def first(self) -> str:
        """The name of the score that trackers are ranked by."""
        return self.protocol.readings[0].name

    @property
    def ranked(self) -> list[TrackerScores]:
        """The trackers, the best first; those whose score is NaN last."""
        return sorted(self.trackers, key=lambda t: np.nan_to_num(-t.scores[0], nan=np.inf))

    @property
    def attributes(self) -> dict[str, NDArray[np.intp]]:
        """The numbers of the sequences with each attribute, where there are two or more."""
        found: dict[str, list[int]] = {}
        for number, subject in enumerate(self.sequences):
            for attribute in subject.attributes:
                found.setdefault(attribute, []).append(number)
        return {name: np.array(members) for name, members in found.items() if len(members) > 1}

    def interval(self, tracker: TrackerScores) -> tuple[float, float]:
        """95 % of the first score, by drawing sequences."""
        return self._interval(tracker.values[:, 0])

    def difference(self, tracker: TrackerScores) -> tuple[float, float, float]:
        """By how much the first score exceeds that of the first tracker, and 95 % of that."""
        reference = self.trackers[0]
        gain = float(tracker.scores[0] - reference.scores[0])
        return gain, *self._interval(tracker.values[:, 0] - reference.values[:, 0])

    def _interval(self, values: Array) -> tuple[float, float]:
        weights = weights_of(self.protocol, self.trackers[0].runs[0].sequences)
        return bootstrap_interval(values, weights=weights)


def compare(
    benchmark: str, protocol: Protocol, sequences: Sequence[Subject], runs: Iterable[Run]
) -> Comparison:
    """Score runs, one after the other; those with the same label are of one tracker. Raises
    ResultError with the file that the protocol refuses."""
    trackers: dict[str, list[RunScores]] = {}
    for run in runs:
        trackers.setdefault(run.label, []).append(score_run(protocol, sequences, run))
    scored = tuple(TrackerScores(label, tuple(found)) for label, found in trackers.items())
    return Comparison(benchmark, protocol, tuple(sequences), scored)


def score_run(protocol: Protocol, sequences: Sequence[Subject], run: Run) -> RunScores:
    """One run, scored. Raises ResultError with the file that the protocol refuses."""
    missing = [s.name for s in sequences if s.name not in run.readers]
    if missing and protocol.no_result == "refused":
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ResultError(
            f"{run.root} has no result of {missing[0]!r}{more} of "
            f"{counted(len(sequences), 'sequence')} in {run.label}"
            f"{f' {run.name}' if run.name else ''}, which protocol {protocol.name} "
            "refuses: track them, or give --sequence NAME for each one that is to be compared"
        )
    scores, seconds = [], []
    for sequence in sequences:
        result = run.read(sequence.name)
        boxes = None if result is None else result.boxes_xywh
        try:
            with np.errstate(invalid="ignore", over="ignore"):
                scored = score(protocol, boxes, sequence.truth, sequence.name)
        except ValueError as error:
            place = f"{run.root}: " if result is None else f"{result.path}: "
            raise ResultError(f"{place}{error}") from None
        scores.append(
            replace(
                scored,
                frames=_NO_FRAMES,
                overlap=_NO_VALUES,
                centre_error=_NO_VALUES,
                norm_error=_NO_VALUES,
            )
        )
        if result is not None and result.seconds is not None:
            seconds.append(result.seconds)
    return RunScores(run.name, tuple(scores), summary(protocol, scores), speed(protocol, seconds))
