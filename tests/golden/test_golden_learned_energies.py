"""Langevin chains, ascent, learned proposals, importance sampling, and the gradients of whole networks of the published
one-dimensional programs, against an independent implementation (EBM_README.md there), float64 to 1e-10."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from energy_arrays import EnergyArrays
from torch import Tensor

from ltr.ebm.ascent import ascend, ascend_where_higher
from ltr.ebm.inference import WeightedSample
from ltr.ebm.mixture import MixtureDensity
from ltr.ebm.noise import Draw, GaussianMixtureNoise
from ltr.ebm.objectives import (
    Candidates,
    LabelDivergence,
    MaximumLikelihood,
    NoiseContrastive,
    Score,
)
from ltr.ebm.proposals import LearnedProposal, mixture_likelihood
from ltr.ebm.slopes import (
    DenoisingScoreMatching,
    LangevinLikelihood,
    ScoreMatching,
    langevin_step,
    slopes_of,
)

Arrays = dict[str, Tensor]
Weights = dict[str, Tensor]


@pytest.fixture(scope="module")
def arrays(golden) -> Arrays:  # type: ignore[no-untyped-def]
    return EnergyArrays(golden("ebm1d_objectives.npz"))


def close(value: Tensor, expected: Tensor) -> None:
    assert value.shape == expected.shape
    largest = max(float(expected.abs().max()), 1e-2)
    assert float((value - expected).abs().max()) <= 1e-10 * largest


def hill(points: Tensor) -> Tensor:
    y = points[..., 0]
    return -(((y - 1) / 0.3) ** 2) / 2 + 0.2 * (3 * y).sin()


def test_langevin_steps(arrays: Arrays) -> None:
    points = arrays["langevin_y0"][None, :, None]
    for noise, expected in zip(arrays["langevin_noise"], arrays["langevin_y"], strict=True):
        points = langevin_step(hill, points, noise[None, :, None], float(arrays["langevin_alpha"]))
        close(points[0, :, 0], expected)


@pytest.mark.parametrize("rule", ["accept", "plain"])
def test_both_rules_of_ascent(arrays: Arrays, rule: str) -> None:
    step, decay = (float(arrays[f"ascent_{rule}_{part}"]) for part in ("step", "decay"))
    begin = arrays["langevin_y0"][None, :, None]
    for count, expected in enumerate(arrays[f"ascent_{rule}_y"][1:], 1):
        if rule == "accept":
            points, scores = ascend_where_higher(hill, begin, step, decay, count)
            close(scores, hill(points))
        else:
            points, _ = ascend(hill, begin, [step * decay**k for k in range(count)])
        close(points[0, :, 0], expected)


def test_chains_of_given_scores(arrays: Arrays) -> None:
    f0, fs = (arrays[f"d1_{part}"].clone().requires_grad_() for part in ("f0", "fs"))
    ends, target = torch.zeros(4, 8, 1), torch.zeros(4, 1)
    scores = torch.cat([f0[:, None], fs], dim=1)
    loss = LangevinLikelihood().loss(scores, ends, target).values.mean()
    close(loss.detach(), arrays["d1_mlmcmc_loss"])
    for leaf, part in ((f0, "f0"), (fs, "fs")):
        (gradient,) = torch.autograd.grad(loss, leaf, retain_graph=True)
        close(gradient, arrays[f"d1_mlmcmc_grad_{part}"])


@pytest.mark.parametrize("name", ["joint_d1", "joint_d3"])
def test_learned_proposals_and_importance_sampling(arrays: Arrays, name: str) -> None:
    part = {key: arrays[f"{name}_{key}"].clone() for key in ("means", "log_sigma2", "logits")}
    f0, fs = (arrays[f"{name}_{key}"].clone().requires_grad_() for key in ("f0", "fs"))
    leaves = {key: value.requires_grad_() for key, value in part.items()}
    proposal = MixtureDensity(leaves["logits"], leaves["means"].mT, leaves["log_sigma2"].mT / 2)
    target, samples = arrays[f"{name}_y"], arrays[f"{name}_samples"]
    points = torch.cat([target[:, None], samples], dim=1)
    candidates = Candidates(points, proposal.log_density(points), target)
    close(candidates.log_noise[:, 0].detach(), arrays[f"{name}_logq_y"])
    close(candidates.log_noise[:, 1:].detach(), arrays[f"{name}_logq_samples"])

    def gradients(value: Tensor, of: dict[str, Tensor], prefix: str) -> None:
        found = torch.autograd.grad(value, list(of.values()), retain_graph=True)
        for key, gradient in zip(of, found, strict=True):
            close(gradient, arrays[f"{name}_{prefix}grad_{key}"])

    likelihood = mixture_likelihood(target, proposal).values.mean()
    close(likelihood.detach(), arrays[f"{name}_mdn_nll"])
    gradients(likelihood, leaves, "mdn_nll_")

    scores = torch.cat([f0[:, None], fs], dim=1)
    joint = LearnedProposal().loss(scores, candidates, proposal)
    close(joint.values.mean().detach(), arrays[f"{name}_loss"])
    close(joint.diagnostics["energy"].mean(), arrays[f"{name}_nce_loss"])
    close(joint.diagnostics["divergence"].mean(), arrays[f"{name}_kl_loss"])
    gradients(joint.values.mean(), {"f0": f0, "fs": fs, **leaves}, "")

    taught = LearnedProposal(likelihood_share=0.5).loss(scores, candidates, proposal)
    teacher = (taught.values - taught.diagnostics["energy"]).mean()
    close(teacher.detach(), arrays[f"{name}_teacher_mdn_loss"])
    gradients(taught.values.mean(), leaves, "teacher_")

    sample = WeightedSample(samples, fs.detach(), candidates.log_noise[:, 1:].detach())
    close(sample.weights, arrays[f"{name}_snis_weights"])
    close(sample.mean, arrays[f"{name}_snis_mean"])
    close(sample.log_normalizer, arrays[f"{name}_snis_logZ"])
    close(sample.effective_size, arrays[f"{name}_snis_ess"])
    close(sample.log_normalizer - f0.detach(), arrays[f"{name}_snis_nll"])


class Recorded:
    """Numbers that are given, in place of drawn ones: components are all 0."""

    def __init__(self, normals: list[Tensor]) -> None:
        self._normals = normals

    def of(self, purpose: str) -> Draw:
        return self

    def normal(self, *shape: int) -> Tensor:
        return self._normals.pop(0)

    def integers(self, high: int, *shape: int) -> Tensor:
        return torch.zeros(1, *shape, dtype=torch.int64)


def layer(weights: Weights, name: str, values: Tensor) -> Tensor:
    return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def features(weights: Weights, x: Tensor) -> Tensor:
    return layer(weights, "feature.fc2_x", layer(weights, "feature.fc1_x", x).relu()).relu()


def weights_of(arrays: Arrays, prefix: str) -> Weights:
    return {
        key.removeprefix(prefix): arrays[key].clone().requires_grad_()
        for key in arrays
        if key.startswith(tuple(f"{prefix}{part}." for part in ("feature", "noise", "predictor")))
    }


def published_score(weights: Weights, x: Tensor) -> Score:
    """The network of the NCE+ paper."""

    def score(points: Tensor) -> Tensor:
        y = layer(weights, "predictor.fc1_y", points).tanh()
        h = features(weights, x)[:, None].expand(-1, points.shape[1], -1)
        z = layer(weights, "predictor.fc1_xy", torch.cat([h, y], dim=-1)).tanh()
        for name in ("predictor.fc2_xy", "predictor.fc3_xy"):
            z = layer(weights, name, z).tanh() + z
        return layer(weights, "predictor.fc4_xy", z)[..., 0]

    return score


def loss_of(name: str, arrays: Arrays, score: Score) -> Tensor:
    target = arrays["net_y"]
    noise = GaussianMixtureNoise(arrays["net_std"].T)
    points = target[:, None] + arrays["net_offsets"]
    if name in ("nce", "nceplus", "mlis"):
        first = target + (arrays["net_nu"] if name == "nceplus" else 0)
        points = torch.cat([first[:, None], points], dim=1)
    candidates = Candidates(points, noise.around(target).log_density(points), target)
    if name == "kldis":
        label = GaussianMixtureNoise(arrays["net_kldis_sigma"].reshape(1, 1))
        return LabelDivergence(label).loss(score(points), candidates).values
    if name == "mlis":
        return MaximumLikelihood().loss(score(points), candidates).values
    if name in ("nce", "nceplus"):
        return NoiseContrastive().loss(score(points), candidates).values
    if name == "sm":
        return ScoreMatching()(score, target, None, Recorded([])).values
    if name == "dsm":
        sigma = float(arrays["net_dsm_sigma"])
        normals = [(arrays["net_dsm_samples"][..., None] - target[:, None]) / sigma]
        return DenoisingScoreMatching(sigma, 6)(score, target, None, Recorded(normals)).values
    normals = list(arrays["net_mcmc_noise"].reshape(2, 3, 4, 1))
    chains = LangevinLikelihood(2, float(arrays["net_mcmc_alpha"]), 4)
    return chains(score, target, None, Recorded(normals)).values


@pytest.mark.parametrize("name", ["nce", "nceplus", "mlis", "kldis", "sm", "dsm", "mlmcmc"])
def test_gradients_of_a_published_network(arrays: Arrays, name: str) -> None:
    weights = weights_of(arrays, "net_")
    score = published_score(weights, arrays["net_x"])
    loss = loss_of(name, arrays, score).mean()
    close(loss.detach(), arrays[f"net_{name}_loss"])
    found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    for key, gradient in zip(weights, found, strict=True):
        expected = arrays[f"net_{name}_grad_{key}"]
        close(torch.zeros_like(expected) if gradient is None else gradient, expected)


def test_slopes_of_a_published_network(arrays: Arrays) -> None:
    score = published_score(weights_of(arrays, "net_"), arrays["net_x"])
    slopes: Callable[[Tensor], Tensor] = lambda points: slopes_of(score, points).slopes  # noqa: E731
    close(slopes(arrays["net_y"][:, None])[:, 0], arrays["net_sm_grad"])
    close(slopes(arrays["net_dsm_samples"][..., None])[..., 0], arrays["net_dsm_grad"])
    told = ScoreMatching()(score, arrays["net_y"], None, Recorded([])).diagnostics
    close(told["curvature"], arrays["net_sm_trace"])
    close(told["squared_slope"], arrays["net_sm_grad"][:, 0].square())


def test_scores_and_chains_of_a_published_network(arrays: Arrays) -> None:
    score, target = published_score(weights_of(arrays, "net_"), arrays["net_x"]), arrays["net_y"]
    points = target[:, None] + arrays["net_offsets"]
    close(score(points).detach(), arrays["net_fs"])
    close(score(target[:, None])[:, 0].detach(), arrays["net_f0"])
    close(score((target + arrays["net_nu"])[:, None])[:, 0].detach(), arrays["net_fp"])
    chains = target[:, None].expand(-1, 4, -1)
    for normal in arrays["net_mcmc_noise"].reshape(2, 3, 4, 1):
        chains = langevin_step(score, chains, normal, float(arrays["net_mcmc_alpha"]))
    close(chains[..., 0], arrays["net_mcmc_y"])


def test_joint_gradients_of_a_published_network(arrays: Arrays) -> None:
    """Where the stop-gradients are: in the samples, in either's share of the other, in the features of the proposal."""
    weights = weights_of(arrays, "net3_")
    x, target = arrays["net3_x"], arrays["net3_y"]
    h = features(weights, x)

    def branch(name: str) -> Tensor:
        hidden = layer(weights, f"noise.fc1_{name}", h.detach()).relu()
        return layer(weights, f"noise.fc2_{name}", hidden)

    def score(points: Tensor) -> Tensor:
        y = layer(weights, "predictor.fc2_y", layer(weights, "predictor.fc1_y", points).relu())
        both = torch.cat([h[:, None].expand(-1, points.shape[1], -1), y.relu()], dim=-1)
        z = layer(weights, "predictor.fc1_xy", both).relu()
        z = layer(weights, "predictor.fc2_xy", z).relu() + z
        return layer(weights, "predictor.fc3_xy", z)[..., 0]

    proposal = MixtureDensity(
        branch("weight"), branch("mean")[..., None], branch("sigma")[..., None] / 2
    )
    points = torch.cat([target[:, None], arrays["net3_samples"][..., None]], dim=1)
    candidates = Candidates(points, proposal.log_density(points), target)
    close(proposal.means[..., 0].detach(), arrays["net3_means"])
    close(2 * proposal.log_sigmas[..., 0].detach(), arrays["net3_log_sigma2"])
    close(proposal.logits.softmax(-1).detach(), arrays["net3_weights"])
    close(candidates.log_noise[:, 0].detach(), arrays["net3_logq_y"])
    close(candidates.log_noise[:, 1:].detach(), arrays["net3_logq_samples"])
    scores = score(points)
    close(scores[:, 0].detach(), arrays["net3_f0"])
    close(scores[:, 1:].detach(), arrays["net3_fs"])
    joint = LearnedProposal().loss(scores, candidates, proposal)
    close(joint.diagnostics["energy"].mean(), arrays["net3_nce_loss"])
    close(joint.diagnostics["divergence"].mean(), arrays["net3_kl_loss"])
    loss = joint.values.mean()
    close(loss.detach(), arrays["net3_loss"])
    found = torch.autograd.grad(loss, list(weights.values()))
    for key, gradient in zip(weights, found, strict=True):
        close(gradient, arrays[f"net3_grad_{key}"])
