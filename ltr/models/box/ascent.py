"""Gradient ascent on the energy of boxes (ATOM, Danelljan et al. 2019, section 3.4; Gustafsson et
al. 2020, section 4.1), in either of the two published spaces. Of what is climbed nothing but a
callable is known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ltr.geometry import from_relative, relative_step, to_relative
from ltr.models.tracking_network import BoxEnergies

StepLengths = Sequence[tuple[float, float]]
"""The lengths of each step, at least one, as (position, size)."""


def step_lengths(
    step: tuple[float, float], decay: float, iterations: int
) -> list[tuple[float, float]]:
    """`iterations` steps that begin with `step`, (position, size), each `decay` times the last."""
    lengths = [step]
    for _ in range(iterations - 1):
        lengths.append((lengths[-1][0] * decay, lengths[-1][1] * decay))
    return lengths


def ascend_in_pixels(
    energies_of: BoxEnergies, boxes_xywh: Tensor, steps: StepLengths
) -> tuple[Tensor, Tensor]:
    """Move boxes (B, N, 4) uphill in (x, y, w, h), in steps scaled by the box's own size (ATOM).

    Returns them and energies (B, N), those from before the last step, as published."""
    for step_position, step_size in steps:
        energies, gradient = energies_of(boxes_xywh)  # (B, N), (B, N, 4)
        by_corner, by_size = gradient.split(2, dim=-1)
        corner, size = boxes_xywh.split(2, dim=-1)
        corner = corner + step_position * by_corner * size
        boxes_xywh = torch.cat([corner, size + step_size * by_size * size], dim=-1)
    return boxes_xywh, energies


def ascend_relative(
    energies_of: BoxEnergies, boxes_xywh: Tensor, steps: StepLengths
) -> tuple[Tensor, Tensor]:
    """Move boxes (B, N, 4) uphill in (centre / size of the first box, log size) (Gustafsson et al.
    2020, section 4.1). Returns what `ascend_in_pixels` does."""
    unit = boxes_xywh[:, :1, 2:]  # (B, 1, 2)
    position, log_size = to_relative(boxes_xywh, unit)  # (B, N, 2) each
    for step in steps:
        energies, gradient = energies_of(boxes_xywh)
        forward, growth = relative_step(gradient, boxes_xywh[..., 2:], unit, step)
        position = position + forward
        log_size = log_size + growth
        boxes_xywh = from_relative(position, log_size, unit)
    return boxes_xywh, energies
