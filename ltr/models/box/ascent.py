"""Gradient ascent on the energy of boxes (ATOM, Danelljan et al. 2019, section 3.4; Gustafsson et
al. 2020, section 4.1), in either of the two published spaces: where it begins, how boxes climb, and
which are taken. Of what is climbed nothing but a callable is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.ebm.ascent import climb
from ltr.geometry import from_relative, relative_step, to_relative
from ltr.models.tracking_network import BoxEnergies

StepLengths = Sequence[tuple[float, float]]
"""The lengths of each step, at least one, as (position, size)."""


class RelativePlace(NamedTuple):
    """Boxes in relative coordinates (B, N, 2) each, and as (B, N, 4) pool format."""

    position: Tensor
    log_size: Tensor
    boxes_xywh: Tensor


class Fit(NamedTuple):
    """The box of each target."""

    box_xywh: Tensor
    """(B, 4) pool format; of no meaning where all were rejected."""
    accepted: Tensor
    """(B,) whether any box was left."""
    spread: Tensor | None = None
    """(B, 3, 4), as of `sampling.SampledBoxes`; None where nothing was sampled."""


def candidates(
    box_xywh: Tensor, uniform: Tensor, position_range: float, size_range: float
) -> Tensor:
    """The boxes to start from, (B, 1 + N, 4): `box_xywh` (B, 4) itself and random ones around it,
    from numbers of [0, 1), `uniform` (B, N, 4); both ranges are in target sizes."""
    corner, size = box_xywh[:, None].split(2, dim=-1)
    side = size.prod(-1, keepdim=True).sqrt()
    moved, grown = (uniform - 0.5).split(2, dim=-1)
    middle = corner + size / 2 + moved * (side * position_range)
    least = size.amin(-1, keepdim=True) / 3
    sizes = torch.maximum(size + grown * (side * size_range), least)
    return torch.cat([box_xywh[:, None], torch.cat([middle - sizes / 2, sizes], dim=-1)], dim=1)


def step_lengths(
    step: tuple[float, float], decay: float, iterations: int
) -> list[tuple[float, float]]:
    """`iterations` steps that begin with `step`, (position, size), each `decay` times the last."""
    lengths = [step]
    for _ in range(iterations - 1):
        lengths.append((lengths[-1][0] * decay, lengths[-1][1] * decay))
    return lengths


def ascend(
    energies_of: BoxEnergies, boxes_xywh: Tensor, space: str, steps: StepLengths
) -> tuple[Tensor, Tensor]:
    """Boxes (B, N, 4) after the ascent, in relative coordinates or, in any other space, in pixels;
    and their energies (B, N) before its last step."""
    climb = ascend_relative if space == "relative" else ascend_in_pixels
    return climb(energies_of, boxes_xywh, steps)


def ascend_in_pixels(
    energies_of: BoxEnergies, boxes_xywh: Tensor, steps: StepLengths
) -> tuple[Tensor, Tensor]:
    """Move boxes (B, N, 4) uphill in (x, y, w, h), in steps scaled by the box's own size (ATOM).

    Returns them and energies (B, N), those from before the last step, as published."""

    def move(boxes_xywh: Tensor, gradient: Tensor, step: tuple[float, float]) -> Tensor:
        by_corner, by_size = gradient.split(2, dim=-1)
        corner, size = boxes_xywh.split(2, dim=-1)
        corner = corner + step[0] * by_corner * size
        return torch.cat([corner, size + step[1] * by_size * size], dim=-1)

    return climb(energies_of, move, boxes_xywh, steps)


def ascend_relative(
    energies_of: BoxEnergies, boxes_xywh: Tensor, steps: StepLengths
) -> tuple[Tensor, Tensor]:
    """Move boxes (B, N, 4) uphill in (centre / size of the first box, log size) (Gustafsson et al.
    2020, section 4.1). Returns what `ascend_in_pixels` does."""
    unit = boxes_xywh[:, :1, 2:]  # (B, 1, 2)

    def move(place: RelativePlace, gradient: Tensor, step: tuple[float, float]) -> RelativePlace:
        forward, growth = relative_step(gradient, place.boxes_xywh[..., 2:], unit, step)
        position = place.position + forward
        log_size = place.log_size + growth
        return RelativePlace(position, log_size, from_relative(position, log_size, unit))

    begin = RelativePlace(*to_relative(boxes_xywh, unit), boxes_xywh)
    end, energies = climb(lambda place: energies_of(place.boxes_xywh), move, begin, steps)
    return end.boxes_xywh, energies


def select_boxes(boxes_xywh: Tensor, energies: Tensor, average: int, max_aspect: float) -> Fit:
    """The mean of the `average` best of boxes (B, N, 4) by energies (B, N), those of an extreme
    aspect and those that left all bounds left out."""
    corner, size = boxes_xywh.split(2, dim=-1)
    boxes = torch.cat([corner, size.clamp(min=1)], dim=-1)
    aspect = boxes[..., 2] / boxes[..., 3]
    kept = (aspect < max_aspect) & (aspect > 1 / max_aspect) & boxes.isfinite().all(-1)
    count = min(average, boxes.shape[1])
    best = torch.where(kept, energies, -torch.inf).topk(count, dim=1).indices
    taken = kept.gather(1, best)[..., None]
    chosen = boxes.gather(1, best[..., None].expand(-1, -1, 4))
    mean = torch.where(taken, chosen, 0).sum(1) / taken.sum(1).clamp(min=1)
    return Fit(mean, kept.any(dim=1))
