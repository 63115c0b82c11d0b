"""How an energy is trained: which points around a target are scored, and what loss their scores
give.

The model is p(y | x) = exp f(x, y) / Z(x). An objective is a value with two halves, so that the
scores may come from anywhere, a network that scores all points of a batch at once for one:

    candidates = objective.draw(noise, draw, count)         # offsets from the target
    loss = objective.loss(score(target + candidates.offsets), candidates)

`count` is how many points are drawn from the noise. Where an objective scores the target as well,
or a point beside it, that is one more and comes first; programs that say "M = 128" of both together
have a `count` of 127.

Gustafsson et al. 2020: "Energy-Based Models for Deep Probabilistic Regression" (ML-IS, KLD-IS) and
"How to Train Your Energy-Based Model for Regression" (NCE, NCE+). All is done with logarithms: no
score is too large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ltr.ebm.noise import Draw, GaussianMixtureNoise


class Candidates(NamedTuple):
    """The points that are scored, N for each target. No gradient goes through them."""

    offsets: Tensor
    """(..., N, D), from the target."""
    log_noise: Tensor
    """(..., N), the log density of the noise there."""


class Loss(NamedTuple):
    """What scores cost, and what they tell."""

    values: Tensor
    """(...), one for each target; their mean is the loss of the papers."""
    diagnostics: dict[str, Tensor]
    """By name, (...) each, without gradient. `effective_samples`: how many of the points of the
    noise carry the estimate of log Z, which is `log_normalizer` and knows f up to a constant alone;
    `positive_first`: 1 where the positive is told from all the noise; `label_weight`: mean weight
    of the points under the label, 1 in expectation."""


class Objective(Protocol):
    """A way to train an energy."""

    def draw(self, noise: GaussianMixtureNoise, draw: Draw, count: int) -> Candidates:
        """The points to be scored for each of B targets, `count` of them from the noise."""

    def loss(self, scores: Tensor, candidates: Candidates) -> Loss:
        """The loss of their scores (..., N)."""


@dataclass(frozen=True)
class NoiseContrastive:
    """NCE: the target must be told from points of the noise. NCE+ for `beta` > 0: the target is
    moved by noise of `beta` times its deviations first, as labels are never exact; the target
    itself is not scored."""

    beta: float = 0.0

    def draw(self, noise: GaussianMixtureNoise, draw: Draw, count: int) -> Candidates:
        positive = self.beta * noise.draw(draw.of("positive"), 1)
        offsets = torch.cat([positive, noise.draw(draw.of("noise"), count)], dim=1)
        return Candidates(offsets, noise.log_density(offsets))

    def loss(self, scores: Tensor, candidates: Candidates) -> Loss:
        return noise_contrastive(scores, candidates.log_noise)


@dataclass(frozen=True)
class MaximumLikelihood:
    """ML-IS: maximum likelihood of the target, the normalizer by importance sampling."""

    def draw(self, noise: GaussianMixtureNoise, draw: Draw, count: int) -> Candidates:
        samples = noise.draw(draw.of("noise"), count)
        offsets = torch.cat([torch.zeros_like(samples[:, :1]), samples], dim=1)
        return Candidates(offsets, noise.log_density(offsets))

    def loss(self, scores: Tensor, candidates: Candidates) -> Loss:
        return maximum_likelihood(scores, candidates.log_noise)


@dataclass(frozen=True, eq=False)
class LabelDivergence:
    """KLD-IS: the divergence from a label density around the target to the model, both terms by
    importance sampling; the target is not scored."""

    label: GaussianMixtureNoise

    def draw(self, noise: GaussianMixtureNoise, draw: Draw, count: int) -> Candidates:
        offsets = noise.draw(draw.of("noise"), count)
        return Candidates(offsets, noise.log_density(offsets))

    def loss(self, scores: Tensor, candidates: Candidates) -> Loss:
        log_label = self.label.log_density(candidates.offsets)
        return label_divergence(scores, candidates.log_noise, log_label)


def noise_contrastive(scores: Tensor, log_noise: Tensor) -> Loss:
    """NCE from scores (..., 1 + M) and log densities of the noise, of the positive and then of M
    points of the noise: -log softmax(f - log q) of the positive."""
    log_weights = scores - log_noise
    return Loss(log_weights.logsumexp(-1) - log_weights[..., 0], _with_positive(log_weights))


def maximum_likelihood(scores: Tensor, log_noise: Tensor) -> Loss:
    """ML-IS from scores (..., 1 + M) and log densities of the noise, of the target and then of M
    points of the noise: log Z - f(target), the target's own density is not used."""
    log_weights = scores - log_noise
    return Loss(_log_mean_exp(log_weights[..., 1:]) - scores[..., 0], _with_positive(log_weights))


def label_divergence(scores: Tensor, log_noise: Tensor, log_label: Tensor) -> Loss:
    """KLD-IS from scores (..., M) and log densities of the noise and of the label at M points of
    the noise: log Z - E[f] under the label, the label's entropy left out. Its weights p / q are
    plain: they are not made to sum to M."""
    log_weights = scores - log_noise
    label_weights = (log_label - log_noise).exp()
    values = _log_mean_exp(log_weights) - (scores * label_weights).mean(-1)
    return Loss(values, {**_of_noise(log_weights), "label_weight": label_weights.mean(-1)})


def _with_positive(log_weights: Tensor) -> dict[str, Tensor]:
    first = log_weights[..., :1] > log_weights[..., 1:]
    return {
        **_of_noise(log_weights[..., 1:]),
        "positive_first": first.all(-1).to(log_weights.dtype),
    }


def _of_noise(log_weights: Tensor) -> dict[str, Tensor]:
    """Of the log weights (..., M) of points of the noise; effective are (sum w)^2 / sum w^2."""
    log_weights = log_weights.detach()
    return {
        "effective_samples": (
            2 * log_weights.logsumexp(-1) - (2 * log_weights).logsumexp(-1)
        ).exp(),
        "log_normalizer": _log_mean_exp(log_weights),
    }


def _log_mean_exp(values: Tensor) -> Tensor:
    return values.logsumexp(-1) - math.log(values.shape[-1])
