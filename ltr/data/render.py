"""From plans to pixels: all of it tensor work on the pictures' device, through the one crop
primitive.

On the CPU one crop comes after another, and of a pasted thing only the pixels that it reaches. On
CUDA the layers of one depth are drawn for all crops at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ltr.crops import CropWindow, Patch, crop
from ltr.data.pictures import Pixels
from ltr.data.plans.layers import Layer, turn
from ltr.transfer import upload
from ltr.transforms import rotated_middles

AT_ONCE = 64
"""Crops whose layers are drawn at once: bounds the memory that it takes."""


def render(crops: Sequence[Sequence[Layer]], shown: Pixels, device: torch.device) -> Tensor:
    """Crops (R, 3, n, n) float32 of grey levels, of pictures on `device`: of each its first layer,
    which fills it, and the others over it."""
    if device.type == "cpu":
        return torch.stack([_one_by_one(layers, shown) for layers in crops])
    parts = [crops[first : first + AT_ONCE] for first in range(0, len(crops), AT_ONCE)]
    return torch.cat([by_depth(part, shown, device) for part in parts])


def _one_by_one(layers: Sequence[Layer], shown: Pixels) -> Tensor:
    whole = pixels(layers[0], shown)
    for layer in layers[1:]:
        (y, x), (h, w) = layer.place_yx, layer.size_hw
        drawn = pixels(layer, shown)
        behind = whole[:, y : y + h, x : x + w]
        colour = drawn[:3] * drawn.new_tensor(layer.gain)[:, None, None]
        behind.lerp_(colour, drawn[3:] / 255)
    return whole


def pixels(layer: Layer, shown: Pixels) -> Tensor:
    """What a layer draws, (3, h, w) float32; with its mask, 0 to 255, (4, h, w)."""
    patch = crop([shown[layer.picture, layer.cut_out]], layer.window)
    if layer.degrees:
        patch = rotated_middles(patch, [layer.degrees], layer.size_hw)
    return patch[0]


def by_depth(crops: Sequence[Sequence[Layer]], shown: Pixels, device: torch.device) -> Tensor:
    """What `render` gives, the layers of one depth at once."""
    side = crops[0][0].size_hw[0]
    out = torch.empty(len(crops), 3, side, side, device=device)
    for depth in range(max(map(len, crops))):
        deep = [row for row, layers in enumerate(crops) if len(layers) > depth]
        for kind in (_turned, _upright, _published):
            rows = [row for row in deep if kind(crops[row][depth])]
            if not rows:
                continue
            layers = [crops[row][depth] for row in rows]
            drawn = _drawn_together(layers, side, shown, device)
            index = upload(torch.tensor(rows), device)
            if depth > 0:
                gain = upload(torch.tensor([layer.gain for layer in layers]), device)
                colour, alpha = drawn[:, :3] * gain[:, :, None, None], drawn[:, 3:] / 255
                drawn = out.index_select(0, index).lerp_(colour, alpha)
            out.index_copy_(0, index, drawn)
    return out


def _turned(layer: Layer) -> bool:
    return layer.degrees != 0


def _upright(layer: Layer) -> bool:
    return layer.degrees == 0 and layer.window.patch is None


def _published(layer: Layer) -> bool:
    return layer.window.patch is not None


def _drawn_together(
    layers: Sequence[Layer], side: int, shown: Pixels, device: torch.device
) -> Tensor:
    """What layers of one kind draw in whole crops, (R, 3 or 4, side, side)."""
    keys = [(layer.picture, layer.cut_out) for layer in layers]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    frames, frame_of = [shown[key] for key in numbers], [numbers[key] for key in keys]
    windows = [layer.window for layer in layers]
    if not _published(layers[0]):
        windows = [_widened(layers, side)]
    patches = crop(frames, _joined(windows, device), frame_of)
    if _turned(layers[0]):
        degrees = [layer.degrees for layer in layers]
        patches = rotated_middles(patches, degrees, (side, side))
    return patches


def _widened(layers: Sequence[Layer], side: int) -> CropWindow:
    """The windows of layers as they would be if each filled its crop, all of one size."""
    window = _joined([layer.window for layer in layers], torch.device("cpu"))
    start, step = window.start.numpy(), window.step.numpy()
    turns = np.stack([turn(layer.degrees) for layer in layers])
    own = np.array([layer.window.out_hw for layer in layers])
    place, size = (
        np.array([getattr(layer, n) for layer in layers]) for n in ("place_yx", "size_hw")
    )
    to_middle = (side / 2 - place - size / 2)[:, ::-1]
    way = np.einsum("rji,rj->ri", turns, to_middle)[:, ::-1]  # before it is turned, (y, x)
    out = math.ceil(np.abs(turns).sum(axis=2).max() * side)
    shift = own / 2 + way - out / 2
    return window._replace(start=torch.from_numpy(start + step * shift), out_hw=(out, out))


def _joined(windows: Sequence[CropWindow], device: torch.device) -> CropWindow:
    """Windows one after another, of the first one's output size."""
    patches = [window.patch for window in windows if window.patch is not None]
    patch = None
    if patches:
        patch = Patch(*(upload(torch.cat(edges), device) for edges in zip(*patches, strict=True)))

    def joined(name: str) -> Tensor:
        return upload(torch.cat([getattr(window, name) for window in windows]), device)

    return CropWindow(
        start=joined("start"),
        step=joined("step"),
        patch=patch,
        stride=joined("stride"),
        offset=joined("offset"),
        centre_yx=joined("centre_yx"),
        size_hw=joined("size_hw"),
        out_hw=windows[0].out_hw,
    )
