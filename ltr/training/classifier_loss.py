"""How well the filters of all descent steps find the target in the test frames.

The label of a frame whose target lies outside of its crop vanishes, as in the published training:
no cell may answer; a label density is uniform there, no cell may answer more than others.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ltr.label_maps import gaussian, training_density
from ltr.models.classifier.density_descent import Divergence
from ltr.models.classifier.steepest_descent import ResidualMaps
from ltr.training.recipe import DivergenceLoss, HingeLoss

FINAL, FIRST, BETWEEN = "classifier/final", "classifier/first", "classifier/between"
CROSS_ENTROPY = "classifier/cross_entropy"


def classifier_terms(
    raw_scores: Tensor, cell_yx: Tensor, cells_per_target: float, loss: HingeLoss | DivergenceLoss
) -> dict[str, Tensor]:
    """The losses (B,) of raw scores (1 + n, B, T, H', W') by name, without their weights.

    cell_yx (B, T, 2): the targets' middles on the score maps; cells_per_target: how many cells a
    target's side has."""
    size = (raw_scores.shape[-2], raw_scores.shape[-1])
    labels = label_maps(cell_yx, cells_per_target, size, loss)
    if isinstance(loss, DivergenceLoss):
        return terms_of_iterates(raw_scores, divergence(labels))
    terms = terms_of_iterates(raw_scores, hinge(labels, loss.threshold))
    if loss.cross_entropy:
        density = training_density(cell_yx, loss.sigma * cells_per_target, size)
        terms[CROSS_ENTROPY] = divergence(density).loss(raw_scores[-1] / loss.temperature)
    return terms


def label_maps(
    cell_yx: Tensor,
    cells_per_target: float,
    size_hw: tuple[int, int],
    loss: HingeLoss | DivergenceLoss,
) -> Tensor:
    """What score maps of H' x W' cells are held against, (..., H', W'): a Gaussian with peak 1
    around cells (..., 2), or a density."""
    kind = training_density if isinstance(loss, DivergenceLoss) else gaussian
    return kind(cell_yx, loss.sigma * cells_per_target, size_hw)


def classifier_weights(loss: HingeLoss | DivergenceLoss, iterations: int) -> dict[str, float]:
    """The weights by name of the terms that there are after so many steps of descent."""
    weights = {FINAL: loss.final, FIRST: loss.first}
    if iterations > 1:
        weights[BETWEEN] = loss.between
    if isinstance(loss, HingeLoss):
        weights[CROSS_ENTROPY] = loss.cross_entropy
    return weights


def terms_of_iterates(
    raw_scores: Tensor, objective: ResidualMaps | Divergence
) -> dict[str, Tensor]:
    """The losses (B,) of the last filter, of the first, and the mean of those between, where there
    are any."""
    losses = torch.stack([objective.loss(scores) for scores in raw_scores])  # (1 + n, B)
    terms = {FINAL: losses[-1], FIRST: losses[0]}
    if len(losses) > 2:
        terms[BETWEEN] = losses[1:-1].mean(dim=0)
    return terms


def hinge(labels: Tensor, threshold: float) -> ResidualMaps:
    """The mean square of score minus label (B, T, H', W'); where the label is below `threshold`, of
    a score above zero alone (DiMP, Bhat et al. 2019, equation 8)."""
    positive = (labels >= threshold).to(labels)
    share = torch.full_like(labels, labels[0].numel() ** -0.5)
    return ResidualMaps(positive * labels, positive, share)


def divergence(density: Tensor) -> Divergence:
    """The Kullback-Leibler divergence from densities (B, T, H', W') to the softmax of scores, mean
    over frames, but for the entropy of the densities (PrDiMP, Danelljan et al. 2020, equation
    9)."""
    frames = density.shape[1]
    return Divergence(density, density.new_full(density.shape[:2], 1 / frames))
