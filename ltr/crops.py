"""The one crop primitive, and the rules that say which window of a frame a crop shows.

A rule is a pure function (centre, size) -> `Window`; `crop` samples windows from frames. Everything
is batched over R windows and takes place on the device of its tensors. Axes come as (y, x), sizes
as (h, w).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ltr.transfer import constant

Border = Literal["replicate", "inside", "inside_major"]
Rounding = Literal["integer", "float"]


class Window(NamedTuple):
    """R windows of frames, each to be sampled on `out_hw` output pixels.

    Output pixel i of an axis lies at `start + step * i` on the grid of every `stride`-th pixel from
    `offset`; its two taps are clamped to [low, high] (the patch that published rules cut out before
    they resize it), then to the frame. `centre_yx` and `size_hw` are what the window claims to
    show, in frame pixels; published rules round them."""

    start: Tensor
    """(R, 2) float64, grid coordinates."""
    step: Tensor
    """(R, 2) float64, grid pixels per output pixel."""
    low: Tensor
    """(R, 2) float64, first grid index of the patch."""
    high: Tensor
    """(R, 2) float64, last grid index of the patch."""
    stride: Tensor
    """(R, 1) float64, frame pixels per grid pixel."""
    offset: Tensor
    """(R, 2) float64, frame pixels."""
    centre_yx: Tensor
    """(R, 2) float32, frame pixels, pixel centres at integers."""
    size_hw: Tensor
    """(R, 2) float32, frame pixels."""
    out_hw: tuple[int, int]
    """Output pixels."""

    @property
    def scale(self) -> Tensor:
        """(R,) frame pixels per crop pixel, the geometric mean of both axes."""
        return (self.size_hw.prod(-1) / (self.out_hw[0] * self.out_hw[1])).sqrt()


def exact_window(centre_yx: Tensor, size_hw: Tensor, out_hw: tuple[int, int]) -> Window:
    """The window around `centre_yx` (R, 2) of `size_hw` (R, 2) as they are: no rounding, clamped to
    the frame alone."""
    centre, size = centre_yx.double(), size_hw.double()
    step = torch.stack([size[:, 0] / out_hw[0], size[:, 1] / out_hw[1]], dim=1)
    whole = torch.full_like(centre, torch.inf)
    return Window(
        start=centre - (size - step) / 2,
        step=step,
        low=-whole,
        high=whole,
        stride=torch.ones_like(centre[:, :1]),
        offset=torch.zeros_like(centre),
        centre_yx=centre_yx,
        size_hw=size_hw,
        out_hw=out_hw,
    )


def published_window(
    centre_yx: Tensor,
    size_hw: Tensor,
    out_hw: tuple[int, int],
    frame_hw: Tensor,
    rounding: Rounding = "integer",
    border: Border = "replicate",
    max_scale_change: float = torch.inf,
) -> Window:
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
        ratio = size / frame
        factor = ratio.amax(-1) if border == "inside" else ratio.amin(-1)
        size = (size / factor.clamp(1, max_scale_change)[:, None]).trunc()
    stride = ((size / out).amin(-1, keepdim=True) - 0.1).trunc().clamp(min=1)
    offset = position.remainder(stride)
    position = (position - offset) / stride
    grid = torch.ceil((frame - offset) / stride)  # pixels of the subsampled frame
    length = torch.round(size / stride).clamp(min=2)
    if rounding == "integer":
        top_left = position - torch.floor((length - 1) / 2)
        bottom_right = position + torch.floor(length / 2) + 1
    else:
        top_left = position - (length - 1) / 2
        bottom_right = position + length / 2 + 1
    if border != "replicate":
        shift = (-top_left).clamp(min=0) - (bottom_right - grid).clamp(min=0)
        top_left, bottom_right = top_left + shift, bottom_right + shift
        outside = torch.floor(((-top_left).clamp(min=0) + (bottom_right - grid).clamp(min=0)) / 2)
        shift = torch.where(outside > 0, -top_left - outside, 0)
        top_left, bottom_right = top_left + shift, bottom_right + shift
    low, end = top_left.trunc(), bottom_right.trunc()
    step = (end - low) / out
    first, last = stride * top_left, stride * bottom_right
    return Window(
        start=low + step / 2 - 0.5,
        step=step,
        low=low,
        high=end - 1,
        stride=stride,
        offset=offset,
        centre_yx=((first + last - 1) / 2).float(),
        size_hw=(last - first).float(),
        out_hw=out_hw,
    )


def crop(frames: Sequence[Tensor], window: Window, frame_of: Sequence[int] | None = None) -> Tensor:
    """Sample every window bilinearly from its frame; what lies outside repeats the border.

    frames: tensors (H, W, 3), uint8 (or float), on the windows' device, of any sizes. frame_of: for
    each window the index of its frame (default: all show frame 0). Returns (R, 3, h, w) float32 in
    the frames' values."""
    count = len(window.start)
    frame_of = [0] * count if frame_of is None else frame_of
    if len(frames) == 1:
        return _crop_one(frames[0], window)
    out = torch.empty(count, 3, *window.out_hw, dtype=torch.float32, device=window.start.device)
    for index, frame in enumerate(frames):
        rows = tuple(r for r, f in enumerate(frame_of) if f == index)
        if rows:
            place = constant(rows, out.device, torch.long)
            part = window._replace(
                **{k: t[place] for k, t in window._asdict().items() if k != "out_hw"}
            )
            out[place] = _crop_one(frame, part)
    return out


def _crop_one(frame: Tensor, window: Window) -> Tensor:
    taps = [_taps(window, axis, size) for axis, size in enumerate(frame.shape[:2])]
    return (_gather_rows if frame.device.type == "cpu" else _gather_pixels)(frame, *taps)


class _Taps(NamedTuple):
    """The two frame indices behind every output pixel of one axis, and the weight of the second;
    each (R, n)."""

    first: Tensor
    second: Tensor
    weight: Tensor


def _taps(window: Window, axis: int, frame_size: int) -> _Taps:
    # float64 until here: float32 coordinates lose 2e-4 px in a frame of 4000 pixels
    start, step, low, high, offset = (
        t[:, axis, None]
        for t in (window.start, window.step, window.low, window.high, window.offset)
    )
    pixel = torch.arange(window.out_hw[axis], dtype=torch.float64, device=start.device)
    # published trackers cut a patch and let torch resize it, which counts from its corner in
    # float32
    within = (step.float().double() * (pixel + 0.5) - 0.5).float().clamp(min=0).double() + low
    at = torch.where(low.isfinite(), within, start + step * pixel)
    grid_last = torch.ceil((frame_size - offset) / window.stride) - 1

    def index(tap: Tensor) -> Tensor:
        tap = torch.minimum(torch.maximum(tap, low), high)
        return (torch.minimum(tap.clamp(min=0), grid_last) * window.stride + offset).long()

    floor = torch.floor(at)
    return _Taps(index(floor), index(floor + 1), (at - floor).float())


def _gather_rows(frame: Tensor, y: _Taps, x: _Taps) -> Tensor:
    """One window after another, whole pixel rows first: the memory order that a CPU likes (half the
    time there)."""
    count, height, width = len(y.first), y.first.shape[1], x.first.shape[1]
    out = torch.empty(count, width, height, 3, dtype=torch.float32, device=frame.device)
    for r in range(count):
        left, right = int(x.first[r].min()), int(x.second[r].max()) + 1
        strip = frame[:, left:right]
        rows = torch.lerp(
            strip.index_select(0, y.first[r]).float(),
            strip.index_select(0, y.second[r]).float(),
            y.weight[r, :, None, None],
        )
        columns = rows.transpose(0, 1).contiguous()
        torch.lerp(
            columns.index_select(0, x.first[r] - left),
            columns.index_select(0, x.second[r] - left),
            x.weight[r, :, None, None],
            out=out[r],
        )
    return out.permute(0, 3, 2, 1)


def _gather_pixels(frame: Tensor, y: _Taps, x: _Taps) -> Tensor:
    """All windows at once, without a data-dependent shape or a synchronisation: for CUDA."""
    pixels = frame.reshape(-1, 3)

    def at(rows: Tensor, columns: Tensor) -> Tensor:
        flat = rows[:, :, None] * frame.shape[1] + columns[:, None, :]
        return pixels.index_select(0, flat.reshape(-1)).view(*flat.shape, 3).float()

    down, right = y.weight[:, :, None, None], x.weight[:, None, :, None]
    first_columns = torch.lerp(at(y.first, x.first), at(y.second, x.first), down)
    second_columns = torch.lerp(at(y.first, x.second), at(y.second, x.second), down)
    return torch.lerp(first_columns, second_columns, right).permute(0, 3, 1, 2)
