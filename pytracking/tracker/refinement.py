"""Fitting the box: gradient ascent on the energy of several boxes at once, and what becomes of them
(ATOM, section 3.4; Gustafsson et al. 2020, section 4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ltr.models.box.closed_form import BoxEnergies
from pytracking.tracker.observer import Observer
from pytracking.tracker.preset_settings import Refinement


class Fitted(NamedTuple):
    """The box of each target."""

    box_xywh: Tensor
    """(B, 4) pool format; of no meaning where all were rejected."""
    accepted: Tensor
    """(B,) whether any box was left."""


def candidates(box_xywh: Tensor, uniform: Tensor, setting: Refinement) -> Tensor:
    """The boxes to start from, (B, 1 + N, 4): `box_xywh` (B, 4) itself and random ones around it,
    from numbers of [0, 1), `uniform` (B, N, 4)."""
    corner, size = box_xywh[:, None].split(2, dim=-1)
    side = size.prod(-1, keepdim=True).sqrt()
    moved, grown = (uniform - 0.5).split(2, dim=-1)
    middle = corner + size / 2 + moved * (side * setting.jitter_position)
    least = size.amin(-1, keepdim=True) / 3
    sizes = torch.maximum(size + grown * (side * setting.jitter_size), least)
    return torch.cat([box_xywh[:, None], torch.cat([middle - sizes / 2, sizes], dim=-1)], dim=1)


def ascend(
    energies_of: BoxEnergies,
    boxes_xywh: Tensor,
    setting: Refinement,
    observer: Observer | None = None,
) -> tuple[Tensor, Tensor]:
    """Move boxes (B, N, 4) uphill. Returns them and energies (B, N), those from before the last
    step, as published."""
    step_position, step_size = setting.step
    relative = setting.space == "relative"
    # in relative space the place is measured in sizes of the first box, and the size by its
    # logarithm
    place = boxes_xywh[..., :2] + boxes_xywh[..., 2:] / 2
    unit = boxes_xywh[:, :1, 2:]
    place, log_size = place / unit, boxes_xywh[..., 2:].log()
    for _ in range(setting.iterations):
        energies, gradient = energies_of(boxes_xywh)
        if observer is not None:
            observer.observe("candidate_boxes", boxes_xywh)
            observer.observe("candidate_energies", energies)
        by_corner, by_size = gradient.split(2, dim=-1)
        size = boxes_xywh[..., 2:]
        if relative:
            place = place + step_position * unit * by_corner
            log_size = log_size + step_size * size * (by_size - by_corner / 2)
            new_size = log_size.exp()
            boxes_xywh = torch.cat([place * unit - new_size / 2, new_size], dim=-1)
        else:
            corner = boxes_xywh[..., :2] + step_position * by_corner * size
            boxes_xywh = torch.cat([corner, size + step_size * by_size * size], dim=-1)
        step_position, step_size = (
            step_position * setting.step_decay,
            step_size * setting.step_decay,
        )
    return boxes_xywh, energies


def select_boxes(boxes_xywh: Tensor, energies: Tensor, setting: Refinement) -> Fitted:
    """The mean of the best of boxes (B, N, 4), those of an extreme aspect and those that left all
    bounds left out."""
    corner, size = boxes_xywh.split(2, dim=-1)
    boxes = torch.cat([corner, size.clamp(min=1)], dim=-1)
    aspect = boxes[..., 2] / boxes[..., 3]
    kept = (
        (aspect < setting.max_aspect) & (aspect > 1 / setting.max_aspect) & boxes.isfinite().all(-1)
    )
    count = min(setting.average, boxes.shape[1])
    best = torch.where(kept, energies, -torch.inf).topk(count, dim=1).indices
    taken = kept.gather(1, best)[..., None]
    chosen = boxes.gather(1, best[..., None].expand(-1, -1, 4))
    mean = torch.where(taken, chosen, 0).sum(1) / taken.sum(1).clamp(min=1)
    return Fitted(mean, kept.any(dim=1))
