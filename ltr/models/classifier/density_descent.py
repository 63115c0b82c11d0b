"""Learning the filter as a density over cells: steepest descent on the Kullback-Leibler divergence
between the label density and the softmax of the scores, with the step lengths of its quadratic
(Newton) model (PrDiMP, Danelljan et al. 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ltr.label_maps import label_density
from ltr.models.classifier.steepest_descent import (
    Curvature,
    damped_iterates,
    last_iterate,
    squared_regularisation,
)
from ltr.settings import group, setting


def softmax_cells(scores: Tensor, extra_logit: float = -math.inf) -> Tensor:
    """Softmax over the cells of each map (..., H', W'), with one more class of the logit
    `extra_logit` whose probability is dropped; -inf leaves it out."""
    flat = scores.flatten(-2)
    if extra_logit == -math.inf:
        return flat.softmax(dim=-1).view(scores.shape)
    extra = flat.new_full((*flat.shape[:-1], 1), extra_logit)
    return torch.cat([flat, extra], dim=-1).softmax(dim=-1)[..., :-1].view(scores.shape)


class Divergence(NamedTuple):
    """sum_i gamma_i (log sum exp s - sum l s), the cross entropy of densities l (B, S, H', W'),
    samples weighted by gamma (B, S)."""

    density: Tensor
    weights: Tensor
    extra_logit: float = -math.inf

    def at(self, scores: Tensor) -> tuple[Tensor, Curvature]:
        """The objective at `scores`: its Hessian in the scores of a sample is diag(p) - p p^T."""
        gamma = self.weights[:, :, None, None]
        probability = softmax_cells(scores, self.extra_logit)  # p, (B, S, H', W')

        def curvature(direction: Tensor) -> Tensor:
            """sum_i gamma_i d^T (diag(p) - p p^T) d, (B,)."""
            scaled = probability * direction  # diag(p) d
            mean = scaled.sum(dim=(2, 3), keepdim=True)  # p^T d
            product = scaled - probability * mean  # (B, S, H', W')
            along = (direction * product).sum(dim=(2, 3)).clamp(min=0)  # (B, S)
            return (self.weights * along).sum(dim=1)

        return gamma * (probability - self.density), curvature

    def loss(self, scores: Tensor) -> Tensor:
        """(B,) the cross entropy, by the weights."""
        flat = scores.flatten(-2)
        total = flat.logsumexp(-1)
        if self.extra_logit != -math.inf:
            total = torch.logaddexp(total, torch.full_like(total, self.extra_logit))
        return (self.weights * (total - (self.density.flatten(-2) * flat).sum(-1))).sum(dim=1)


@dataclass(frozen=True)
@group
class DivergenceConfig:
    """The optimizer of PrDiMP."""

    kind: Literal["kl"] = setting("kl", "1", "the filter learns a density over cells")
    filter_reg: float = setting(
        0.05, "1", "initial weight of the filter's norm; it is squared", (0, 10)
    )
    min_filter_reg: float = setting(
        0.05, "1", "least weight of the filter's norm, before squaring", (0, 10)
    )
    step_length: float = setting(1.0, "1", "initial factor on the step length", (1e-6, 10))
    damping: float = setting(0.05, "1", "added to the curvature, per squared gradient", (0, 10))
    label_sigma: float = setting(0.9, "cells", "width of the label density", (0.01, 100))
    normalise: bool = setting(True, "1", "whether the label density sums to 1 over the cells")
    threshold: float = setting(0.0, "1", "the label density is zero below", (0, 1))
    shrink: float = setting(0.0, "1", "share that is taken off the label density", (0, 1))
    uniform: float = setting(0.0, "1", "share of the uniform density in the label", (0, 1))
    extra_logit: float | None = setting(
        None, "1", "logit of one more class, which means: in no cell", (-1000, 1000)
    )


class DensitySteepestDescent(nn.Module):
    """Learns filters from label densities."""

    def __init__(self, config: DivergenceConfig) -> None:
        super().__init__()
        self.config = config
        self.extra_logit = -math.inf if config.extra_logit is None else config.extra_logit
        self.log_step_length = nn.Parameter(torch.full((1,), math.log(config.step_length)))
        self.filter_reg = nn.Parameter(torch.full((1,), config.filter_reg))

    def scores(self, raw: Tensor) -> Tensor:
        """The filter's output (..., H', W') -> the probability of each cell."""
        return softmax_cells(raw, self.extra_logit)

    def sample_maps(self, cell_yx: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """What a sample with its target at `cell_yx` (..., 2) asks of the filter: the label
        density, (..., 1, H', W')."""
        c = self.config
        density = label_density(
            cell_yx, c.label_sigma, size_hw, c.normalise, c.threshold, c.shrink, c.uniform
        )
        return density[..., None, :, :]

    def residual(self, maps: Tensor, weights: Tensor) -> Divergence:
        """maps (B, S, 1, H', W'), weights (B, S); 0 leaves a sample out."""
        return Divergence(maps[:, :, 0], weights, self.extra_logit)

    regularisation = squared_regularisation
    iterates = damped_iterates
    forward = last_iterate
