"""How far a mean over sequences can be trusted, numpy only."""

from __future__ import annotations

import numpy as np

from pytracking.evaluation.metrics import Array


def bootstrap_interval(
    values: Array,
    level: float = 0.95,
    draws: int = 20_000,
    seed: int = 0,
    weights: Array | None = None,
) -> tuple[float, float]:
    """Percentile interval of the mean of (N,) values, one a sequence, by drawing N of them with
    replacement `draws` times (Efron 1979). Of two trackers on the same sequences, give their
    differences. weights: (N,), of a mean over frames the numbers of frames; what has none counts
    nowhere. The same values give the same interval; ValueError without any."""
    weights = np.ones(len(values)) if weights is None else weights
    values, weights = values[weights > 0], weights[weights > 0]
    if len(values) == 0:
        raise ValueError("no values: a mean needs one sequence or more")
    drawn = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    means = (values * weights)[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
