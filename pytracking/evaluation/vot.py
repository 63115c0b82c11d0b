"""The supervised experiment of the VOT challenge (Kristan et al. 2016): a tracker that fails is
started again, and scored by accuracy, robustness and expected average overlap (EAO); numpy only.

Two programs score it, pysot-toolkit and votchallenge/toolkit (the package vot-toolkit), and differ
in a few thousandths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytracking.evaluation.metrics import Array
from pytracking.evaluation.vot_overlap import Region, Toolkit, rasterized_overlaps

UNKNOWN, INITIALIZATION, FAILURE = 0, 1, 2
"""The codes of a result: a frame that is left out after a failure, one in which the tracker was
given the target, one in which it had lost it."""
PREDICTION = -1
"""In place of a code where a result has a region."""
RESTART_AFTER = 5
"""Frames from a failure to the next initialization."""
BURN_IN = 10
"""Frames from an initialization on, itself included, that say nothing of accuracy."""
EAO_FRAMES = {
    "vot2016": (108, 371),
    "vot2017": (100, 356),
    "vot2018": (100, 356),
    "vot2019": (46, 291),
}
"""The lengths, first and last, over which each year's EAO is the mean."""
SENSITIVITY = 30
"""Frames S in votchallenge/toolkit's robustness exp(-S failures / length)."""


@dataclass(frozen=True, eq=False)
class SupervisedRun:
    """One repetition over one sequence of N frames."""

    codes: NDArray[np.int64]
    """(N,) UNKNOWN, INITIALIZATION, FAILURE or PREDICTION."""
    overlaps: Array
    """(N,) with the annotation; NaN where there is no prediction, or the annotation is unknown."""

    @property
    def failures(self) -> int:
        """How often the target was lost."""
        return int((self.codes == FAILURE).sum())

    @property
    def settled_overlaps(self) -> Array:
        """(N,) overlaps, NaN within BURN_IN of an initialization too."""
        settled = self.overlaps.copy()
        for start in np.flatnonzero(self.codes == INITIALIZATION):
            settled[start : start + BURN_IN] = np.nan
        return settled


@dataclass(frozen=True)
class SupervisedScores:
    """What one toolkit prints of a tracker."""

    accuracy: float
    """Mean overlap: votchallenge of the sequences' means by their lengths, pysot of all frames."""
    robustness: float
    """votchallenge: the chance not to fail within SENSITIVITY frames; pysot: failures in a hundred
    frames."""
    failures: float
    """votchallenge: mean number of a sequence's failures by length; pysot: of all sequences."""
    eao: float


def supervised_run(
    result: Sequence[Region],
    annotation: Sequence[Region],
    frame_wh: tuple[int, int],
    toolkit: Toolkit,
) -> SupervisedRun:
    """A result, a region or a code (1,) a frame, compared with the annotation in frames (W, H).
    Raises ValueError for lengths that differ."""
    codes = [PREDICTION if len(region) > 1 else int(region[0]) for region in result]
    return SupervisedRun(
        np.array(codes), rasterized_overlaps(result, annotation, frame_wh, toolkit)
    )


def supervised_scores(
    sequences: Sequence[Sequence[SupervisedRun]], eao_frames: tuple[int, int], toolkit: Toolkit
) -> SupervisedScores:
    """The scores of all repetitions (at least one) of each sequence, compared by the rules of the
    same toolkit. eao_frames: as in EAO_FRAMES; pysot counts the frame of the initialization among
    them, votchallenge does not; lengths that nothing reaches are left out. A score is NaN where no
    frame says anything of it."""
    lengths = np.array([len(runs[0].codes) for runs in sequences])
    failures = np.array([np.mean([run.failures for run in runs]) for runs in sequences])
    settled = [[run.settled_overlaps for run in runs] for runs in sequences]
    if toolkit == "pysot":
        accuracy = _mean(np.concatenate([run for runs in settled for run in runs]))
        low, high = eao_frames[0] - 1, eao_frames[1] - 1
        lost = float(failures.sum())
        robustness = 100 * lost / float(lengths.sum())
    else:
        means = np.array([_mean(np.array([_mean(run) for run in runs])) for runs in settled])
        known = ~np.isnan(means)
        accuracy = _weighted(means[known], lengths[known])
        low, high = eao_frames
        lost = _weighted(failures, lengths)
        robustness = float(np.exp(-SENSITIVITY * lost / lengths.mean()))
    curve = expected_overlaps(sequences)
    return SupervisedScores(accuracy, robustness, lost, _mean(curve[low : high + 1]))


def expected_overlaps(sequences: Sequence[Sequence[SupervisedRun]]) -> Array:
    """Phi (M,): at n the mean overlap of the n frames after an initialization, to be expected where
    there are as many; NaN at 0. M is the length of the longest stretch of tracking. The repetitions
    of a sequence share a weight of 1.

    A stretch goes from an initialization to the next failure and then on with zeros, or to the end
    of its sequence, beyond which it says nothing (Kristan et al. 2015, section 4.2)."""
    stretches = [
        (1 / len(runs), *stretch)
        for runs in sequences
        for run in runs
        for stretch in _stretches(run)
    ]
    length = max((len(overlaps) for _, overlaps, _ in stretches), default=1)
    total, weights = np.zeros(length), np.zeros(length)
    frames = np.arange(1, length)
    for weight, overlaps, failed in stretches:
        tracked = np.zeros(length - 1)
        tracked[: len(overlaps) - 1] = overlaps[1:]
        reach = length if failed else len(overlaps)
        total[1:reach] += weight * (np.cumsum(tracked) / frames)[: reach - 1]
        weights[1:reach] += weight
    return np.where(weights > 0, total / np.where(weights > 0, weights, 1), np.nan)


def _stretches(run: SupervisedRun) -> list[tuple[Array, bool]]:
    """The overlaps from each initialization on, NaN as 0, and whether a failure ended them."""
    overlaps = np.nan_to_num(run.overlaps)
    failures = np.flatnonzero(run.codes == FAILURE)
    stretches = []
    for start in np.flatnonzero(run.codes == INITIALIZATION):
        later = failures[failures > start]
        end = int(later[0]) if len(later) else len(overlaps)
        stretches.append((overlaps[start:end], len(later) > 0))
    return stretches


def _weighted(values: Array, weights: NDArray[np.int64]) -> float:
    return float((values * weights).sum() / weights.sum()) if weights.sum() else float("nan")


def _mean(values: Array) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
