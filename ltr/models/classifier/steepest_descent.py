"""Steepest descent with Gauss-Newton step lengths on the LeakyReLU-style residual (DiMP, section 3.2 and algorithm 1).

The products with the Jacobian are the filter and its adjoint: no autograd, no graph.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ltr.models.classifier.linear_filter import apply_filter, filter_adjoint


class ResidualMaps(NamedTuple):
    """The residual r = q (sigma(s; m) - y) of each score cell, given by three maps of one shape, (B, S, H', W').

    sigma(s; m) is s for s >= 0 and m s below: where m is small, scores below zero are not punished."""

    target: Tensor
    """y."""
    mask: Tensor
    """m, from 0 to 1."""
    weight: Tensor
    """q, the square root of the sample's weight times the spatial weight."""


def descend(filters: Tensor, samples: Tensor, maps: ResidualMaps, regularisation: Tensor, iterations: int) -> Tensor:
    """Minimise sum r^2 + lambda |w|^2 by `iterations` Gauss-Newton steepest descent steps from `filters` (B, C, K, K).

    samples (B, S, H, W, C); regularisation: lambda, a scalar tensor. Returns the new filters; all B are independent."""
    target, mask, weight = maps
    scores = apply_filter(samples, filters)
    for _ in range(iterations):
        slope = torch.where(scores > 0, 1, torch.where(scores < 0, mask, (1 + mask) / 2))
        residual = weight * (slope * scores - target)
        gradient = filter_adjoint(samples, slope * weight * residual, filters.shape[-1]) + regularisation * filters
        direction = apply_filter(samples, gradient)
        square = gradient.square().sum(dim=(1, 2, 3))
        curvature = (weight * slope * direction).square().sum(dim=(1, 2, 3)) + regularisation * square
        step = square / curvature.clamp(min=1e-8)
        filters = filters - step[:, None, None, None] * gradient
        scores = scores - step[:, None, None, None] * direction  # linear in the filter: no second product
    return filters


class HingeResidual(nn.Module):
    """Parameter of the fixed-hinge residual; its square weighs |w|^2."""

    def __init__(self, filter_reg: float) -> None:
        super().__init__()
        self.filter_reg = nn.Parameter(torch.full((1,), filter_reg))


class HingeSteepestDescent(nn.Module):
    """The fixed hinge of SuperDiMPSimple: a mask of 1 where the label exceeds `threshold`, `leak` elsewhere."""

    threshold = 0.05
    leak = 0.1

    def __init__(self, filter_reg: float) -> None:
        super().__init__()
        self.residual_module = HingeResidual(filter_reg)

    def forward(self, filters: Tensor, samples: Tensor, labels: Tensor, weights: Tensor, iterations: int) -> Tensor:
        """filters (B, C, K, K), samples (B, S, H, W, C), labels (B, S, H', W'), weights (B, S); 0 leaves a sample
        out."""
        mask = ((labels > self.threshold).float() + self.leak).clamp(max=1)
        maps = ResidualMaps(mask * labels, mask, weights.sqrt()[:, :, None, None].expand_as(labels))
        return descend(filters, samples, maps, self.residual_module.filter_reg.square(), iterations)
