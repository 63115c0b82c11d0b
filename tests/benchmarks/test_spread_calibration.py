"""benchmarks/spread_calibration.py: what it says of spreads that are known."""

from __future__ import annotations

import numpy as np
import pytest
from spread_calibration import Spreads, correlation, report

COUNT = 4000


def known(width: float) -> Spreads:
    """Normal errors of deviation 2, told to be `width` times as large."""
    draws = np.random.default_rng(0)
    truth = np.tile([50.0, 60, 80, 90], (COUNT, 1))
    boxes = truth + draws.normal(0, 2, truth.shape)
    deviation = np.full(truth.shape, 2 * width)
    reach = 1.6449 * deviation
    return Spreads(boxes, truth, deviation, boxes - reach, boxes + reach)


def test_intervals_that_are_as_wide_as_they_should_be() -> None:
    spreads = known(1)
    assert spreads.inside == pytest.approx(0.9, abs=0.02)
    assert spreads.within(0.5) == pytest.approx(0.5, abs=0.03)
    assert known(0.25).inside.max() < 0.4


def test_correlation_is_that_of_ranks() -> None:
    values = np.array([0.1, 3, 2, 10])
    assert correlation(values, np.exp(values)) == pytest.approx(1)
    assert correlation(values, -values) == pytest.approx(-1)


def test_tables() -> None:
    said = report("net", np.array([0.5, 0.7]), {"a": known(1), "b": known(1)})
    assert "net: 2 sequences, 8000 frames with a spread" in said
    assert "success AUC **0.600**" in said
    assert "| 5 of 5 |" in said
