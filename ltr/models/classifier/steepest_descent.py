"""Steepest descent with Gauss-Newton step lengths: how the target model's filter is learned online
(DiMP, Bhat et al. 2019, algorithm 1).

The products with the Jacobian are the filter and its adjoint: no autograd, no graph. What is
minimised is an `Objective` of the score maps; this file has the LeakyReLU-style residual,
`density_descent` the divergence of densities.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ltr.label_maps import distance_map, gaussian
from ltr.models.classifier.linear_filter import apply_filter, filter_adjoint
from ltr.settings import group, setting

Curvature = Callable[[Tensor], Tensor]
"""A direction of score maps (B, S, H', W') -> the objective's curvature along it, (B,)."""
Objective = Callable[[Tensor], tuple[Tensor, Curvature]]
"""Score maps (B, S, H', W') -> half the gradient with respect to them, and half the curvature
there."""


class ResidualMaps(NamedTuple):
    """The residual r = q (sigma(s; m) - y) of each score cell, given by three maps of one shape,
    (B, S, H', W').

    sigma(s; m) is s for s >= 0 and m s below: where m is small, scores below zero are not punished
    (DiMP, the discriminative learning loss)."""

    target: Tensor
    """y."""
    mask: Tensor
    """m, from 0 to 1."""
    weight: Tensor
    """q, the square root of the sample's weight times the spatial weight."""

    def at(self, scores: Tensor) -> tuple[Tensor, Curvature]:
        """The objective sum r^2 at `scores`."""
        slope = leaky_slope(scores, self.mask)
        residual = self.weight * (slope * scores - self.target)
        return (
            slope * self.weight * residual,
            lambda d: (self.weight * slope * d).square().sum(dim=(1, 2, 3)),
        )

    def loss(self, scores: Tensor) -> Tensor:
        """(B,) sum r^2."""
        residual = self.weight * (leaky_slope(scores, self.mask) * scores - self.target)
        return residual.square().sum(dim=(1, 2, 3))


def leaky_slope(scores: Tensor, mask: Tensor) -> Tensor:
    """sigma'(s; m): 1 above zero, m below, their mean at zero. sigma(s; m) is this times s."""
    return torch.where(scores > 0, 1, torch.where(scores < 0, mask, (1 + mask) / 2))


def descend(
    filters: Tensor,
    samples: Tensor,
    objective: Objective,
    regularisation: Tensor,
    iterations: int,
    step_factor: Tensor | float = 1.0,
    damping: float = 0.0,
) -> Iterator[Tensor]:
    """Minimise objective(samples * w) + lambda |w|^2 by `iterations` steepest descent steps from
    `filters` (B, C, K, K): yields those, and the filters after each step.

    samples (B, S, H, W, C); regularisation: lambda, a scalar tensor. A step has the length that
    minimises the local quadratic model, whose curvature is raised by `damping` |g|^2, times
    `step_factor`: alpha = |g|^2 / (g^T H g). All B are independent."""
    yield filters
    scores = apply_filter(samples, filters)  # (B, S, H', W')
    for _ in range(iterations):
        by_scores, curvature = objective(scores)
        gradient = filter_adjoint(samples, by_scores, filters.shape[-1])  # (B, C, K, K)
        gradient = gradient + regularisation * filters
        direction = apply_filter(samples, gradient)  # (B, S, H', W')
        square = gradient.square().sum(dim=(1, 2, 3))  # (B,)
        along = curvature(direction) + (regularisation + damping) * square  # g^T H g, (B,)
        step = (step_factor * square / along.clamp(min=1e-8))[:, None, None, None]
        filters = filters - step * gradient
        yield filters
        scores = scores - step * direction  # linear in the filter: no second product


def last(iterates: Iterator[Tensor]) -> Tensor:
    """The last of the filters that `descend` yields."""
    return deque(iterates, maxlen=1).pop()


@dataclass(frozen=True)
@group
class HingeConfig:
    """The fixed hinge of SuperDiMPSimple: a mask of 1 where the label exceeds `threshold`, `leak`
    elsewhere."""

    kind: Literal["hinge"] = setting(
        "hinge", "1", "the filter learns Gaussian labels with a fixed mask"
    )
    filter_reg: float = setting(
        0.01, "1", "initial weight of the filter's norm; it is squared", (0, 10)
    )
    threshold: float = setting(
        0.05, "1", "label above which a negative score is punished in full", (-1000, 1)
    )
    leak: float = setting(0.1, "1", "share of the punishment elsewhere", (0, 1))
    label_sigma: float = setting(
        0.9, "cells", "width of the label; narrower is sharper, more easily lost", (0.01, 100)
    )


@dataclass(frozen=True)
@group
class LearnedConfig:
    """The learned residual of DiMP: label, mask and spatial weight are piecewise linear functions
    of the distance."""

    kind: Literal["learned"] = setting(
        "learned", "1", "the filter learns from learned label, mask and weight"
    )
    filter_reg: float = setting(
        0.1, "1", "initial weight of the filter's norm; it is squared", (0, 10)
    )
    min_filter_reg: float = setting(
        1e-3, "1", "least weight of the filter's norm, before squaring", (0, 10)
    )
    step_length: float = setting(0.9, "1", "initial factor on the step length", (1e-6, 10))
    damping: float = setting(0.0, "1", "added to the curvature, per squared gradient", (0, 10))
    bins: int = setting(100, "1", "knots of the functions of the distance", (2, 10000))
    displacement: float = setting(0.1, "cells", "distance between knots", (1e-3, 10))
    label_sigma: float = setting(0.9, "cells", "width of the initial label", (0.01, 100))
    mask_factor: float = setting(3.0, "1", "steepness of the initial mask", (-100, 100))


def squared_regularisation(optimizer: Any) -> Tensor:
    """lambda, of an optimizer with a parameter `filter_reg`."""
    return optimizer.filter_reg.square().clamp(min=optimizer.config.min_filter_reg**2)


def damped_iterates(
    optimizer: Any,
    filters: Tensor,
    samples: Tensor,
    maps: Tensor,
    weights: Tensor,
    iterations: int,
) -> Iterator[Tensor]:
    """`filters` (B, C, K, K), and those after each descent step on samples (B, S, H, W, C) with
    maps of `sample_maps` and weights (B, S), of an optimizer that learns its step length."""
    objective, damping = optimizer.residual(maps, weights).at, optimizer.config.damping
    regularisation, step = optimizer.regularisation(), optimizer.log_step_length.exp()
    return descend(filters, samples, objective, regularisation, iterations, step, damping)


def last_iterate(
    optimizer: Any,
    filters: Tensor,
    samples: Tensor,
    maps: Tensor,
    weights: Tensor,
    iterations: int,
) -> Tensor:
    """The last of an optimizer's `iterates`: filters (B, C, K, K)."""
    return last(optimizer.iterates(filters, samples, maps, weights, iterations))


class HingeResidual(nn.Module):
    """Parameter of the fixed-hinge residual; its square weighs |w|^2."""

    def __init__(self, filter_reg: float) -> None:
        super().__init__()
        self.filter_reg = nn.Parameter(torch.full((1,), filter_reg))


class HingeSteepestDescent(nn.Module):
    """Learns filters from Gaussian labels, with the fixed hinge."""

    def __init__(self, config: HingeConfig) -> None:
        super().__init__()
        self.config = config
        self.residual_module = HingeResidual(config.filter_reg)

    def scores(self, raw: Tensor) -> Tensor:
        """The filter's output is the score."""
        return raw

    def sample_maps(self, cell_yx: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """What a sample with its target at `cell_yx` (..., 2) asks of the filter: the label, (...,
        1, H', W')."""
        return gaussian(cell_yx, self.config.label_sigma, size_hw)[..., None, :, :]

    def residual(self, maps: Tensor, weights: Tensor) -> ResidualMaps:
        """maps (B, S, 1, H', W'), weights (B, S); 0 leaves a sample out."""
        labels = maps[:, :, 0]
        mask = ((labels > self.config.threshold).to(labels) + self.config.leak).clamp(max=1)
        return ResidualMaps(mask * labels, mask, weights.sqrt()[:, :, None, None].expand_as(labels))

    def regularisation(self) -> Tensor:
        """lambda."""
        return self.residual_module.filter_reg.square()

    def iterates(
        self, filters: Tensor, samples: Tensor, maps: Tensor, weights: Tensor, iterations: int
    ) -> Iterator[Tensor]:
        """`filters` (B, C, K, K), and those after each descent step on samples (B, S, H, W, C) with
        maps of `sample_maps` and weights (B, S)."""
        return descend(
            filters, samples, self.residual(maps, weights).at, self.regularisation(), iterations
        )

    forward = last_iterate


class LearnedSteepestDescent(nn.Module):
    """Learns filters with the learned residual of DiMP: label y_c, mask m_c and weight
    v_c of a sample whose target is at c depend on the distance from c alone."""

    def __init__(self, config: LearnedConfig) -> None:
        super().__init__()
        self.config = config
        self.log_step_length = nn.Parameter(torch.full((1,), math.log(config.step_length)))
        self.filter_reg = nn.Parameter(torch.full((1,), config.filter_reg))
        label_predictor, mask_predictor, weight_predictor = (
            nn.Conv2d(config.bins, 1, 1, bias=False) for _ in range(3)
        )
        self.label_map_predictor = label_predictor
        self.target_mask_predictor = nn.Sequential(mask_predictor, nn.Sigmoid())
        self.spatial_weight_predictor = weight_predictor
        # on the CPU even where the network has no memory: arange there imports 800 modules
        distance = torch.arange(config.bins, device="cpu") * config.displacement
        label = torch.exp(-0.5 * (distance / config.label_sigma).square())
        with torch.no_grad():
            label_predictor.weight.copy_((label - label.min()).view(1, -1, 1, 1))
            mask = config.mask_factor * torch.tanh(2 - distance)
            mask_predictor.weight.copy_(mask.view(1, -1, 1, 1))
            weight_predictor.weight.fill_(1.0)

    def scores(self, raw: Tensor) -> Tensor:
        """The filter's output is the score."""
        return raw

    def sample_maps(self, cell_yx: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """What a sample with its target at `cell_yx` (..., 2) asks of the filter: label, mask and
        spatial weight, (..., 3, H', W')."""
        knots = distance_map(cell_yx, self.config.bins, self.config.displacement, size_hw)
        mask_weight = self.target_mask_predictor[0].weight
        weights = (
            self.label_map_predictor.weight,
            mask_weight,
            self.spatial_weight_predictor.weight,
        )
        table = torch.cat([weight.flatten(1) for weight in weights])  # type: ignore[operator]
        label, mask, weight = torch.einsum("tk,...khw->t...hw", table, knots)
        return torch.stack([label, mask.sigmoid(), weight], dim=-3)

    def residual(self, maps: Tensor, weights: Tensor) -> ResidualMaps:
        """maps (B, S, 3, H', W'), weights (B, S); 0 leaves a sample out."""
        label, mask, spatial = maps.unbind(2)
        return ResidualMaps(label, mask, weights.sqrt()[:, :, None, None] * spatial)

    regularisation = squared_regularisation
    iterates = damped_iterates
    forward = last_iterate
