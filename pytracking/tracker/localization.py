"""From score maps to a position: the highest score, refined below the cell."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Peak(NamedTuple):
    """The maximum of each score map."""

    score: Tensor
    """(B,) the highest score, as it stands in the map."""
    cell_yx: Tensor
    """(B, 2) its place in cells, refined."""


def find_peak(scores: Tensor) -> Peak:
    """The peak of each map (B, H, W).

    Of equal maxima the smallest column, then the smallest row is taken, as in the published trackers. Each axis is
    refined by the vertex of the parabola through the cell and its two neighbours, by at most half a cell, not at the
    border."""
    batch, height, width = scores.shape
    by_column = scores.transpose(1, 2).reshape(batch, width * height)
    best, index = by_column.max(dim=1)
    x, y = index // height, index % height
    rows = torch.arange(batch, device=scores.device)
    down = scores[rows, :, x]
    right = scores[rows, y]
    offset = torch.stack([_vertex(down, y), _vertex(right, x)], dim=-1)
    return Peak(best, torch.stack([y, x], dim=-1) + offset)


def _vertex(line: Tensor, at: Tensor) -> Tensor:
    """(B, N) values and (B,) index of the maximum -> offset of the parabola's vertex, within half a cell."""
    last = line.shape[1] - 1
    before, here, after = (line.gather(1, (at + d).clamp(0, last)[:, None])[:, 0] for d in (-1, 0, 1))
    curvature = before - 2 * here + after
    offset = 0.5 * (before - after) / torch.where(curvature < 0, curvature, -torch.inf)
    return torch.where((at > 0) & (at < last), offset.clamp(-0.5, 0.5), 0.0)
