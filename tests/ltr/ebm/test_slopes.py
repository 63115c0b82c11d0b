"""Langevin chains and score matching: closed forms of Gaussian energies in one, three and four dimensions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ltr.draws import example_draws
from ltr.ebm.ascent import ascend, ascend_where_higher
from ltr.ebm.objectives import Score
from ltr.ebm.slopes import (
    DenoisingScoreMatching,
    LangevinLikelihood,
    ScoreMatching,
    langevin_step,
    slopes_of,
)
from ltr.errors import ConfigError

DIMENSIONS = pytest.mark.parametrize("dimensions", [1, 3, 4])


def gaussian(centre: Tensor, precision: Tensor) -> Score:
    """f = -1/2 sum_d p_d (y_d - c_d)^2."""
    return lambda points: -(precision * (points - centre).square()).sum(-1) / 2


def problem(dimensions: int) -> tuple[Tensor, Tensor, Tensor]:
    """Targets (5, D), a centre and precisions (D,), float64."""
    numbers = example_draws(3, torch.arange(5)).normal(dimensions).double()
    return numbers, 0.3 * torch.arange(1, dimensions + 1).double(), 1 + torch.arange(dimensions)


@DIMENSIONS
def test_score_matching(dimensions: int) -> None:
    """tr f'' = -sum p, f' = -p (y - c)."""
    target, centre, precision = problem(dimensions)
    precision = precision.double().requires_grad_()
    draw = example_draws(0, torch.arange(5))
    loss = ScoreMatching()(gaussian(centre, precision), target, None, draw)
    squared = (precision * (target - centre)).square().sum(-1)
    torch.testing.assert_close(loss.values, -precision.sum() + squared / 2)
    torch.testing.assert_close(loss.diagnostics["squared_slope"], squared.detach())
    (gradient,) = torch.autograd.grad(loss.values.mean(), precision)
    expected = -1 + precision.detach() * (target - centre).square().mean(0)
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("dimensions", [3, 4])
def test_score_matching_of_correlated_dimensions(dimensions: int) -> None:
    """f = -(y - c)' P (y - c) / 2: the trace is that of P, whatever lies beside its diagonal."""
    target, centre, _ = problem(dimensions)
    precision = torch.arange(dimensions**2).reshape(dimensions, dimensions).double()
    precision = precision + precision.T + 9 * torch.eye(dimensions).double()

    def score(points: Tensor) -> Tensor:
        return -torch.einsum("bnd,de,bne->bn", points - centre, precision, points - centre) / 2

    loss = ScoreMatching()(score, target, None, example_draws(0, torch.arange(5)))
    torch.testing.assert_close(loss.diagnostics["curvature"], -precision.trace().expand(5))
    squared = ((target - centre) @ precision).square().sum(-1)
    torch.testing.assert_close(loss.values, -precision.trace() + squared / 2)


@DIMENSIONS
def test_denoising_score_matching(dimensions: int) -> None:
    """Least for the data's own Gaussian, widened by sigma^2; here of one target at c: p = 1 / sigma^2, where it is 0."""
    target, centre, _ = problem(dimensions)
    objective = DenoisingScoreMatching(0.4, 4096)
    draw = example_draws(0, torch.arange(1))
    precision = torch.full((dimensions,), 2.0).double().requires_grad_()
    loss = objective(gaussian(centre, precision), centre[None], None, draw)
    # E |(1/sigma^2 - p) sigma e|^2 = D sigma^2 (1/sigma^2 - p)^2, and its derivative
    rest = 1 / 0.4**2 - 2
    assert float(loss.values.detach()) == pytest.approx(dimensions * 0.16 * rest**2, rel=0.05)
    (gradient,) = torch.autograd.grad(loss.values.mean(), precision)
    torch.testing.assert_close(
        gradient, torch.full_like(gradient, -2 * 0.16 * rest), rtol=0.06, atol=0
    )
    right = gaussian(target[:, None], torch.tensor(1 / 0.4**2))
    draw = example_draws(0, torch.arange(5))
    exact = objective(right, target, None, draw)
    torch.testing.assert_close(exact.values, torch.zeros(5).double(), rtol=0, atol=1e-20)
    squared = draw.of("denoising").normal(4096, dimensions).double().square().sum(-1).mean(1)
    torch.testing.assert_close(exact.diagnostics["squared_slope"], squared / 0.4**2)


@DIMENSIONS
def test_chains_reach_the_gaussian(dimensions: int) -> None:
    """Stationary moments of y <- (1 - a^2 p / 2) (y - c) + a e: mean c, variance 1 / (p (1 - a^2 p / 4))."""
    _, centre, precision = problem(dimensions)
    score, length = gaussian(centre, precision.double()), 0.5
    points = torch.zeros(1, 20_000, dimensions).double()
    for step in range(60):
        normal = example_draws(step, torch.arange(1)).normal(20_000, dimensions).double()
        points = langevin_step(score, points, normal, length)
    torch.testing.assert_close(points[0].mean(0), centre, rtol=0, atol=0.03)
    expected = 1 / (precision * (1 - length**2 * precision / 4))
    torch.testing.assert_close(points[0].var(0), expected.double(), rtol=0.05, atol=0)


def test_likelihood_by_chains() -> None:
    """The gradient is that of the mean score over chains minus the target's, and none goes through the chains."""
    target = torch.tensor([[0.5], [-1.0]]).double()
    shift = torch.zeros(1).double().requires_grad_()
    objective = LangevinLikelihood(3, 0.3, 64)
    draw = example_draws(0, torch.arange(2))
    loss = objective(gaussian(shift, torch.ones(1).double()), target, None, draw)
    points = target[:, None].expand(-1, 64, -1)
    for step in range(3):
        points = points - 0.045 * points + 0.3 * draw.of(f"langevin {step}").normal(64, 1)
    expected = -points.square().mean((1, 2)) / 2 + target[:, 0].square() / 2
    torch.testing.assert_close(loss.values.detach(), expected, rtol=1e-6, atol=1e-7)
    (gradient,) = torch.autograd.grad(loss.values.sum(), shift)
    torch.testing.assert_close(gradient, (points.mean(1) - target).sum(0), rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(loss.diagnostics["score_gap"], -expected, rtol=1e-6, atol=1e-7)
    distance = loss.diagnostics["chain_distance"]
    torch.testing.assert_close(distance, (points - target[:, None]).abs().mean((1, 2)))


@DIMENSIONS
def test_a_constant_changes_no_objective_of_slopes(dimensions: int) -> None:
    target, centre, precision = problem(dimensions)
    score = gaussian(centre, precision)
    for objective in (
        LangevinLikelihood(2, 0.1, 8),
        DenoisingScoreMatching(0.2, 8),
        ScoreMatching(),
    ):
        draw = example_draws(0, torch.arange(5))
        loss = objective(score, target, None, draw).values
        offset = 500 * target[:, :1]
        other = objective(lambda p, c=offset: score(p) + c, target, None, draw).values  # type: ignore[misc]
        torch.testing.assert_close(other, loss, rtol=0, atol=1e-9)


@DIMENSIONS
def test_a_linear_score(dimensions: int) -> None:
    """Its second derivatives are 0, f' = w: L = |w|^2 / 2; also where no weight is trained, and without gradient."""
    target, weight, _ = problem(dimensions)
    draw = example_draws(0, torch.arange(5))
    for trained in (True, False):
        own = weight.clone().requires_grad_(trained)
        score: Score = lambda points, own=own: points @ own  # type: ignore[misc]  # noqa: E731
        with torch.set_grad_enabled(trained):
            loss = ScoreMatching()(score, target, None, draw)
        half = (weight.square().sum() / 2).expand(5)
        torch.testing.assert_close(loss.values.detach(), half, rtol=1e-15, atol=0)
        assert torch.equal(loss.diagnostics["curvature"], torch.zeros(5).double())
    own = weight.clone().requires_grad_()
    loss = ScoreMatching()(lambda points: points @ own, target, None, draw)
    (gradient,) = torch.autograd.grad(loss.values.mean(), own)
    torch.testing.assert_close(gradient, weight)


@DIMENSIONS
def test_a_score_that_is_linear_in_one_dimension(dimensions: int) -> None:
    """Its own second derivative alone is 0: the trace is that of the others."""
    target, centre, precision = problem(dimensions)
    score: Score = lambda p: 3 * p[..., 0] + gaussian(centre[1:], precision[1:])(p[..., 1:])  # noqa: E731
    loss = ScoreMatching()(score, target, None, example_draws(0, torch.arange(5)))
    curvature = -precision[1:].sum().double().expand(5)
    torch.testing.assert_close(loss.diagnostics["curvature"], curvature)


def test_a_score_that_does_not_know_the_target() -> None:
    """Slopes and curvature are 0; chains diffuse, points stay."""
    constant = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    score: Score = lambda points: constant.expand(points.shape[:-1])  # noqa: E731
    target, _, _ = problem(3)
    draw = example_draws(0, torch.arange(5))
    found = slopes_of(score, target[:, None])
    assert torch.equal(found.slopes, torch.zeros(5, 1, 3).double())
    assert torch.equal(found.scores, torch.full((5, 1), 2.0).double())
    assert torch.equal(ScoreMatching()(score, target, None, draw).values, torch.zeros(5).double())
    denoised = DenoisingScoreMatching(0.2, 8)(score, target, None, draw).values
    normal = draw.of("denoising").normal(8, 3).double()
    torch.testing.assert_close(denoised, normal.square().sum(-1).mean(1) / 0.04)
    points, _ = ascend(score, target[:, None], [0.1, 0.1])
    assert torch.equal(points, target[:, None])


@pytest.mark.parametrize("how", ["detach", "no_grad", "constant", "inference_mode"])
def test_scores_without_a_gradient(how: str) -> None:
    """An error, not slopes of 0 that move nothing and train nothing; a constant without a graph is no other thing."""
    target, centre, precision = problem(3)
    known = gaussian(centre, precision)

    def score(points: Tensor) -> Tensor:
        if how == "detach":
            return known(points).detach()
        if how == "constant":
            return points.new_zeros(points.shape[:-1])
        with torch.set_grad_enabled(how != "no_grad"):
            return known(points)

    draw = example_draws(0, torch.arange(5))
    for asked in (
        lambda: slopes_of(score, target[:, None]),
        lambda: ascend(score, target[:, None], [0.1]),
        lambda: ascend_where_higher(score, target[:, None], 0.1, 0.5, 3),
        lambda: LangevinLikelihood(2, 0.1, 8)(score, target, None, draw),
        lambda: DenoisingScoreMatching(0.2, 8)(score, target, None, draw),
        lambda: ScoreMatching()(score, target, None, draw),
    ):
        with torch.inference_mode(how == "inference_mode"), pytest.raises(ConfigError) as error:
            asked()
        assert str(error.value) == (
            "scores without a gradient in the points: compute them from the points, without .detach(), torch.no_grad or "
            "torch.inference_mode"
        )
    with torch.no_grad():  # around it does no harm
        assert bool(slopes_of(known, target[:, None]).slopes.any())
