"""The interval of a mean against what is known of means."""

from __future__ import annotations

import numpy as np
import pytest

from pytracking.evaluation.bootstrap import bootstrap_interval


def test_two_values_by_hand() -> None:
    """Half of all pairs drawn from 0 and 1 have mean .5, a quarter each 0 and 1."""
    values = np.array([0.0, 1.0])
    assert bootstrap_interval(values, level=0.4) == (0.5, 0.5)
    assert bootstrap_interval(values, level=0.6) == (0, 1)


def test_wide_samples_come_near_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(0.6, 0.2, 400)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=5e-4)
    wider = bootstrap_interval(values, level=0.99)
    assert wider[0] < low < high < wider[1]


def test_of_one_value_it_is_that_value_and_of_none_refused() -> None:
    assert bootstrap_interval(np.array([0.7])) == (0.7, 0.7)
    with pytest.raises(ValueError, match="no values"):
        bootstrap_interval(np.array([]))


def test_a_mean_over_frames_is_drawn_with_its_weights() -> None:
    """A sequence without weight counts nowhere, whatever its value."""
    values, weights = np.array([0.0, 1.0, np.nan]), np.array([1.0, 3.0, 0.0])
    assert bootstrap_interval(values, level=0.4, weights=weights) == (0.75, 0.75)
    assert bootstrap_interval(values, level=0.6, weights=weights) == (0, 1)


def test_it_is_the_same_again_and_leaves_the_global_generator_alone() -> None:
    values = np.random.default_rng(0).random(59)
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_it_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    intervals = [bootstrap_interval(rng.random(30), draws=2000) for _ in range(300)]
    assert 0.90 <= np.mean([low < 0.5 < high for low, high in intervals]) <= 0.98
