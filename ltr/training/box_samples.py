"""The boxes that the box head's energy is trained on."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.draws import Draws
from ltr.ebm.noise import GaussianMixtureNoise
from ltr.ebm.objectives import (
    Candidates,
    LabelDivergence,
    MaximumLikelihood,
    NoiseContrastive,
    NoiseObjective,
)
from ltr.geometry import at_offsets
from ltr.training.recipe import EnergyLoss
from ltr.transfer import constant


class BoxSamples(NamedTuple):
    """N boxes around each target: `loss.boxes` of the noise, and one more where the objective
    scores a positive, which comes first."""

    proposals_xywh: Tensor
    """(B, T, N, 4), pool format, without gradient."""
    candidates: Candidates
    """The same as points (B, T, N, 4) in relative coordinates, the target at 0 and its own size as
    their unit: what the objective's loss asks for beside energies (B, T, N)."""


@lru_cache
def box_objective(loss: EnergyLoss, device: torch.device) -> NoiseObjective:
    """The objective that `loss` names."""
    if loss.objective == "nce":
        return NoiseContrastive(loss.boxes)
    if loss.objective == "nce_plus":
        return NoiseContrastive(loss.boxes, loss.beta)
    if loss.objective == "ml_is":
        return MaximumLikelihood(loss.boxes)
    return LabelDivergence(box_noise((loss.label_sigma,), device), loss.boxes)


@lru_cache
def box_noise(
    sigmas: tuple[tuple[float, float], ...], device: torch.device
) -> GaussianMixtureNoise:
    """A mixture in relative coordinates (x, y, w, h) of components with deviations (centre, log
    size)."""
    table = tuple((centre, centre, size, size) for centre, size in sigmas)
    return GaussianMixtureNoise(constant(table, device, torch.float32))


def box_samples(target_xywh: Tensor, loss: EnergyLoss, draws: Draws) -> BoxSamples:
    """Boxes around targets (B, T, 4), pool format and with positive sides, drawn on their device;
    `draws` has a stream for each of B examples, on that device too."""
    noise = box_noise(loss.sigmas, target_xywh.device)
    objective = box_objective(loss, target_xywh.device)
    frames = target_xywh.shape[1]
    origin = torch.zeros_like(target_xywh).flatten(0, 1)
    drawn = objective.draw(origin, noise, draws.each(frames))
    candidates = Candidates(*(part.unflatten(0, (-1, frames)) for part in drawn))
    return BoxSamples(at_offsets(target_xywh, candidates.points), candidates)
