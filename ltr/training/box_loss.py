"""How well the box head judges boxes around the target in the test frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ltr.data.plans.jitter import disturbed_boxes
from ltr.draws import Draws
from ltr.geometry import middle_yx
from ltr.training.box_samples import box_objective, box_samples
from ltr.training.recipe import EnergyLoss, OverlapLoss
from ltr.transfer import upload

LOSS = "box/loss"


class Proposals(NamedTuple):
    """Boxes to be judged, and what their energies are then worth."""

    boxes_xywh: Tensor
    """(B, T, N, 4), pool format."""
    terms: Callable[[Tensor], dict[str, Tensor]]
    """Energies (B, T, N) -> scalars by name: the loss, and without gradient what else there is."""


def box_proposals(
    loss: OverlapLoss | EnergyLoss, target_xywh: Tensor, crop_side: int, draws: Draws
) -> Proposals:
    """Boxes around targets (B, T, 4), pool format, by the objective `loss`. The energy of a frame
    whose target has its middle outside of the crop is not trained: there is nothing to see."""
    if isinstance(loss, OverlapLoss):
        boxes, overlaps = disturbed(target_xywh, loss, draws)
        return Proposals(boxes, lambda energies: {LOSS: overlap_loss(energies, overlaps)})
    samples = box_samples(target_xywh, loss, draws)
    inside = inside_crop(target_xywh, crop_side)

    def terms(energies: Tensor) -> dict[str, Tensor]:
        objective = box_objective(loss, energies.device)
        values, diagnostics = objective.loss(energies, samples.candidates)
        more = {f"box/{name}": mean_where(inside, each) for name, each in diagnostics.items()}
        return {LOSS: mean_where(inside, values), **more}

    return Proposals(samples.proposals_xywh, terms)


def disturbed(target_xywh: Tensor, loss: OverlapLoss, draws: Draws) -> tuple[Tensor, Tensor]:
    """`disturbed_boxes` (B, T, N, 4) of targets (B, T, 4), and their overlaps (B, T, N). They are
    drawn on the host, which waits for the targets."""
    seeds = draws.each(target_xywh.shape[1]).seeds.tolist()
    rows = [
        disturbed_boxes(
            box, loss.boxes, loss.sigmas, loss.least, np.random.default_rng(seed % 2**64)
        )
        for box, seed in zip(target_xywh.flatten(0, 1).cpu().numpy(), seeds, strict=True)
    ]
    boxes, overlaps = (torch.from_numpy(np.stack(part)) for part in zip(*rows, strict=True))
    frames = target_xywh.shape[:2]
    return (
        upload(boxes, target_xywh.device).unflatten(0, frames),
        upload(overlaps, target_xywh.device).unflatten(0, frames),
    )


def overlap_loss(predictions: Tensor, overlaps: Tensor) -> Tensor:
    """Mean square of predictions minus overlaps (..., N), which are stretched from 0..1 to -1..1
    (DiMP, Bhat et al. 2019, section 3.4)."""
    return (predictions - (2 * overlaps - 1)).square().mean()


def inside_crop(target_xywh: Tensor, crop_side: int) -> Tensor:
    """(...) whether the middle of a target (..., 4), pool format, lies in its crop."""
    middle = middle_yx(target_xywh)
    return ((middle >= 0) & (middle <= crop_side)).all(dim=-1)


def mean_where(chosen: Tensor, values: Tensor) -> Tensor:
    """The mean of those `values` that are `chosen`; 0 where none is."""
    return torch.where(chosen, values, 0).sum() / chosen.sum().clamp(min=1)
