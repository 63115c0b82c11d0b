"""Importance sampling, grids and ascent on energies whose densities are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ltr.draws import example_draws
from ltr.ebm.ascent import ascend, ascend_where_higher
from ltr.ebm.inference import Grid, WeightedSample, importance_sample
from ltr.ebm.mixture import MixtureDensity
from ltr.ebm.noise import GaussianMixtureNoise

CENTRE, SIGMA = 0.7, 0.25


def score(points: Tensor) -> Tensor:
    """A Gaussian around .7 in all dimensions, of deviation .25; far from normalised."""
    return -(points - CENTRE).square().sum(-1) / (2 * SIGMA**2) - 500


def sample_of(dimensions: int, count: int = 20_000) -> WeightedSample:
    proposal = MixtureDensity(
        torch.tensor([[0.0, 1.0]]).repeat(2, 1),
        torch.tensor([0.3, 0.9])[None, :, None].repeat(2, 1, dimensions),
        torch.full((2, 2, dimensions), math.log(0.4)),
    )
    return importance_sample(score, proposal, example_draws(0, torch.arange(2)), count)


@pytest.mark.parametrize("dimensions", [1, 3, 4])
def test_importance_sampling(dimensions: int) -> None:
    sample = sample_of(dimensions)
    for value, expected, atol in (
        (sample.mean, CENTRE, 0.02),
        (sample.deviations, SIGMA, 0.02),
        (sample.log_normalizer, dimensions / 2 * math.log(math.tau * SIGMA**2) - 500, 0.06),
        (sample.credible_interval(0.9)[0], CENTRE - 1.645 * SIGMA, 0.05),
        (sample.credible_interval(0.9)[1], CENTRE + 1.645 * SIGMA, 0.05),
        (sample.mode, CENTRE, 0.15),
        (sample.resampled(example_draws(1, torch.arange(2)), 9000).mean(1), CENTRE, 0.02),
        (sample.resampled(example_draws(1, torch.arange(2)), 9000).std(1), SIGMA, 0.02),
    ):
        torch.testing.assert_close(
            value, torch.full_like(value, expected), rtol=0, atol=atol, check_dtype=False
        )
    assert ((sample.effective_size > 1000) & (sample.effective_size < 20_000)).all()


def test_the_right_proposal_needs_no_weights() -> None:
    density = GaussianMixtureNoise(torch.tensor([[SIGMA]])).around(torch.tensor([[CENTRE]]))
    sample = importance_sample(score, density, example_draws(0, torch.arange(1)), 100)
    torch.testing.assert_close(sample.effective_size, torch.tensor([100.0]), rtol=1e-3, atol=0)


def test_quantiles_of_few_points() -> None:
    points = torch.tensor([[[3.0], [1.0], [2.0], [4.0]]])
    log_weights = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log()
    sample = WeightedSample(points, log_weights + 7, torch.full((1, 4), 7.0))
    assert [float(sample.quantile(q)) for q in (0.0, 0.19, 0.21, 0.49, 0.51, 0.61, 1.0)] == [
        1, 1, 2, 2, 3, 4, 4,
    ]  # fmt: skip
    assert float(sample.mode) == 4
    assert float(sample.expectation(points[..., 0].square())) == pytest.approx(8.7)


def test_a_few_far_points_rule_the_deviation_and_not_the_interval() -> None:
    points = example_draws(0, torch.arange(1)).normal(1000, 1)
    far = points.clone()
    far[:, :5] = 100
    near, other = (
        WeightedSample(p, torch.zeros(1, 1000), torch.zeros(1, 1000)) for p in (points, far)
    )
    assert float(other.deviations) > 5 * float(near.deviations)
    for end, moved in zip(near.credible_interval(), other.credible_interval(), strict=True):
        assert float(moved) == pytest.approx(float(end), abs=0.1)


def test_the_expectation_of_truth_values_is_a_probability() -> None:
    points = torch.tensor([[[3.0], [1.0], [2.0], [4.0]]])
    sample = WeightedSample(points, torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log(), torch.zeros(1, 4))
    assert float(sample.expectation(points[..., 0] > 2)) == pytest.approx(0.5)
    assert float(sample.expectation(points[..., 0].long())) == pytest.approx(2.7)
    assert sample.expectation(points.double()).dtype == torch.float64


@pytest.mark.parametrize(("dimensions", "size"), [(1, 2001), (3, 51), (4, 31)])
def test_grids(dimensions: int, size: int) -> None:
    """A Gaussian's normalizer, but for the share (n - 1) / n an axis."""
    grid = Grid([-1.3] * dimensions, [2.7] * dimensions, size)
    points = grid.points(torch.float64)
    assert points.shape == (size**dimensions, dimensions)
    log_z = float(grid.log_normalizer(score(points)))
    expected = dimensions / 2 * math.log(math.tau * SIGMA**2) - 500
    assert log_z == pytest.approx(expected + dimensions * math.log((size - 1) / size), abs=1e-6)
    drawn = grid.sample(score(points)[None], example_draws(0, torch.arange(1)), 4000)
    torch.testing.assert_close(
        drawn.mean((0, 1)), torch.full((dimensions,), CENTRE).double(), rtol=0, atol=0.02
    )
    mass = grid.log_density(score(points)).exp().mean() * 4.0**dimensions
    assert float(mass) == pytest.approx(1)


def test_last_dimension_changes_fastest() -> None:
    grid = Grid([0, 10], [1, 12], 2)
    assert grid.points().tolist() == [[0, 10], [0, 12], [1, 10], [1, 12]]


@pytest.mark.parametrize("dimensions", [1, 3, 4])
def test_ascent(dimensions: int) -> None:
    """Both rules reach the top; where a step is too long, that which takes it all the same does not."""
    begin = example_draws(0, torch.arange(2)).normal(5, dimensions)
    points, scores = ascend(score, begin, [0.5 * SIGMA**2] * 40)
    torch.testing.assert_close(points, torch.full_like(points, CENTRE), rtol=0, atol=1e-4)
    torch.testing.assert_close(scores, torch.full_like(scores, -500.0))
    points, scores = ascend_where_higher(score, begin, 5 * SIGMA**2, 0.5, 40)
    torch.testing.assert_close(points, torch.full_like(points, CENTRE), rtol=0, atol=1e-3)
    torch.testing.assert_close(scores, score(points))
    points, _ = ascend(score, begin, [5 * SIGMA**2] * 4)
    assert (points - CENTRE).abs().max() > (begin - CENTRE).abs().max()
    lengths = torch.zeros(dimensions)
    lengths[0] = 0.5 * SIGMA**2
    points, _ = ascend(score, begin, [lengths] * 40)
    assert torch.equal(points[..., 1:], begin[..., 1:])


@pytest.mark.parametrize("beyond", [math.nan, math.inf, -math.inf])
def test_no_step_to_where_nothing_is_known(beyond: float) -> None:
    """A score that is not finite beyond 1 is no higher one: a point stops before, and reaches the top from below."""

    def edged(points: Tensor) -> Tensor:
        inside = -(points[..., 0] - 0.9).square() * 2
        return torch.where(points[..., 0] < 1, inside, beyond)

    begin = torch.tensor([[[0.0], [0.5], [-2.0]]])
    points, scores = ascend_where_higher(edged, begin, 0.7, 0.5, 40)  # the first step leads beyond
    assert bool(edged(begin + 0.7 * -4 * (begin - 0.9)).isfinite().logical_not().all())
    torch.testing.assert_close(points, torch.full_like(points, 0.9), rtol=0, atol=1e-3)
    torch.testing.assert_close(scores, edged(points))


def test_points_stay_finite() -> None:
    """Also those whose slope is not, of a score that is finite everywhere."""

    def cusp(points: Tensor) -> Tensor:  # its slope at 0 is nan
        return points.square().sum(-1).sqrt().clamp(max=5) + points.nan_to_num().sum(-1) * 0

    begin = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]])
    points, scores = ascend_where_higher(lambda p: cusp(p).nan_to_num(), begin, 0.5, 0.5, 3)
    assert torch.equal(points[0, 0], begin[0, 0])
    assert points.isfinite().all()
    assert scores.isfinite().all()
    assert float(points[0, 1, 0]) == pytest.approx(2.5)


def test_an_equal_score_is_no_fall() -> None:
    """The published rule: it is taken, here of a score that is 1 everywhere with slopes of 1."""
    points, scores = ascend_where_higher(
        lambda p: 1 + p[..., 0] - p[..., 0].detach(), torch.tensor([[[0.5], [2.0]]]), 0.5, 0.5, 3
    )
    assert points.tolist() == [[[2.0], [3.5]]]
    assert scores.tolist() == [[1.0, 1.0]]


def test_grids_lie_where_the_scores_do() -> None:
    grid = Grid([0, 10], [1, 12], 5)
    points = grid.points(torch.float64, "meta")
    assert (points.device.type, points.dtype, points.shape) == ("meta", torch.float64, (25, 2))
    draw = example_draws(0, torch.arange(3, device="meta"))
    drawn = grid.sample(points.new_zeros(3, 25), draw, 7)
    assert (drawn.device.type, drawn.dtype, drawn.shape) == ("meta", torch.float64, (3, 7, 2))


def test_each_point_has_a_step_of_its_own() -> None:
    """On -|y|, slopes of 1: from .9 steps of 1 lead to -.1, then fall, and are .5, .25, .125 long until they do not."""
    begin = torch.tensor([[[0.9], [5.0]]], dtype=torch.float64)
    expected = [[-0.1, 4.0], [-0.1, 3.0], [-0.1, 2.0], [-0.1, 1.0], [0.025, 0.0]]
    for count, places in enumerate(expected, 1):
        points, scores = ascend_where_higher(lambda p: -p.abs().sum(-1), begin, 1.0, 0.5, count)
        torch.testing.assert_close(points[0, :, 0], torch.tensor(places).double())
        torch.testing.assert_close(scores[0], -torch.tensor(places).double().abs())
