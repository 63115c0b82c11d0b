"""Mixtures that a network gives, and noise that learns."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from ltr.draws import example_draws
from ltr.ebm.mixture import MixtureDensity
from ltr.ebm.noise import GaussianMixtureNoise
from ltr.ebm.objectives import Candidates, NoiseContrastive
from ltr.ebm.proposals import LearnedProposal, mixture_error, mixture_likelihood
from ltr.errors import TrainingError

SHAPES = pytest.mark.parametrize(("components", "dimensions"), [(1, 1), (4, 1), (3, 3), (5, 4)])


def mixture_of(components: int, dimensions: int, targets: int = 3) -> MixtureDensity:
    draw = example_draws(5, torch.arange(targets))
    return MixtureDensity(
        draw.of("logits").normal(components),
        2 * draw.of("means").normal(components, dimensions),
        draw.of("sigmas").normal(components, dimensions) / 2 - 0.5,
    )


def in_torch(mixture: MixtureDensity) -> MixtureSameFamily:
    components = Independent(Normal(mixture.means, mixture.log_sigmas.exp()), 1)
    return MixtureSameFamily(Categorical(logits=mixture.logits), components)


@SHAPES
def test_density_and_moments(components: int, dimensions: int) -> None:
    mixture = mixture_of(components, dimensions)
    points = mixture.sample(example_draws(0, torch.arange(3)), 20_000)
    assert points.shape == (3, 20_000, dimensions)
    expected = in_torch(mixture)
    log_density = expected.log_prob(points.transpose(0, 1)).T
    torch.testing.assert_close(mixture.log_density(points), log_density, rtol=1e-4, atol=1e-4)
    deviation = expected.variance.sqrt()
    torch.testing.assert_close(mixture.mean, expected.mean)
    assert ((points.mean(1) - expected.mean) / deviation).abs().max() < 0.04
    torch.testing.assert_close(points.std(1), deviation, rtol=0.04, atol=0)


@SHAPES
def test_gradients(components: int, dimensions: int) -> None:
    mixture = mixture_of(components, dimensions)
    points = mixture.sample(example_draws(0, torch.arange(3)), 4).double()
    parts = [
        part.double().requires_grad_()
        for part in (mixture.logits, mixture.means, mixture.log_sigmas)
    ]
    assert torch.autograd.gradcheck(lambda *p: MixtureDensity(*p).log_density(points), parts)


def test_equal_components_are_the_noise() -> None:
    """A mixture of equal weights around the target is `GaussianMixtureNoise` there, also far out."""
    sigmas = torch.tensor([[0.1, 0.3], [0.8, 0.5]])
    target = torch.tensor([[1.0, -2.0]])
    mixture = MixtureDensity(
        torch.zeros(1, 2), target[:, None].expand(-1, 2, -1), sigmas.log()[None]
    )
    points = torch.tensor([[[1.1, -2.3], [0.0, 4.0], [50.0, -60.0]]])
    density = GaussianMixtureNoise(sigmas).around(target)
    torch.testing.assert_close(mixture.log_density(points), density.log_density(points))
    assert mixture.log_density(points).isfinite().all()


def test_positives_near_the_target() -> None:
    mixture = mixture_of(3, 2, 1)
    target = torch.tensor([[7.0, -3.0]])
    draws = example_draws(0, torch.arange(20_000))
    wide = MixtureDensity(
        *(part.expand(20_000, *part.shape[1:]) for part in vars(mixture).values())
    )
    moved = wide.perturbed(target.expand(20_000, -1), draws, 0.1)
    weights = mixture.logits.softmax(-1)
    variance = 0.01 * (weights[..., None] * (2 * mixture.log_sigmas).exp()).sum(1)[0]
    torch.testing.assert_close(moved.mean(0), target[0], rtol=0, atol=0.01)
    torch.testing.assert_close(moved.var(0), variance, rtol=0.06, atol=0)
    assert torch.equal(mixture.perturbed(target, draws, 0.0), target)


@pytest.mark.parametrize("name", ["logits", "means", "log_sigmas"])
def test_what_cannot_be_drawn_from(name: str) -> None:
    mixture = mixture_of(4, 2)
    getattr(mixture, name)[1, 2] = math.nan
    with pytest.raises(TrainingError) as error:
        mixture.sample(example_draws(0, torch.arange(3)), 2)
    assert str(error.value) == (
        f"the {name} of a mixture of 4 are not finite: nothing can be drawn from it; lower the learning rate, or begin "
        "with its likelihood"
    )


def trainable(mixture: MixtureDensity) -> tuple[MixtureDensity, list[Tensor]]:
    parts = [
        part.double().requires_grad_()
        for part in (mixture.logits, mixture.means, mixture.log_sigmas)
    ]
    return MixtureDensity(*parts), parts


@pytest.mark.parametrize("dimensions", [1, 3, 4])
def test_the_proposal_goes_to_the_energy(dimensions: int) -> None:
    """For p and q Gaussian, d KL(p || q) / d mean = (m_q - m_p) / s_q^2, d / d log sigma = 1 - E_p (y - m_q)^2 / s_q^2."""
    proposal, parts = trainable(mixture_of(1, dimensions, 2))
    centre = proposal.means.detach() + 0.2
    target = centre[:, 0] + 0.1
    objective = LearnedProposal(NoiseContrastive(samples=200_000))

    def score(points: Tensor) -> Tensor:
        return -(points - centre).square().sum(-1) / (2 * 0.3**2) + 500

    loss = objective(score, target, proposal, example_draws(0, torch.arange(2)))
    found = torch.autograd.grad(loss.values.sum(), parts)
    variance = (2 * proposal.log_sigmas.detach()).exp()
    torch.testing.assert_close(found[0], torch.zeros_like(found[0]), rtol=0, atol=1e-9)
    torch.testing.assert_close(found[1], -0.2 / variance, rtol=0.1, atol=0.1)
    expected = 1 - (0.3**2 + 0.2**2) / variance
    torch.testing.assert_close(found[2], expected, rtol=0.1, atol=0.1)
    log_z = dimensions / 2 * math.log(math.tau * 0.3**2) + 500
    torch.testing.assert_close(
        loss.diagnostics["log_normalizer"], torch.full((2,), log_z).double(), rtol=0, atol=0.05
    )


def test_shares_of_the_likelihood() -> None:
    proposal, _ = trainable(mixture_of(2, 1))
    target = torch.tensor([[0.0], [1.0], [2.0]]).double()
    draw = example_draws(0, torch.arange(3))

    def loss(share: float) -> Tensor:
        objective = LearnedProposal(NoiseContrastive(samples=8), share)
        return objective(lambda points: -points[..., 0].square(), target, proposal, draw).values

    likelihood = mixture_likelihood(target, proposal)
    told = LearnedProposal(NoiseContrastive(samples=8))(
        lambda points: -points[..., 0].square(), target, proposal, draw
    ).diagnostics
    torch.testing.assert_close(loss(0), told["energy"] + told["divergence"])
    torch.testing.assert_close(loss(1), told["energy"] + likelihood.values)
    torch.testing.assert_close(loss(0.5), (loss(0) + loss(1)) / 2)
    error = (in_torch(proposal).mean - target).square()[:, 0]
    torch.testing.assert_close(mixture_error(target, proposal), error)


@pytest.mark.parametrize("dimensions", [1, 3, 4])
def test_gradient_of_the_divergence(dimensions: int) -> None:
    """-sum_m w_m d log q(y_m), with the self-normalised weights of the points that were drawn, all held fixed; a
    constant of the energy, another for each target, adds itself to the value and nothing to a gradient."""
    proposal, parts = trainable(mixture_of(3, dimensions))
    points = proposal.sample(example_draws(0, torch.arange(3)), 16)
    trained = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    scores = -trained * points.square().sum(-1)
    target = torch.zeros(3, dimensions).double()
    both = torch.cat([target[:, None], points], dim=1)
    candidates = Candidates(both, proposal.log_density(both), target)
    weights = (scores - candidates.log_noise[:, 1:]).detach().softmax(1)
    expected = torch.autograd.grad(-(weights * proposal.log_density(points)).sum(), parts)

    all_scores = torch.cat([torch.zeros(3, 1), scores], dim=1)
    gradients, values = [], []
    for constants in (torch.zeros(3), torch.tensor([500.0, -500.0, 3.0])):
        constants = constants.double()[:, None]
        loss = LearnedProposal().loss(all_scores + constants, candidates, proposal)
        told = loss.diagnostics
        torch.testing.assert_close(told["divergence"], told["log_normalizer"])
        values.append(told["divergence"] - constants[:, 0])
        gradients.append(
            torch.autograd.grad(loss.values.sum(), [trained, *parts], retain_graph=True)
        )
    torch.testing.assert_close(values[1], values[0])
    for found, shifted, exact in zip(*gradients, (None, *expected), strict=True):
        torch.testing.assert_close(shifted, found, rtol=1e-9, atol=1e-11)
        if exact is not None:
            torch.testing.assert_close(found, exact, rtol=1e-10, atol=1e-12)
    (energy,) = torch.autograd.grad(
        NoiseContrastive().loss(all_scores, candidates).values.sum(), trained
    )
    torch.testing.assert_close(gradients[0][0], energy)  # the proposal's part gives it nothing


@pytest.mark.parametrize("dimensions", [1, 3, 4])
def test_a_proposal_of_scores_of_500(dimensions: int) -> None:
    """In float32, with a target that the proposal is far from."""
    mixture = mixture_of(3, dimensions)
    parts = [part.requires_grad_() for part in vars(mixture).values()]
    target = torch.full((3, dimensions), 40.0)
    loss = LearnedProposal(NoiseContrastive(samples=16), 0.5)(
        lambda points: 500 * (7 * points.sum(-1)).sin().sign(),
        target,
        MixtureDensity(*parts),
        example_draws(0, torch.arange(3)),
    )
    gradients = torch.autograd.grad(loss.values.sum(), parts)
    for each in (loss.values, *gradients, *loss.diagnostics.values()):
        assert each.dtype == torch.float32
        assert each.isfinite().all()
    assert all(bool((each != 0).any()) for each in gradients)
