"""The window rules of the published trackers and of their training, with their quirks.

Each cuts a patch of whole pixels out of the frame and resizes it. As everywhere: R windows, axes as
(y, x), sizes as (h, w).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ltr.crops import CropWindow, Patch
from ltr.geometry import centre_size
from ltr.transfer import constant

Border = Literal["replicate", "inside", "inside_major"]
Rounding = Literal["integer", "float"]


def published_window(
    centre_yx: Tensor,
    size_hw: Tensor,
    out_hw: tuple[int, int],
    frame_hw: Tensor,
    rounding: Rounding = "integer",
    border: Border = "replicate",
    max_scale_change: float = torch.inf,
) -> CropWindow:
    """The window of the published trackers: whole pixels, large areas subsampled, the cut patch
    then resized.

    `rounding` "integer" is the code of the time of the published models (2019 to May 2022), "float"
    the newest public one, whose coordinates keep halves. `border` "inside" and "inside_major"
    shrink the window by at most `max_scale_change` and shift it into the frame; frame_hw: (R,
    2)."""
    frame, size = frame_hw.double(), size_hw.double()
    out = constant(out_hw, size.device, torch.float64)
    position = centre_yx.double().trunc()
    if border != "replicate":
        size = _shrunk(size, frame, border, max_scale_change)
    stride = ((size / out).amin(-1, keepdim=True) - 0.1).trunc().clamp(min=1)
    offset = position.remainder(stride)
    top_left, bottom_right = _bounds((position - offset) / stride, size / stride, rounding)
    if border != "replicate":
        grid = torch.ceil((frame - offset) / stride)  # pixels of the subsampled frame
        top_left, bottom_right = _shifted_inside(top_left, bottom_right, grid)
    low, end = top_left.trunc(), bottom_right.trunc()
    step = (end - low) / out
    first, last = stride * top_left, stride * bottom_right
    return CropWindow(
        start=low + step / 2 - 0.5,
        step=step,
        patch=Patch(low, end - 1),
        stride=stride,
        offset=offset,
        centre_yx=((first + last - 1) / 2).float(),
        size_hw=(last - first).float(),
        out_hw=out_hw,
    )


def training_window_2019(
    around_xywh: Tensor, area: float, out_hw: tuple[int, int], frame_hw: Tensor
) -> CropWindow:
    """The window that DiMP-18 and DiMP-50 were trained with: a square of `area` target sizes around
    boxes (R, 4), its border replicated; frame_hw: (R, 2).

    What it claims to show is what its boxes were computed from: the place before it was rounded,
    and half a crop pixel beside it."""
    centre, size = (value.double() for value in centre_size(around_xywh))
    side = torch.ceil(size.prod(-1, keepdim=True).sqrt() * area).clamp(min=1).expand(-1, 2)
    first = torch.round(centre + 0.5 - side / 2)
    half_pixel = side / constant(out_hw, side.device, torch.float64) / 2
    return _whole_pixels(first, side, out_hw, frame_hw, centre + half_pixel)


def training_window_2020(
    around_xywh: Tensor,
    area: float,
    out_hw: tuple[int, int],
    frame_hw: Tensor,
    border: Border = "replicate",
    max_scale_change: float = torch.inf,
) -> CropWindow:
    """The window that PrDiMP and its successors were trained with: moved into the frame whatever
    the border, of the output's aspect but for whole pixels; frame_hw: (R, 2).

    `border` "inside" and "inside_major" shrink it first, by at most `max_scale_change`."""
    centre, size = (value.double() for value in centre_size(around_xywh))
    out, frame = constant(out_hw, size.device, torch.float64), frame_hw.double()
    unit = (size.prod(-1, keepdim=True) / out.prod()).sqrt()
    sides = torch.ceil(out * unit * area)
    if border != "replicate":
        sides = _shrunk(sides, frame, border, max_scale_change)
    sides = sides.clamp(min=1)
    first = torch.round(centre + 0.5 - sides / 2)
    first, end = _shifted_inside(first, first + sides, frame)
    return _whole_pixels(first, end - first, out_hw, frame_hw, first + (sides - 1) / 2)


def _whole_pixels(
    first: Tensor, sides: Tensor, out_hw: tuple[int, int], frame_hw: Tensor, centre_yx: Tensor
) -> CropWindow:
    """Windows from pixels `first` (R, 2) of `sides` (R, 2) pixels, which claim to lie around
    `centre_yx` (R, 2)."""
    frame, end = frame_hw.double(), first + sides
    # published training pads one pixel too many at the right and at the bottom: the frame's last
    # column and row are never seen by a window that reaches them
    last = torch.where(end >= frame, frame - 2, end - 1).clamp(min=0)
    step = sides / constant(out_hw, sides.device, torch.float64)
    return CropWindow(
        start=first + step / 2 - 0.5,
        step=step,
        patch=Patch(first, last),
        stride=torch.ones_like(first[:, :1]),
        offset=torch.zeros_like(first),
        centre_yx=centre_yx.float(),
        size_hw=sides.float(),
        out_hw=out_hw,
    )


def _shrunk(size: Tensor, frame: Tensor, border: Border, max_scale_change: float) -> Tensor:
    """Sizes (R, 2) that fit frames (R, 2): with both sides ("inside") or one ("inside_major")."""
    ratio = size / frame
    factor = ratio.amax(-1) if border == "inside" else ratio.amin(-1)
    return (size / factor.clamp(1, max_scale_change)[:, None]).trunc()


def _bounds(position: Tensor, size: Tensor, rounding: Rounding) -> tuple[Tensor, Tensor]:
    """First and end grid coordinates (R, 2) of windows around grid positions (R, 2)."""
    length = torch.round(size).clamp(min=2)
    if rounding == "integer":
        return position - torch.floor((length - 1) / 2), position + torch.floor(length / 2) + 1
    return position - (length - 1) / 2, position + length / 2 + 1


def _shifted_inside(top_left: Tensor, bottom_right: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds (R, 2) moved into grids of sizes (R, 2); what sticks out at both ends is centred."""
    shift = (-top_left).clamp(min=0) - (bottom_right - grid).clamp(min=0)
    top_left, bottom_right = top_left + shift, bottom_right + shift
    outside = torch.floor(((-top_left).clamp(min=0) + (bottom_right - grid).clamp(min=0)) / 2)
    shift = torch.where(outside > 0, -top_left - outside, 0)
    return top_left + shift, bottom_right + shift
