"""From plans to pixels: all of it tensor work on the pictures' device, through the one crop
primitive."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ltr.crops import crop
from ltr.data.layers import Layer
from ltr.data.pictures import Pictures
from ltr.transforms import rotated_middle


def render(layers: Sequence[Layer], pictures: Pictures) -> Tensor:
    """A crop (3, h, w) float32 of grey levels: the first layer, the others over it. Raises
    FrameError where a picture cannot be read."""
    shown = pixels(layers[0], pictures)
    for layer in layers[1:]:
        drawn = pixels(layer, pictures)
        (y, x), (h, w) = layer.place_yx, layer.size_hw
        behind = shown[:, y : y + h, x : x + w]
        colour = drawn[:3] * drawn.new_tensor(layer.gain)[:, None, None]
        behind.lerp_(colour, drawn[3:] / 255)
    return shown


def pixels(layer: Layer, pictures: Pictures) -> Tensor:
    """What a layer draws, (3, h, w) float32; with its mask, 0 to 255, (4, h, w)."""
    picture = pictures.cut_out(layer.picture) if layer.cut_out else pictures.frame(layer.picture)
    patch = crop([picture], layer.window)[0]
    if layer.degrees:
        patch = rotated_middle(patch, layer.degrees, layer.size_hw)
    return patch
