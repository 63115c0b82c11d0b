"""The one crop primitive, and the plainest rule that says which window of a frame a crop shows.

A rule is a pure function (centre, size) -> `CropWindow`; `crop` samples windows from frames.
Everything is batched over R windows and takes place on the device of its tensors. Axes come as
(y, x), sizes as (h, w).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.transfer import constant, upload


class Patch(NamedTuple):
    """The grid pixels that published rules cut out before they resize them: nothing else is seen of
    the frame."""

    first: Tensor
    """(R, 2) float64."""
    last: Tensor
    """(R, 2) float64."""


class CropWindow(NamedTuple):
    """R windows of frames, each to be sampled on `out_hw` output pixels.

    Output pixel i of an axis lies at `start + step * i` on the grid of every `stride`-th pixel from
    `offset`. `centre_yx` and `size_hw` are what the window claims to show, in frame pixels;
    published rules round them."""

    start: Tensor
    """(R, 2) float64, grid coordinates."""
    step: Tensor
    """(R, 2) float64, grid pixels per output pixel."""
    patch: Patch | None
    """To what sampling is confined; None: to the frame alone."""
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

    def rows(self, index: Tensor | slice) -> CropWindow:
        """The windows of an index (R',), or of a slice."""
        return CropWindow(
            start=self.start[index],
            step=self.step[index],
            patch=None if self.patch is None else Patch(*(edge[index] for edge in self.patch)),
            stride=self.stride[index],
            offset=self.offset[index],
            centre_yx=self.centre_yx[index],
            size_hw=self.size_hw[index],
            out_hw=self.out_hw,
        )


def exact_window(centre_yx: Tensor, size_hw: Tensor, out_hw: tuple[int, int]) -> CropWindow:
    """The window around `centre_yx` (R, 2) of `size_hw` (R, 2) as they are, without rounding."""
    centre, size = centre_yx.double(), size_hw.double()
    step = torch.stack([size[:, 0] / out_hw[0], size[:, 1] / out_hw[1]], dim=1)
    return CropWindow(
        start=centre - (size - step) / 2,
        step=step,
        patch=None,
        stride=torch.ones_like(centre[:, :1]),
        offset=torch.zeros_like(centre),
        centre_yx=centre_yx,
        size_hw=size_hw,
        out_hw=out_hw,
    )


def crop(
    frames: Sequence[Tensor] | Tensor,
    window: CropWindow,
    frame_of: Sequence[int] | Tensor | None = None,
) -> Tensor:
    """Sample every window bilinearly from its frame; what lies outside repeats the border.

    frames: tensors (H, W, C) of any sizes, or a stack (N, H, W, C), uint8 (or float), on the
    windows' device; C is 3, or 4 where pictures have a mask. frame_of: for each window the index of
    its frame, numbers or a tensor (R,) (default: all show frame 0). Of a stack, and on CUDA, all
    windows are sampled at once; of a stack on CUDA nothing is read back. Returns (R, C, h, w)
    float32 in the frames' values."""
    if isinstance(frames, Tensor):
        return _crop_stack(frames, window, frame_of)
    if len(frames) == 1:
        return _crop_stack(frames[0][None], window, None)
    count = len(window.start)
    numbers = frame_of.tolist() if isinstance(frame_of, Tensor) else frame_of or [0] * count
    if window.start.device.type != "cpu":
        return _crop_packed(frames, window, numbers)
    out = torch.empty(
        count, frames[0].shape[-1], *window.out_hw, dtype=torch.float32, device=window.start.device
    )
    for index, frame in enumerate(frames):
        shown = tuple(r for r, f in enumerate(numbers) if f == index)
        if shown:
            rows = constant(shown, out.device, torch.long)
            out[rows] = _crop_stack(frame[None], window.rows(rows), None)
    return out


def _crop_stack(
    frames: Tensor, window: CropWindow, frame_of: Sequence[int] | Tensor | None
) -> Tensor:
    height, width, channels = frames.shape[1:]
    y, x = _taps(window, 0, height), _taps(window, 1, width)
    if frame_of is not None and not isinstance(frame_of, Tensor):
        frame_of = constant(tuple(frame_of), frames.device, torch.long)
    if frames.device.type == "cpu":
        return _gather_rows(frames, frame_of, y, x)
    first_pixel = 0 if frame_of is None else frame_of[:, None, None] * (height * width)
    return _gather_pixels(frames.reshape(-1, channels), first_pixel, width, y, x)


def _crop_packed(frames: Sequence[Tensor], window: CropWindow, frame_of: Sequence[int]) -> Tensor:
    """All windows at once, of frames whose pixels are laid one after another."""
    device, channels = window.start.device, frames[0].shape[2]
    sizes = torch.tensor([frame.shape[:2] for frame in frames], device="cpu")
    first_pixels = sizes.prod(1).cumsum(0) - sizes.prod(1)
    table = upload(torch.cat([sizes, first_pixels[:, None]], dim=1)[list(frame_of)], device)
    height, width, first_pixel = table[:, :, None].unbind(1)
    y, x = _taps(window, 0, height), _taps(window, 1, width)
    pixels = torch.cat([frame.reshape(-1, channels) for frame in frames])
    return _gather_pixels(pixels, first_pixel[:, :, None], width[:, :, None], y, x)


class _Taps(NamedTuple):
    """The two frame indices behind every output pixel of one axis, and the weight of the second;
    each (R, n)."""

    first: Tensor
    second: Tensor
    weight: Tensor


def _taps(window: CropWindow, axis: int, frame_size: int | Tensor) -> _Taps:
    """frame_size: one for all windows, or (R, 1)."""
    # float64 until here: float32 coordinates lose 2e-4 px in a frame of 4000 pixels
    start, step, offset = (t[:, axis, None] for t in (window.start, window.step, window.offset))
    pixel = torch.arange(window.out_hw[axis], dtype=torch.float64, device=start.device)
    patch = None if window.patch is None else [edge[:, axis, None] for edge in window.patch]
    if patch is None:
        at = start + step * pixel
    else:
        # the same but for rounding: published trackers let torch resize the patch, which counts
        # from its corner in float32
        within = (step.float().double() * (pixel + 0.5) - 0.5).float().clamp(min=0)
        at = within.double() + patch[0]
    grid_last = torch.ceil((frame_size - offset) / window.stride) - 1

    def index(tap: Tensor) -> Tensor:
        if patch is not None:
            tap = torch.minimum(torch.maximum(tap, patch[0]), patch[1])
        pixel = torch.minimum(tap.clamp(min=0), grid_last) * window.stride + offset
        # where a window is so large that its grid has no pixel in the frame
        return pixel.clamp(min=0).clamp(max=frame_size - 1).long()

    floor = torch.floor(at)
    return _Taps(index(floor), index(floor + 1), (at - floor).float())


def _gather_rows(frames: Tensor, frame_of: Tensor | None, y: _Taps, x: _Taps) -> Tensor:
    """One window after another, whole pixel rows first: the memory order that a CPU likes (half the
    time there)."""
    count, height, width = len(y.first), y.first.shape[1], x.first.shape[1]
    numbers = [0] * count if frame_of is None else frame_of.tolist()
    out = torch.empty(
        count, width, height, frames.shape[-1], dtype=torch.float32, device=frames.device
    )
    for r, number in enumerate(numbers):
        left, right = int(x.first[r].min()), int(x.second[r].max()) + 1
        strip = frames[number, :, left:right]
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


def _gather_pixels(
    pixels: Tensor, first_pixel: int | Tensor, width: int | Tensor, y: _Taps, x: _Taps
) -> Tensor:
    """All windows at once, without a data-dependent shape or a synchronisation: for CUDA. pixels:
    (P, C), of which those of a window's frame begin at `first_pixel`; it and the frame's width are
    one for all windows, or (R, 1, 1)."""

    def at(rows: Tensor, columns: Tensor) -> Tensor:
        flat = first_pixel + rows[:, :, None] * width + columns[:, None, :]  # (R, h, w)
        return pixels.index_select(0, flat.reshape(-1)).view(*flat.shape, pixels.shape[1]).float()

    down, right = y.weight[:, :, None, None], x.weight[:, None, :, None]
    first_columns = torch.lerp(at(y.first, x.first), at(y.second, x.first), down)
    second_columns = torch.lerp(at(y.first, x.second), at(y.second, x.second), down)
    return torch.lerp(first_columns, second_columns, right).permute(0, 3, 1, 2)
