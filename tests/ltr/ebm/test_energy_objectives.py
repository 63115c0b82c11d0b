"""Noise and objectives of energies: what is drawn, closed forms of gradients, invariances, extremes."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from ltr.draws import example_draws
from ltr.ebm.noise import GaussianMixtureNoise
from ltr.ebm.objectives import (
    Candidates,
    LabelDivergence,
    MaximumLikelihood,
    NoiseContrastive,
    NoiseObjective,
)
from ltr.errors import ConfigError

SIGMAS = [[0.05, 0.1, 0.2], [0.5, 1.0, 0.3]]
LABEL = GaussianMixtureNoise(torch.tensor([[0.3, 0.3, 0.3]]))
OBJECTIVES: list[NoiseObjective] = [
    NoiseContrastive(),
    NoiseContrastive(beta=0.2),
    MaximumLikelihood(),
    LabelDivergence(LABEL),
]
IDS = ["nce", "nce_plus", "ml_is", "kld_is"]


@pytest.fixture
def noise() -> GaussianMixtureNoise:
    return GaussianMixtureNoise(torch.tensor(SIGMAS))


def drawn(
    objective: NoiseObjective, noise: GaussianMixtureNoise, numbers: Tensor, count: int
) -> Candidates:
    """Around targets at 0, so that points are offsets."""
    target = torch.zeros(len(numbers), noise.sigmas.shape[1])
    sized = replace(objective, samples=count)  # type: ignore[type-var]
    return sized.draw(target, noise, example_draws(0, numbers))


def candidates_of(objective: NoiseObjective, targets: int = 6, count: int = 16) -> Candidates:
    """In float64."""
    points, _, target = drawn(
        objective, GaussianMixtureNoise(torch.tensor(SIGMAS)), torch.arange(targets), count
    )
    noise = GaussianMixtureNoise(torch.tensor(SIGMAS, dtype=torch.float64))
    return Candidates(points.double(), noise.log_density(points.double()), target.double())


def scores_of(candidates: Candidates) -> Tensor:
    numbers = example_draws(1, torch.arange(len(candidates.log_noise)))
    return numbers.normal(candidates.log_noise.shape[1]).double() * 2


def in_double(objective: NoiseObjective) -> NoiseObjective:
    if isinstance(objective, LabelDivergence):
        return LabelDivergence(GaussianMixtureNoise(objective.label.sigmas.double()))
    return objective


def test_offsets_follow_the_density(noise: GaussianMixtureNoise) -> None:
    """Standard deviations of the mixture; one component for all dimensions: their squares go together."""
    offsets = noise.draw(example_draws(0, torch.arange(32)), 1024).flatten(0, 1).double()
    variances = torch.tensor(SIGMAS).double().square()
    torch.testing.assert_close(offsets.square().mean(0), variances.mean(0), rtol=0.03, atol=0)
    product = (offsets[:, 0] * offsets[:, 1]).square().mean()
    expected = (variances[:, 0] * variances[:, 1]).mean()
    torch.testing.assert_close(product, expected, rtol=0.06, atol=0)
    assert offsets.mean(0).abs().max() < 0.01
    # half of the points come from the narrow component
    close_by = (offsets[:, :2] / torch.tensor(SIGMAS[0])[:2]).square().sum(1) < 9
    assert 0.5 < float(close_by.double().mean()) < 0.53


@pytest.mark.parametrize(("components", "dimensions"), [(1, 1), (2, 1), (2, 3), (3, 4)])
def test_density_is_that_of_the_mixture(components: int, dimensions: int) -> None:
    sigmas = example_draws(4, torch.arange(components)).uniform(dimensions) + 0.05
    gaussians = Independent(Normal(torch.zeros_like(sigmas), sigmas), 1)
    mixture = MixtureSameFamily(Categorical(torch.ones(components)), gaussians)
    draw, noise = example_draws(0, torch.arange(3)), GaussianMixtureNoise(sigmas)
    offsets = noise.draw(draw, 50)
    assert offsets.shape == (3, 50, dimensions)
    torch.testing.assert_close(noise.log_density(offsets), mixture.log_prob(offsets))
    target = draw.of("target").normal(dimensions)
    around = noise.around(target)
    assert torch.equal(around.sample(draw, 50), target[:, None] + offsets)
    torch.testing.assert_close(
        around.log_density(target[:, None] + offsets),
        mixture.log_prob(offsets),
        rtol=1e-4,
        atol=1e-4,
    )


def test_density_where_floating_point_has_none(noise: GaussianMixtureNoise) -> None:
    far = torch.full((1, 3), 40.0)
    wide = torch.tensor(SIGMAS[1])
    expected = (
        -((40 / wide) ** 2).sum() / 2 - wide.log().sum() - 1.5 * math.log(math.tau) - math.log(2)
    )
    assert float(noise.log_density(far)) == pytest.approx(float(expected))


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 2, 2)])
def test_deviations_are_a_table(shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError) as error:
        GaussianMixtureNoise(torch.ones(shape))
    assert str(error.value) == (
        f"noise deviations of shape {shape}: give a row for each component, a column for each dimension"
    )


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_what_is_scored(objective: NoiseObjective, noise: GaussianMixtureNoise) -> None:
    """`count` points of the noise, and before them the target, a point near it, or nothing."""
    draw = example_draws(0, torch.arange(5))
    candidates = drawn(objective, noise, torch.arange(5), 7)
    positives = 0 if isinstance(objective, LabelDivergence) else 1
    assert candidates.points.shape == (5, 7 + positives, 3)
    torch.testing.assert_close(candidates.log_noise, noise.log_density(candidates.points))
    of_noise = candidates.points[:, positives:]
    assert torch.equal(of_noise, noise.draw(draw.of("noise"), 7))
    assert len(of_noise.flatten(0, 1).unique(dim=0)) == 35
    if positives:
        moved = candidates.points[:, 0].abs().max(1).values
        nce_plus = objective == NoiseContrastive(beta=0.2)
        assert (moved > 0).all() if nce_plus else (moved == 0).all()


def test_the_positive_is_moved_by_noise_of_its_own(noise: GaussianMixtureNoise) -> None:
    """beta times the noise's deviations, independent of the points that it competes with."""
    offsets = drawn(NoiseContrastive(beta=0.2), noise, torch.arange(20000), 1).points.double()
    variances = torch.tensor(SIGMAS).double().square().mean(0)
    positive, negative = offsets[:, 0], offsets[:, 1]
    torch.testing.assert_close(positive.square().mean(0), 0.04 * variances, rtol=0.06, atol=0)
    correlation = (positive * negative).mean(0) / (0.2 * variances)
    assert correlation.abs().max() < 0.04


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_gradients(objective: NoiseObjective) -> None:
    """The closed forms of the papers, and numerical differences."""
    candidates, objective = candidates_of(objective), in_double(objective)
    scores = scores_of(candidates).requires_grad_()
    (gradient,) = torch.autograd.grad(objective.loss(scores, candidates).values.mean(), scores)
    weights = scores.detach() - candidates.log_noise
    if isinstance(objective, NoiseContrastive):
        expected = weights.softmax(1)
        expected[:, 0] -= 1
    elif isinstance(objective, MaximumLikelihood):
        expected = torch.cat([-torch.ones(6, 1), weights[:, 1:].softmax(1)], dim=1)
    else:
        assert isinstance(objective, LabelDivergence)
        label = objective.label.log_density(candidates.points)
        expected = weights.softmax(1) - (label - candidates.log_noise).exp() / 16
    torch.testing.assert_close(gradient, expected / 6, rtol=1e-12, atol=1e-14)
    assert torch.autograd.gradcheck(lambda s: objective.loss(s, candidates).values, scores)


@pytest.mark.parametrize("objective", OBJECTIVES[:3], ids=IDS[:3])
def test_a_constant_changes_nothing(objective: NoiseObjective) -> None:
    """Not even a different one for each target, for it does not change p(y | x)."""
    candidates = candidates_of(objective)
    scores = scores_of(candidates)
    constants = torch.tensor([0, 1, -5, 100, 1e4, -1e4]).double()
    loss = objective.loss(scores, candidates)
    other = objective.loss(scores + constants[:, None], candidates)
    torch.testing.assert_close(other.values, loss.values, rtol=0, atol=1e-10)
    torch.testing.assert_close(
        other.diagnostics["log_normalizer"] - constants, loss.diagnostics["log_normalizer"]
    )
    for name in ("effective_samples", "positive_first"):
        torch.testing.assert_close(other.diagnostics[name], loss.diagnostics[name])


def test_a_constant_changes_the_divergence_by_the_weights() -> None:
    """By 1 minus their mean, which is nothing in expectation alone."""
    objective = in_double(OBJECTIVES[3])
    candidates = candidates_of(objective)
    scores = scores_of(candidates)
    loss = objective.loss(scores, candidates)
    other = objective.loss(scores + 3, candidates)
    weight = loss.diagnostics["label_weight"]
    torch.testing.assert_close(other.values - loss.values, 3 * (1 - weight))
    many = candidates_of(objective, 64, 4096)
    weights = objective.loss(torch.zeros_like(many.log_noise), many).diagnostics["label_weight"]
    assert float(weights.mean()) == pytest.approx(1, abs=0.02)


def test_nce_plus_becomes_nce() -> None:
    """As beta goes to 0, with the same points of the noise; at 0 it is NCE, the formula written out for target and
    noise."""

    def score(points: Tensor) -> Tensor:
        return -(points - 0.1).square().sum(-1)

    def found(beta: float) -> tuple[Candidates, Tensor]:
        objective = NoiseContrastive(beta=beta)
        candidates = candidates_of(objective)
        return candidates, objective.loss(score(candidates.points), candidates).values

    noise = GaussianMixtureNoise(torch.tensor(SIGMAS, dtype=torch.float64))
    negatives = noise.draw(example_draws(0, torch.arange(6)).of("noise"), 16).double()
    positive = (score(torch.zeros(3)) - noise.log_density(torch.zeros(3).double())).exp()
    others = (score(negatives) - noise.log_density(negatives)).exp().sum(1)
    nce = -(positive / (positive + others)).log()
    differences = []
    for beta in (0.1, 0.01, 0.001, 0):
        candidates, loss = found(beta)
        torch.testing.assert_close(candidates.points[:, 1:], negatives, rtol=1e-6, atol=1e-7)
        differences.append(float((loss - nce).abs().max()))
    assert differences[0] > 5 * differences[1] > 25 * differences[2] > 1e-5
    assert differences[3] < 1e-6


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
@pytest.mark.parametrize("size", [300.0, 1e6])
def test_no_score_is_too_large(
    objective: NoiseObjective, size: float, noise: GaussianMixtureNoise
) -> None:
    """In float32, whose exponential ends at 88."""
    candidates = drawn(objective, noise, torch.arange(6), 16)
    scores = (size * scores_of(candidates).float()).requires_grad_()
    loss = objective.loss(scores, candidates)
    (gradient,) = torch.autograd.grad(loss.values.mean(), scores)
    for tensor in (loss.values, gradient, *loss.diagnostics.values()):
        assert tensor.isfinite().all()
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("signs", ["all high", "all low", "positive high", "positive low", "mixed"])
@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_scores_of_500(
    objective: NoiseObjective, signs: str, dtype: torch.dtype, noise: GaussianMixtureNoise
) -> None:
    """|f| = 500 exactly, in either precision: losses and log Z are those of exact arithmetic."""
    points, log_noise, target = drawn(objective, noise, torch.arange(6), 16)
    candidates = Candidates(points.to(dtype), log_noise.to(dtype), target.to(dtype))
    if isinstance(objective, LabelDivergence):
        objective = LabelDivergence(GaussianMixtureNoise(objective.label.sigmas.to(dtype)))
    sign = torch.ones_like(candidates.log_noise)
    if signs == "mixed":
        sign[:, ::3] = -1
    elif signs.startswith("positive"):
        sign[:, 1:] = -1
    if signs.endswith("low"):
        sign = -sign
    scores = (500 * sign).requires_grad_()
    loss = objective.loss(scores, candidates)
    (gradient,) = torch.autograd.grad(loss.values.sum(), scores)
    for tensor in (loss.values, gradient, *loss.diagnostics.values()):
        assert tensor.dtype == dtype
        assert tensor.isfinite().all()

    weights = scores.detach().double() - candidates.log_noise.double()
    negatives = weights if isinstance(objective, LabelDivergence) else weights[:, 1:]
    log_z = _log_sums(negatives) - math.log(16)
    if isinstance(objective, NoiseContrastive):
        expected = _log_sums(weights) - weights[:, 0]
    elif isinstance(objective, MaximumLikelihood):
        expected = log_z - scores[:, 0].detach().double()
    else:
        log_label = objective.label.log_density(candidates.points).double()
        label = (log_label - candidates.log_noise.double()).exp()
        expected = log_z - (scores.detach().double() * label).mean(1)
    rtol, atol = (1e-13, 1e-11) if dtype == torch.float64 else (1e-6, 1e-3)
    torch.testing.assert_close(loss.values.double(), expected, rtol=rtol, atol=atol)
    torch.testing.assert_close(
        loss.diagnostics["log_normalizer"].double(), log_z, rtol=rtol, atol=atol
    )


def _log_sums(weights: Tensor) -> Tensor:
    """log of the sums of exponentials, float64, with numbers that have no largest exponent."""
    sums = [sum(Decimal(value).exp() for value in row) for row in weights.tolist()]
    return torch.tensor([float(Decimal(each).ln()) for each in sums], dtype=torch.float64)


def test_diagnostics_of_the_right_energy() -> None:
    """With f = log q the weights of all points are alike: all are effective, log Z is 0, and NCE is at chance. The
    positive is told from the noise if no other point has a larger weight."""
    objective = NoiseContrastive()
    candidates = candidates_of(objective)
    loss = objective.loss(candidates.log_noise, candidates)
    torch.testing.assert_close(loss.values, torch.full((6,), math.log(17)).double())
    ones = torch.ones(6).double()
    torch.testing.assert_close(loss.diagnostics["effective_samples"], 16 * ones)
    torch.testing.assert_close(loss.diagnostics["log_normalizer"], 0 * ones)
    raised = candidates.log_noise.clone()
    raised[:3, 0] += 0.1
    raised[3:, 5] += 0.1  # still above the mean of the others
    raised[3:, 0] += 0.05
    first = objective.loss(raised, candidates).diagnostics["positive_first"]
    assert first.tolist() == [1, 1, 1, 0, 0, 0]
    peaked = candidates.log_noise.clone()
    peaked[:, 5] += 50
    told = objective.loss(peaked, candidates).diagnostics
    torch.testing.assert_close(told["effective_samples"], ones)
    torch.testing.assert_close(told["largest_log_weight"], 50 * ones)
    halves = candidates.log_noise.clone()  # weights of 3 and 1, eight each
    halves[:, 1:9] += math.log(3)
    told = objective.loss(halves, candidates).diagnostics
    torch.testing.assert_close(told["effective_samples"], 32**2 / 80 * ones)
    torch.testing.assert_close(told["log_normalizer"], math.log(2) * ones)
    torch.testing.assert_close(told["largest_log_weight"], math.log(3) * ones)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_diagnostics_carry_no_gradient(objective: NoiseObjective) -> None:
    candidates = candidates_of(objective)
    scores = scores_of(candidates).requires_grad_()
    loss = in_double(objective).loss(scores, candidates)
    assert loss.values.requires_grad
    assert not any(value.requires_grad for value in loss.diagnostics.values())


@pytest.mark.parametrize("dimensions", [1, 3, 4])
def test_likelihood_of_a_known_energy(dimensions: int) -> None:
    """f = -|y - c|^2 / (2 s^2) + 500 has log Z = D/2 log(2 pi s^2) + 500. ML-IS goes to the negative log likelihood of
    the target, by an error that falls as the root of the number of samples."""
    noise = GaussianMixtureNoise(torch.tensor([[0.2] * dimensions, [0.4] * dimensions]).double())
    target = example_draws(7, torch.arange(16)).normal(dimensions).double()

    def score(points: Tensor) -> Tensor:  # the centre lies beside each target
        return -(points - target[:, None] - 0.1).square().sum(-1) / (2 * 0.2**2) + 500

    log_z = dimensions / 2 * math.log(math.tau * 0.2**2) + 500
    exact = log_z - score(target[:, None])[:, 0]
    errors = []
    for samples in (100, 10_000):
        draw = example_draws(0, torch.arange(16))
        loss = MaximumLikelihood(samples)(score, target, noise, draw)
        errors.append(float((loss.values - exact).square().mean().sqrt()))
        told = loss.diagnostics["log_normalizer"] - log_z
        torch.testing.assert_close(told, loss.values - exact, rtol=0, atol=1e-9)
    assert errors[1] < 0.03
    assert 4 < errors[0] / errors[1] < 25


@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_a_target_has_the_same_loss_in_every_batch(
    objective: NoiseObjective, noise: GaussianMixtureNoise
) -> None:
    whole = drawn(objective, noise, torch.tensor([4, 8, 1]), 9)
    alone = drawn(objective, noise, torch.tensor([8]), 9)
    assert torch.equal(whole.points[1:2], alone.points)
    scores = scores_of(whole).float()
    torch.testing.assert_close(
        objective.loss(scores, whole).values[1:2], objective.loss(scores[1:2], alone).values
    )


@pytest.mark.parametrize("dimensions", [1, 3, 4])
@pytest.mark.parametrize("objective", OBJECTIVES, ids=IDS)
def test_one_call(objective: NoiseObjective, dimensions: int) -> None:
    """Does what the two halves do, in any dimension and around any target; scores of 500 are not too large."""
    if isinstance(objective, LabelDivergence):
        objective = LabelDivergence(GaussianMixtureNoise(torch.full((1, dimensions), 0.3)), 16)
    else:
        objective = replace(objective, samples=16)  # type: ignore[type-var]
    noise = GaussianMixtureNoise(torch.tensor([[0.1] * dimensions, [1.0] * dimensions]))
    draw = example_draws(0, torch.arange(5))
    target = 20 * draw.normal(dimensions)

    def score(points: Tensor) -> Tensor:
        return 500 * (points.sum(-1) * 7).sin()

    loss = objective(score, target, noise, draw)
    candidates = objective.draw(target, noise, draw)
    count = 16 if isinstance(objective, LabelDivergence) else 17
    assert candidates.points.shape == (5, count, dimensions)
    offsets = candidates.points - target[:, None]
    torch.testing.assert_close(
        candidates.log_noise, noise.log_density(offsets), rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(
        loss.values, objective.loss(score(candidates.points), candidates).values
    )
    assert loss.values.isfinite().all()
    assert all(each.isfinite().all() for each in loss.diagnostics.values())
