"""Objectives that need no noise, but the score's derivative in the target: short-run Langevin
chains, and score matching. Each takes None as its noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.ebm.checks import (
    check_count,
    check_draw,
    check_examples,
    check_positive,
    check_recorded,
    check_scores,
    check_targets,
)
from ltr.ebm.noise import Draw
from ltr.ebm.objectives import SAMPLES, Loss, Objective, Score


class Slopes(NamedTuple):
    """Scores and their derivatives in the points."""

    scores: Tensor
    """(B, N)"""
    slopes: Tensor
    """(B, N, D)"""


def slopes_of(score: Score, points: Tensor, keep_graph: bool = False) -> Slopes:
    """Scores and slopes at points (B, N, D), without gradient unless the graph is kept, so that
    they can be differentiated themselves. 0 where scores that are trained do not depend on the
    points. ConfigError unless there is a score for each point, and for scores without a gradient:
    a constant cannot be told from what was detached."""
    with torch.enable_grad():
        points = points.detach().requires_grad_()
        scores = score(points)
        check_scores(scores, points.shape[:-1])
        check_recorded(scores)
        slopes = _derivative(scores, points, keep_graph)
    return Slopes(scores if keep_graph else scores.detach(), slopes)


def _derivative(values: Tensor, points: Tensor, keep_graph: bool) -> Tensor:
    """Of the sum of values in the points: 0 where they do not depend on them."""
    if not values.requires_grad:
        return torch.zeros_like(points)
    (found,) = torch.autograd.grad(
        values.sum(), points, create_graph=keep_graph, allow_unused=True, materialize_grads=True
    )
    return found


@dataclass(frozen=True)
class LangevinLikelihood(Objective[None]):
    """ML-MCMC (BMVC 2020): maximum likelihood, the expectation under the model by `samples` chains
    that begin at the target and take `steps` of `step_length` a,

        y <- y + a^2 / 2 f'(y) + a N(0, 1),    L = (1/M) sum_m f(y_m) - f(y),

    without accept or reject, and without gradient through the chains. Published: 16 steps of .05,
    on the paper's second data set .0125 [8 of 1e-5, 128 chains]. Diagnostics: `chain_distance`, how
    far chains end from the target; `score_gap`, how much higher the target's score is."""

    steps: int = 16
    step_length: float = 0.05
    samples: int = SAMPLES

    def __post_init__(self) -> None:
        check_count("steps", self.steps)
        check_count("samples", self.samples)
        check_positive("a step length", self.step_length)

    def __call__(self, score: Score, target: Tensor, noise: None, draw: Draw) -> Loss:
        check_targets(target)
        check_draw(draw)
        points = target[:, None].expand(-1, self.samples, -1)
        for step in range(self.steps):
            normal = _normal(draw.of(f"langevin {step}"), self.samples, target)
            points = langevin_step(score, points, normal, self.step_length)
        return self.loss(score(torch.cat([target[:, None], points], dim=1)), points, target)

    def loss(self, scores: Tensor, points: Tensor, target: Tensor) -> Loss:
        """Of scores (B, 1 + M) of targets (B, D) and of where the chains end, points (B, M, D)."""
        check_scores(scores, (len(target), 1 + points.shape[1]))
        values = scores[:, 1:].mean(-1) - scores[:, 0]
        distance = (points - target[:, None]).square().sum(-1).sqrt().mean(-1)
        return Loss(values, {"chain_distance": distance, "score_gap": -values.detach()})


def langevin_step(score: Score, points: Tensor, normal: Tensor, step_length: float) -> Tensor:
    """Points (B, N, D) a step of Langevin dynamics later, with its standard normal numbers."""
    slopes = slopes_of(score, points).slopes
    return points + step_length**2 / 2 * slopes + step_length * normal


@dataclass(frozen=True)
class DenoisingScoreMatching(Objective[None]):
    """DSM (Vincent 2011, "A Connection Between Score Matching and Denoising Autoencoders"): the
    slope at points y_m = y + sigma e_m leads back to the target,

        L = (1/M) sum_m | f'(y_m) + (y_m - y) / sigma^2 |^2.

    Published: `sigma` .2, on the paper's second data set .075 [.075 relative to the box]. One that
    is too narrow learns nothing of what lies further away. Diagnostics: `squared_slope`, a mean."""

    sigma: float
    samples: int = SAMPLES

    def __post_init__(self) -> None:
        check_positive("a sigma", self.sigma)
        check_count("samples", self.samples)

    def __call__(self, score: Score, target: Tensor, noise: None, draw: Draw) -> Loss:
        check_targets(target)
        check_draw(draw)
        normal = _normal(draw.of("denoising"), self.samples, target)
        points = target[:, None] + self.sigma * normal
        return self.loss(slopes_of(score, points, keep_graph=True).slopes, points, target)

    def loss(self, slopes: Tensor, points: Tensor, target: Tensor) -> Loss:
        """Of slopes (B, M, D) at points (B, M, D) around targets (B, D)."""
        back = (points - target[:, None]) / self.sigma**2
        values = (slopes + back).square().sum(-1).mean(-1)
        return Loss(values, {"squared_slope": slopes.detach().square().sum(-1).mean(-1)})


@dataclass(frozen=True)
class ScoreMatching(Objective[None]):
    """SM (Hyvarinen 2005, "Estimation of Non-Normalized Statistical Models by Score Matching"):

        L = tr f''(y) + |f'(y)|^2 / 2

    at the target, the trace by D second derivatives; nothing is drawn. The score must be smooth in
    y: of a ReLU network the trace is 0. All is 0 of a trained score that does not know y.
    Diagnostics: `curvature` (the trace), `squared_slope`."""

    def __call__(self, score: Score, target: Tensor, noise: None, draw: Draw) -> Loss:
        check_targets(target)
        with torch.enable_grad():
            points = target.detach()[:, None].requires_grad_()
            scores = score(points)
            check_scores(scores, points.shape[:-1])
            check_recorded(scores)
            slopes = _derivative(scores, points, keep_graph=True)
            trace = torch.zeros_like(slopes[:, 0, 0])
            for dimension in range(target.shape[-1]):
                second = _derivative(slopes[..., dimension], points, keep_graph=True)
                trace = trace + second[:, 0, dimension]
        squared = slopes[:, 0].square().sum(-1)
        told = {"curvature": trace.detach(), "squared_slope": squared.detach()}
        return Loss(trace + squared / 2, told)


def _normal(draw: Draw, samples: int, target: Tensor) -> Tensor:
    """(B, samples, D) standard normal numbers for targets (B, D)."""
    normal = draw.normal(samples, target.shape[-1]).to(target)
    check_examples("targets", "(B, D)", target.shape, "random numbers", len(normal))
    return normal
