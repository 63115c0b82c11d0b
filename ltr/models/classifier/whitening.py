"""Whitening: classifier features without training, from the statistics of any photographs."""

from __future__ import annotations

import torch
from torch import Tensor


def whitening_matrix(covariance: Tensor, shrinkage: float = 0.1) -> Tensor:
    """(C, C) inverse square root of `covariance` + `shrinkage` x its mean eigenvalue, computed in
    float64.

    covariance: uncentred, E[x x^T] over the cells of many feature maps. The matrix makes the
    squared norm of a filter measure its size in units of what is common in images, so a descent
    regularised by it learns what is rare."""
    values, vectors = torch.linalg.eigh(covariance.double())
    scales = (values.clamp(min=0) + shrinkage * values.mean()).rsqrt()
    return (vectors * scales) @ vectors.T
