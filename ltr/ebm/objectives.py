"""How an energy is trained: what is asked of the scores around a target.

The model is p(y | x) = exp f(x, y) / Z(x); f is the score, the negative energy: higher fits better.
An objective is a value that is called with a score, targets (B, D), noise and random numbers:

    loss = objective(score, target, noise, draw)
    loss.values.mean().backward()

`score` gives for points (B, N, D) their scores (B, N). An objective that draws nothing from noise
takes None in its place. Those of noise (ML-IS, KLD-IS, NCE, NCE+) have two halves as well, for
networks that score all points of a batch at once:

    candidates = objective.draw(target, noise, draw)
    loss = objective.loss(score(candidates.points), candidates)

`samples` is how many points are drawn from the noise for each target. Where the target is scored as
well, or a point beside it, that is one more and comes first; programs that say "M = 128" of both
together have 127.

Sources: Gustafsson et al. 2020, "Energy-Based Models for Deep Probabilistic Regression" (ECCV;
ML-IS) and "How to Train Your Energy-Based Model for Regression" (BMVC; NCE, NCE+, KLD-IS, and the
comparison of all). All is done with logarithms: no score is too large. Published settings are those
of the 1-D experiments (1,024 samples) and, in brackets, of object detection (127 or 128).

ConfigError for fewer than one sample, for targets, noise or random numbers of different shapes or
batches, and for scores that are not one number for each point: they would be broadcast into
something else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from ltr.ebm.checks import (
    check_count,
    check_draw,
    check_examples,
    check_scores,
    check_targets,
)
from ltr.ebm.noise import Density, Draw, GaussianMixtureNoise, Noise
from ltr.errors import ConfigError

Score = Callable[[Tensor], Tensor]
"""Points (B, N, D) -> scores (B, N)."""
SAMPLES = 1024


class Candidates(NamedTuple):
    """The points that are scored, N for each target. No gradient goes through them."""

    points: Tensor
    """(..., N, D)"""
    log_noise: Tensor
    """(..., N), the log density of the noise there."""
    target: Tensor
    """(..., D)"""


class Loss(NamedTuple):
    """What scores cost, and what they tell."""

    values: Tensor
    """(...), one for each target; their mean is the loss of the papers."""
    diagnostics: dict[str, Tensor]
    """By name, (...) each, without gradient. `effective_samples`: how many of the points of the
    noise carry the estimate of log Z, which is `log_normalizer` and knows f up to a constant alone;
    `largest_log_weight`: of f - log q at those points;
    `positive_first`: 1 where the positive is told from all the noise; `label_weight`: mean weight
    of the points under the label, 1 in expectation. Those of the objectives without noise stand
    there."""


N = TypeVar("N", contravariant=True)


class Objective(Protocol[N]):
    """A way to train an energy. `Objective[None]` needs no noise."""

    def __call__(self, score: Score, target: Tensor, noise: N, draw: Draw) -> Loss:
        """What the scores around targets (B, D) cost: draws the points, and asks `score` for
        theirs."""


class NoiseObjective(Objective[Noise], Protocol):
    """One of scores at points of the noise, in two halves."""

    def draw(self, target: Tensor, noise: Noise, draw: Draw) -> Candidates:
        """The points (B, N, D) to be scored for targets (B, D): `samples` of the noise, and where
        the objective scores a positive, that is one more and comes first."""

    def loss(self, scores: Tensor, candidates: Candidates) -> Loss:
        """The loss (...) of their scores (..., N)."""


@dataclass(frozen=True)
class NoiseContrastive(NoiseObjective):
    """NCE (BMVC 2020; ranking form): the target must be told from points of the
    noise. With a_m = f(y_m) - log q(y_m) and y_0 the target,

        L = log sum_{m=0..M} exp a_m - a_0.

    NCE+ for `beta` > 0: y_0 is the target moved by noise of `beta` times its deviations, as labels
    are never exact; its log q is that of the noise itself. The target is then not scored.

    Published: noise of .1 and .8, beta .025 [.075, .15, .3 relative to the box, beta .1]."""

    samples: int = SAMPLES
    beta: float = 0.0

    def __post_init__(self) -> None:
        check_count("samples", self.samples)
        if not 0 <= self.beta < math.inf:
            raise ConfigError(f"a beta of {self.beta}: give a finite number from 0")

    def draw(self, target: Tensor, noise: Noise, draw: Draw) -> Candidates:
        check_draw(draw)
        positive = noise.perturbed(target, draw.of("positive"), self.beta)
        return _with_first(positive, target, noise, draw, self.samples)

    def loss(self, scores: Tensor, candidates: Candidates) -> Loss:
        return noise_contrastive(scores, candidates.log_noise)

    def __call__(self, score: Score, target: Tensor, noise: Noise, draw: Draw) -> Loss:
        return _scored(self, score, target, noise, draw)


@dataclass(frozen=True)
class MaximumLikelihood(NoiseObjective):
    """ML-IS (ECCV 2020): maximum likelihood, the normalizer by importance sampling.

        L = log (1/M) sum_m exp(f(y_m) - log q(y_m)) - f(y).

    Published: noise of .2 and 1.6 [.0375, .075, .15 relative to the box]. With few samples it is
    unbounded below: f(y) may rise where no sample falls."""

    samples: int = SAMPLES

    def __post_init__(self) -> None:
        check_count("samples", self.samples)

    def draw(self, target: Tensor, noise: Noise, draw: Draw) -> Candidates:
        return _with_first(target, target, noise, draw, self.samples)

    def loss(self, scores: Tensor, candidates: Candidates) -> Loss:
        return maximum_likelihood(scores, candidates.log_noise)

    def __call__(self, score: Score, target: Tensor, noise: Noise, draw: Draw) -> Loss:
        return _scored(self, score, target, noise, draw)


@dataclass(frozen=True, eq=False)
class LabelDivergence(NoiseObjective):
    """KLD-IS (BMVC 2020): the divergence from a label density p(y | y_i) to the model, both terms
    by importance sampling; the target is not scored. Without the label's entropy,

        L = log (1/M) sum_m exp(f(y_m) - log q(y_m)) - (1/M) sum_m f(y_m) p(y_m) / q(y_m).

    Published: noise of .2 and 1.6, a label of .025 [.0375, .075, .15; .0225]."""

    label: GaussianMixtureNoise
    samples: int = SAMPLES

    def __post_init__(self) -> None:
        check_count("samples", self.samples)

    def draw(self, target: Tensor, noise: Noise, draw: Draw) -> Candidates:
        density, points = _around(target, noise, draw, self.samples)
        return Candidates(points, density.log_density(points), target)

    def loss(self, scores: Tensor, candidates: Candidates) -> Loss:
        log_label = self.label.around(candidates.target).log_density(candidates.points)
        return label_divergence(scores, candidates.log_noise, log_label)

    def __call__(self, score: Score, target: Tensor, noise: Noise, draw: Draw) -> Loss:
        return _scored(self, score, target, noise, draw)


def noise_contrastive(scores: Tensor, log_noise: Tensor) -> Loss:
    """NCE from scores (..., 1 + M) and log densities of the noise, of the positive and then of M
    points of the noise: -log softmax(f - log q) of the positive. The noise gets no gradient."""
    check_scores(scores, log_noise.shape)
    log_weights = scores - log_noise.detach()
    return Loss(log_weights.logsumexp(-1) - log_weights[..., 0], _with_positive(log_weights))


def maximum_likelihood(scores: Tensor, log_noise: Tensor) -> Loss:
    """ML-IS from scores (..., 1 + M) and log densities of the noise, of the target and then of M
    points of the noise: log Z - f(target), the target's own density is not used. The noise gets no
    gradient."""
    check_scores(scores, log_noise.shape)
    log_weights = scores - log_noise.detach()
    return Loss(log_mean_exp(log_weights[..., 1:]) - scores[..., 0], _with_positive(log_weights))


def label_divergence(scores: Tensor, log_noise: Tensor, log_label: Tensor) -> Loss:
    """KLD-IS from scores (..., M) and log densities of the noise and of the label at M points of
    the noise: log Z - E[f] under the label, the label's entropy left out. Its weights p / q are
    plain: they are not made to sum to M. The noise gets no gradient."""
    check_scores(scores, log_noise.shape)
    log_noise = log_noise.detach()
    log_weights = scores - log_noise
    label_weights = (log_label - log_noise).exp()
    values = log_mean_exp(log_weights) - (scores * label_weights).mean(-1)
    return Loss(values, {**_of_noise(log_weights), "label_weight": label_weights.mean(-1)})


def log_mean_exp(values: Tensor) -> Tensor:
    """(..., M) -> (...)"""
    return values.logsumexp(-1) - math.log(values.shape[-1])


def weight_moments(log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """(sum w)^2 / sum w^2, from 1 to M, how many are effective, and the logarithm of their mean, of
    the weights whose logarithms are (..., M)."""
    largest = log_weights.amax(-1, keepdim=True)
    weights = (log_weights - largest).exp()
    total = weights.sum(-1)
    log_mean = largest[..., 0] + (total / weights.shape[-1]).log()
    return total.square() / weights.square().sum(-1), log_mean


def _with_first(
    first: Tensor, target: Tensor, noise: Noise, draw: Draw, samples: int
) -> Candidates:
    density, drawn = _around(target, noise, draw, samples)
    points = torch.cat([first[:, None], drawn], dim=1)
    return Candidates(points, density.log_density(points), target)


def _around(target: Tensor, noise: Noise, draw: Draw, samples: int) -> tuple[Density, Tensor]:
    """The noise's density for targets (B, D), and its points (B, samples, D)."""
    check_targets(target)
    check_draw(draw)
    density = noise.around(target)
    points = density.sample(draw.of("noise"), samples)
    check_examples("targets", "(B, D)", target.shape, "points of the noise", len(points))
    return density, points


def _scored(
    objective: NoiseObjective, score: Score, target: Tensor, noise: Noise, draw: Draw
) -> Loss:
    candidates = objective.draw(target, noise, draw)
    return objective.loss(score(candidates.points), candidates)


def _with_positive(log_weights: Tensor) -> dict[str, Tensor]:
    first = log_weights[..., :1] > log_weights[..., 1:]
    return {
        **_of_noise(log_weights[..., 1:]),
        "positive_first": first.all(-1).to(log_weights.dtype),
    }


def _of_noise(log_weights: Tensor) -> dict[str, Tensor]:
    """Of the log weights (..., M) of points of the noise."""
    log_weights = log_weights.detach()
    effective, log_mean = weight_moments(log_weights)
    return {
        "effective_samples": effective,
        "log_normalizer": log_mean,
        "largest_log_weight": log_weights.amax(-1),
    }
