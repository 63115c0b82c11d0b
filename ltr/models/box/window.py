"""Box features on the cells that boxes can reach: pooling a box touches few cells, and two 3 x 3 convolutions need two
cells more on each side. Exact: what lies outside of the map is zero, before and after each convolution."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

MARGIN = 1
"""Cells on each side of the first boxes, for their way."""

Convolutions = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]


class Cells(NamedTuple):
    """The first and the last cell (y, x) that the boxes of each target touch, clipped to the map; (B, 2) each."""

    first: Tensor
    last: Tensor

    def within(self, low: list[list[int]], side: int) -> bool:
        """Whether windows of `side` cells from `low` hold them."""
        corner = torch.tensor(low)
        return bool(((self.first >= corner) & (self.last < corner + side)).all())


class Window(NamedTuple):
    """Square windows of a map, one a target, all of one size."""

    low: list[list[int]]
    """First cell (y, x); it may lie outside of the map."""
    side: int


def touched(boxes_xywh: Tensor, stride: int, size_hw: tuple[int, ...]) -> Cells:
    """The cells whose hats boxes (B, N, 4) reach on a map of size_hw; for boxes outside the nearest ones."""
    corner = boxes_xywh[..., :2] / stride
    end = (boxes_xywh[..., :2] + boxes_xywh[..., 2:]) / stride
    last = torch.tensor(size_hw) - 1
    first_cell = torch.minimum(corner, end).floor().amin(1).flip(-1)
    last_cell = torch.maximum(corner, end).ceil().amax(1).flip(-1)
    return Cells(*(torch.minimum(cell.clamp(min=0), last).long() for cell in (first_cell, last_cell)))


def window_of(boxes_xywh: Tensor, stride: int, size_hw: tuple[int, ...]) -> Window:
    """The windows that boxes (B, N, 4) touch, with the margin, no larger than the map."""
    first, last = touched(boxes_xywh, stride, size_hw)
    side = min(int((last - first).max()) + 1 + 2 * MARGIN, max(size_hw))
    low = torch.minimum((first - MARGIN).clamp(min=0), (torch.tensor(size_hw) - side).clamp(min=0))
    return Window(low.tolist(), side)


def features_in(tap: Tensor, convolutions: Convolutions, low: list[list[int]], side: int) -> Tensor:
    """Two convolutions with ReLU of a map (B, C, H, W), on windows of `side` cells from `low`: (B, C', side, side),
    zero where a window reaches beyond the map."""
    size_hw = tap.shape[-2:]
    if all(corner == [0, 0] for corner in low) and size_hw == (side, side):
        x = tap
        for weight, bias in convolutions:
            x = F.conv2d(x, weight, bias, padding=1).relu_()
        return x
    x = _cut(tap, low, side + 4, 2)
    for border, (weight, bias) in zip((1, 0), convolutions, strict=True):
        x = F.conv2d(x, weight, bias).relu_()
        for row, (top, left) in enumerate(low):
            _clear_outside(x[row], top - border, left - border, size_hw)
    return x


def _cut(tap: Tensor, low: list[list[int]], side: int, border: int) -> Tensor:
    """(B, C, side, side) of a map that is zero beyond its borders, from `border` cells before `low`."""
    height, width = tap.shape[-2:]
    out = torch.zeros(len(tap), tap.shape[1], side, side, dtype=tap.dtype, device=tap.device)
    out = out.contiguous(memory_format=torch.channels_last)
    for row, (top, left) in enumerate(low):
        y, x = top - border, left - border
        y0, y1, x0, x1 = max(y, 0), min(y + side, height), max(x, 0), min(x + side, width)
        if y0 < y1 and x0 < x1:
            out[row, :, y0 - y : y1 - y, x0 - x : x1 - x] = tap[row, :, y0:y1, x0:x1]
    return out


def _clear_outside(image: Tensor, top: int, left: int, size_hw: torch.Size) -> None:
    """Zero the cells of a window (C, a, a), whose first cell is (top, left), that lie outside of the map."""
    for axis, first, size in ((1, top, size_hw[0]), (2, left, size_hw[1])):
        side = image.shape[axis]
        inside_first, inside_last = min(max(-first, 0), side), min(max(size - first, 0), side)
        image.narrow(axis, 0, inside_first).zero_()
        image.narrow(axis, inside_last, side - inside_last).zero_()
