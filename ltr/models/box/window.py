"""Box features on the cells that boxes can reach: pooling a box touches few cells, and two 3 x 3
convolutions need two cells more on each side. Exact: what lies outside of the map is zero, before
and after each convolution."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

MARGIN = 1
"""Cells on each side of the first boxes, for their way."""

Convolutions = tuple[nn.Module, nn.Module]
"""Two 3 x 3 convolutions: without padding on the CPU, where windows are cut, else with it."""
Cell = tuple[int, int]
"""(y, x)."""


class FeatureWindow(NamedTuple):
    """Windows of a map, one a target, all of one size."""

    low: tuple[Cell, ...]
    """The first cell of each; with its size it may reach beyond the map."""
    size: Cell


def whole_map(size_hw: torch.Size, targets: int) -> FeatureWindow:
    """The window that is the map."""
    return FeatureWindow(((0, 0),) * targets, (size_hw[0], size_hw[1]))


def window_around(boxes_xywh: Tensor, stride: int, size_hw: torch.Size) -> FeatureWindow:
    """The windows of cells whose hats boxes (B, N, 4) reach, with the margin, no larger than the
    map.

    Boxes that are not finite do not count. Reads the boxes back: for the CPU."""
    finite = boxes_xywh.isfinite().all(-1, keepdim=True)
    boxes_xywh = boxes_xywh.where(finite, boxes_xywh[:, :1].nan_to_num(0, 0, 0))
    corner, end = boxes_xywh[..., :2] / stride, (boxes_xywh[..., :2] + boxes_xywh[..., 2:]) / stride
    reached = torch.cat(
        [corner.amin(1).floor() - MARGIN, end.amax(1).ceil() + MARGIN], dim=1
    ).tolist()
    low, sizes = [], []
    for left, top, right, bottom in reached:
        y0, y1 = _clipped(top, bottom, size_hw[0])
        x0, x1 = _clipped(left, right, size_hw[1])
        low.append((y0, x0))
        sizes.append((y1 + 1 - y0, x1 + 1 - x0))
    return FeatureWindow(tuple(low), (max(h for h, _ in sizes), max(w for _, w in sizes)))


def limits_xy(window: FeatureWindow, stride: int, size_hw: torch.Size) -> tuple[Tensor, Tensor]:
    """How far boxes may reach, in pixels: (B, 1, 2) least corners and greatest ends as (x, y); no
    limit at a border."""
    height, width = window.size
    least = [[-torch.inf if at == 0 else at * stride for at in (x, y)] for y, x in window.low]
    most = [
        [
            torch.inf if at >= size else (at - 1) * stride
            for at, size in ((x + width, size_hw[1]), (y + height, size_hw[0]))
        ]
        for y, x in window.low
    ]
    limits = torch.tensor([least, most], dtype=torch.float32, device="cpu")
    return limits[0, :, None], limits[1, :, None]


def features_in(tap: Tensor, convolutions: Convolutions, window: FeatureWindow) -> Tensor:
    """Two convolutions with ReLU of a map (B, C, H, W), in a window: (B, C', h, w), zero beyond the
    map. On other devices than the CPU the window has to be the map."""
    if tap.device.type != "cpu":
        return convolutions[1](convolutions[0](tap).relu_()).relu_()
    x = _cut(tap, window, 2)
    for border, convolution in zip((1, 0), convolutions, strict=True):
        x = convolution(x).relu_()
        for row, (top, left) in enumerate(window.low):
            _clear_outside(x[row], (top - border, left - border), tap.shape[-2:])
    return x


def _clipped(first: float, last: float, size: int) -> tuple[int, int]:
    return min(max(int(first), 0), size - 1), min(max(int(last), 0), size - 1)


def _cut(tap: Tensor, window: FeatureWindow, border: int) -> Tensor:
    """(B, C, h + 2 border, w + 2 border) of a map that is zero beyond its borders."""
    (height, width), (rows, columns) = tap.shape[-2:], (side + 2 * border for side in window.size)
    out = torch.zeros(len(tap), tap.shape[1], rows, columns, dtype=tap.dtype, device=tap.device)
    out = out.contiguous(memory_format=torch.channels_last)
    for row, (top, left) in enumerate(window.low):
        y, x = top - border, left - border
        y0, y1, x0, x1 = max(y, 0), min(y + rows, height), max(x, 0), min(x + columns, width)
        out[row, :, y0 - y : y1 - y, x0 - x : x1 - x] = tap[row, :, y0:y1, x0:x1]
    return out


def _clear_outside(image: Tensor, first: Cell, size_hw: torch.Size) -> None:
    """Zero the cells of a window (C, h, w), whose first cell is `first`, that lie outside of the
    map."""
    for axis, (low, size) in enumerate(zip(first, size_hw, strict=True), 1):
        side = image.shape[axis]
        begin, end = min(max(-low, 0), side), min(max(size - low, 0), side)
        if begin > 0:
            image.narrow(axis, 0, begin).zero_()
        if end < side:
            image.narrow(axis, end, side - end).zero_()
