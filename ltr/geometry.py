"""Boxes and the half-pixel rules, in one place.

A box at a public border is (x, y, w, h) in float pixels: (x, y) is the index of its top-left pixel,
0-based, pixel centres at integers. Its centre is x + (w - 1)/2, as the published trackers have it.
Inside a crop, boxes for pooling are in the pool format: left edge, centre x + w/2.

Tensors carry their format in the name (`box_xywh`, `centre_yx`, `size_hw`); the last axis holds the
coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set

import torch
from torch import Tensor

from ltr.errors import BoxError

SMALLEST_SIDE = 2.0
"""The shortest side of a box that can be tracked, in pixels."""
LARGEST_SIDE = 1.5
"""The longest side of a box that can be tracked, in sides of the frame: a target may reach out of
it."""
LARGEST_OFFSET = 30.0
"""Of one box from another, in sizes and in logarithms: what lies farther is taken to lie there."""


def centre_size(box_xywh: Tensor) -> tuple[Tensor, Tensor]:
    """(..., 4) -> centre (..., 2) as (y, x) and size (..., 2) as (h, w)."""
    size_hw = box_xywh[..., 2:].flip(-1)
    return box_xywh[..., :2].flip(-1) + (size_hw - 1) / 2, size_hw


def box_of(centre_yx: Tensor, size_hw: Tensor) -> Tensor:
    """The inverse of `centre_size`: (..., 2) and (..., 2) -> (..., 4)."""
    return torch.cat([(centre_yx - (size_hw - 1) / 2).flip(-1), size_hw.flip(-1)], dim=-1)


def to_crop(
    centre_yx: Tensor, size_hw: Tensor, crop_centre_yx: Tensor, scale: Tensor, side: int
) -> Tensor:
    """The pool-format box (..., 4), in pixels of a crop of `side`, of a box in a frame.

    The crop shows the square around `crop_centre_yx` (..., 2) at `scale` (...), frame pixels per
    crop pixel."""
    return to_window(centre_yx, size_hw, crop_centre_yx, scale[..., None], side)


def to_window(
    centre_yx: Tensor,
    size_hw: Tensor,
    crop_centre_yx: Tensor,
    scale_yx: Tensor,
    side_hw: int | Tensor,
) -> Tensor:
    """`to_crop` of a crop that is not square (2,), or whose axes have scales (..., 2) of their
    own."""
    centre = (centre_yx - crop_centre_yx) / scale_yx + (side_hw - 1) / 2
    size = size_hw / scale_yx
    return torch.cat([(centre - (size - 1) / 2).flip(-1), size.flip(-1)], dim=-1)


def from_crop(
    box_xywh: Tensor, crop_centre_yx: Tensor, scale: Tensor, side: int
) -> tuple[Tensor, Tensor]:
    """The inverse of `to_crop`: pool-format box (..., 4) -> centre (..., 2) as (y, x), size (...,
    2) as (h, w)."""
    middle = (box_xywh[..., :2] + box_xywh[..., 2:] / 2).flip(-1)
    return (middle - side / 2) * scale[..., None] + crop_centre_yx, box_xywh[..., 2:].flip(
        -1
    ) * scale[..., None]


def mirrored(box_xywh: Tensor, width: float) -> Tensor:
    """Boxes (..., 4) of the mirror image of a picture or crop `width` pixels wide."""
    x, y, w, h = box_xywh.unbind(-1)
    return torch.stack([width - x - w, y, w, h], dim=-1)


def middle_yx(box_xywh: Tensor) -> Tensor:
    """The middle (..., 2), as (y, x), of pool-format boxes (..., 4)."""
    return (box_xywh[..., :2] + box_xywh[..., 2:] / 2).flip(-1)


def grown(box_xywh: Tensor, factor: float) -> Tensor:
    """Pool-format boxes (..., 4) of `factor` times the sides around the same middles."""
    size = box_xywh[..., 2:]
    return torch.cat([box_xywh[..., :2] - (factor - 1) / 2 * size, factor * size], dim=-1)


def resized(box_xywh: Tensor, factor_wh: Tensor) -> Tensor:
    """Boxes (..., 4) after their pictures were resized by `factor_wh` (..., 2).

    A point at p comes to (p + 1/2) f - 1/2, and a box begins half a pixel before the centre x of
    its first pixel, so its edge x - 1/2 comes to x f - 1/2: all four numbers are multiplied."""
    return box_xywh * torch.cat([factor_wh, factor_wh], dim=-1)


def to_relative(box_xywh: Tensor, unit_wh: Tensor) -> tuple[Tensor, Tensor]:
    """The relative coordinates of pool-format boxes (..., 4): centre (x, y) in units of a reference
    size `unit_wh` (..., 2), and the logarithm of the size (w, h)."""
    size = box_xywh[..., 2:]
    return (box_xywh[..., :2] + size / 2) / unit_wh, size.log()


def from_relative(position: Tensor, log_size: Tensor, unit_wh: Tensor) -> Tensor:
    """The inverse of `to_relative`: (..., 2) and (..., 2) -> (..., 4)."""
    size = log_size.exp()
    return torch.cat([position * unit_wh - size / 2, size], dim=-1)


def at_offsets(box_xywh: Tensor, offsets: Tensor) -> Tensor:
    """Boxes (..., N, 4) at offsets (..., N, 4) from pool-format boxes (..., 4), in relative
    coordinates with the boxes' own sizes as their units."""
    box_xywh = box_xywh[..., None, :]
    unit_wh = box_xywh[..., 2:]
    position, log_size = to_relative(box_xywh, unit_wh)
    return from_relative(position + offsets[..., :2], log_size + offsets[..., 2:], unit_wh)


def offsets_from(box_xywh: Tensor, to_xywh: Tensor) -> Tensor:
    """The inverse of `at_offsets`: boxes (..., 4) and (..., N, 4) -> offsets (..., N, 4)."""
    box_xywh = box_xywh[..., None, :]
    unit_wh = box_xywh[..., 2:]
    (from_position, from_size), (position, size) = (
        to_relative(box, unit_wh) for box in (box_xywh, to_xywh)
    )
    return torch.cat([position - from_position, size - from_size], dim=-1)


def relative_step(
    gradient_xywh: Tensor, size_wh: Tensor, unit_wh: Tensor, step: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """A step of lengths (position, size) along a gradient (..., 4) in relative coordinates.

    The chain rule of `from_relative`, f(x, y, w, h) with x = p u - exp(s) / 2 and w = exp(s):
    df/dp = u df/dx, df/ds = w (df/dw - df/dx / 2), and the same for y and h."""
    by_corner, by_size = gradient_xywh.split(2, dim=-1)
    return step[0] * unit_wh * by_corner, step[1] * size_wh * (by_size - by_corner / 2)


def offset_of(
    centre_yx: Tensor, size_hw: Tensor, from_centre_yx: Tensor, from_size_hw: Tensor
) -> Tensor:
    """Where a box lies from another one: (..., 4), the way between the centres as (y, x) in sizes
    of the other, and the logarithms of the ratios of the sizes (h, w)."""
    way = (centre_yx - from_centre_yx) / from_size_hw
    offset = torch.cat([way, (size_hw / from_size_hw).log()], dim=-1)
    return offset.clamp(-LARGEST_OFFSET, LARGEST_OFFSET)


def moved_by(centre_yx: Tensor, size_hw: Tensor, offset_yxhw: Tensor) -> tuple[Tensor, Tensor]:
    """The box, as centre and size (..., 2), that lies at an offset (..., 4) from another one: the
    inverse of `offset_of`, and exact for an offset of zero."""
    way, growth = offset_yxhw.split(2, dim=-1)
    return centre_yx + way * size_hw, size_hw * growth.exp()


def moved_back(centre_yx: Tensor, size_hw: Tensor, offset_yxhw: Tensor) -> tuple[Tensor, Tensor]:
    """The box from which another one lies at an offset: the inverse of `moved_by`."""
    way, growth = offset_yxhw.split(2, dim=-1)
    size = size_hw * (-growth).exp()
    return centre_yx - way * size, size


def share_of(offset_yxhw: Tensor, place: float, area: float, aspect: float) -> Tensor:
    """An offset (..., 4) by the share of its way, of the mean of its log sizes, and of their
    distance from the mean."""
    way, growth = offset_yxhw.split(2, dim=-1)
    mean = growth.mean(dim=-1, keepdim=True)
    return torch.cat([place * way, area * mean + aspect * (growth - mean)], dim=-1)


def scale_limits(
    size_hw: Tensor, scale: Tensor, frame_hw: tuple[int, int], min_side: float
) -> Tensor:
    """(B, 2) the least and the greatest scale of targets that are (B, 2) large at scales (B,): no
    side falls below `min_side` pixels and none exceeds the frame, but the size that was given is
    always admitted."""
    height, width = frame_hw
    least = scale * (min_side / size_hw.amin(dim=1)).clamp(max=1)
    most = scale * torch.minimum(height / size_hw[:, 0], width / size_hw[:, 1]).clamp(min=1)
    return torch.stack([least, most], dim=1)


def kept_inside(centre_yx: Tensor, size_hw: Tensor, frame_hw: Tensor, inside: float) -> Tensor:
    """Centres (..., 2) moved so that `inside` of each side of a box, counted from its edge, stays
    within the frame."""
    reach = (inside - 0.5) * size_hw
    return torch.maximum(torch.minimum(centre_yx, frame_hw - reach), reach)


def iou(a_xywh: Tensor, b_xywh: Tensor) -> Tensor:
    """Intersection over union of continuous boxes, (..., 4) and (..., 4) -> (...); 0 where both are
    empty."""
    top_left = torch.maximum(a_xywh[..., :2], b_xywh[..., :2])
    bottom_right = torch.minimum(
        a_xywh[..., :2] + a_xywh[..., 2:], b_xywh[..., :2] + b_xywh[..., 2:]
    )
    intersection = (bottom_right - top_left).clamp(min=0).prod(-1)
    union = a_xywh[..., 2:].prod(-1) + b_xywh[..., 2:].prod(-1) - intersection
    return torch.where(
        union > 0, intersection / union.clamp(min=torch.finfo(union.dtype).tiny), 0.0
    )


def checked_box(
    box: Sequence[float], frame_hw: tuple[int, int] | None = None
) -> tuple[float, float, float, float]:
    """`box` as four floats, or BoxError: it must be finite, at least two pixels a side and, where
    the frame is known, overlap it and be no larger than one and a half of it. Any sequence, array
    or tensor will do, but what has no order will not, and text and truth values are no numbers."""
    try:
        x, y, w, h = _four_numbers(box)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last: a tensor without data
        shown = " ".join(f"{box!r:.500}".split())[:60]
        raise BoxError(f"box {shown} is not four numbers x,y,w,h") from None
    text = f"box {x:g},{y:g},{w:g},{h:g}"
    if not all(math.isfinite(v) for v in (x, y, w, h)):
        raise BoxError(f"{text} holds a number that is not finite: give x,y,w,h in pixels")
    if w <= 0 or h <= 0:
        raise BoxError(
            f"{text} has no area: give x,y,w,h with a positive width and height in pixels"
        )
    if w < SMALLEST_SIDE or h < SMALLEST_SIDE:
        raise BoxError(
            f"{text} is smaller than {SMALLEST_SIDE:g} pixels a side: enlarge the frame or the box"
        )
    if frame_hw is not None:
        height, width = frame_hw
        if x >= width or y >= height or x + w <= 0 or y + h <= 0:
            raise BoxError(
                f"{text} lies outside the frame of {width}x{height} pixels: give x,y,w,h in its "
                "pixels"
            )
        if w > LARGEST_SIDE * width or h > LARGEST_SIDE * height:
            raise BoxError(
                f"{text} is larger than the frame of {width}x{height} pixels: give x,y,w,h in its "
                "pixels"
            )
    return x, y, w, h


def _four_numbers(box: Sequence[float]) -> list[float]:
    if isinstance(box, (str, bytes, Set, Mapping)):
        raise TypeError
    numbers = [v.detach() if isinstance(v, Tensor) else v for v in box]
    if any(isinstance(v, (str, bytes, bool)) for v in numbers):
        raise TypeError
    return [float(v) for v in numbers]


def parse_named_box(text: str) -> tuple[str | None, tuple[float, float, float, float]]:
    """A box that may be named: "[name=]x,y,w,h" or "name,x,y,w,h"; blanks do as well as commas."""
    name, equals, box = text.rpartition("=")
    if equals and not name.strip():
        raise BoxError(f"box {text!r} has an empty name: write name=x,y,w,h, or x,y,w,h alone")
    first, *rest = box_fields(text)
    if not equals and len(rest) == 4 and first and not is_number(first):
        name, box = first, ",".join(rest)
    return name.strip() or None, parse_box(box)


def parse_box(text: str) -> tuple[float, float, float, float]:
    """A box as text, "x,y,w,h" or "x y w h"."""
    parts = box_fields(text)
    if len(parts) != 4 or not all(map(is_number, parts)):
        raise BoxError(
            f"box {text!r} is not four numbers: write x,y,w,h in pixels, for example 100,80,60,40"
        )
    return checked_box([parse_number(part) for part in parts])


def box_fields(text: str) -> list[str]:
    """The fields of a line, between commas where there are any, else between blanks."""
    text = text.strip()
    return [part.strip() for part in text.split(",")] if "," in text else text.split() or [""]


def is_number(text: str) -> bool:
    """Whether it is a number in plain notation."""
    try:
        parse_number(text)
    except ValueError:
        return False
    return True


def parse_number(text: str) -> float:
    """A number in plain notation; ValueError for what Python alone takes for one, such as 1_000 or
    the digits of another script."""
    if not text.isascii() or "_" in text:
        raise ValueError(f"{text!r} is not a number")
    return float(text)
