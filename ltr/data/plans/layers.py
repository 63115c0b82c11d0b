"""What a crop is made of: pictures, or objects cut out of them, each placed by a linear map.

Positions are (x, y) measured from the edge of the first pixel, in a picture as in a crop: pixel i
covers [i, i + 1), so that what is computed of corners is a box in pool format.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ltr.crops import CropWindow

Points = NDArray[np.float64]
"""(K, 2) positions (x, y)."""


class Picture(NamedTuple):
    """Frame `number` of a track of a store, both by their index."""

    store: int
    track: int
    number: int


class Pose(NamedTuple):
    """A linear map from a picture's offsets to a crop's: each axis scaled, then turned."""

    scale_x: float
    """Crop pixels per picture pixel; negative where mirrored."""
    scale_y: float
    degrees: float
    """Counter-clockwise as seen on screen."""

    def moved(self, offsets: Points) -> Points:
        """Offsets (K, 2) of the picture in the crop."""
        return (offsets * (self.scale_x, self.scale_y)) @ turn(self.degrees).T


class Layer(NamedTuple):
    """A rectangle of a crop and what is drawn there."""

    picture: Picture
    cut_out: bool
    """Whether only the picture's object is drawn, by its mask."""
    window: CropWindow
    """One row: the patch that is cut from the picture before it is turned."""
    degrees: float
    place_yx: tuple[int, int]
    """First row and column in the crop."""
    size_hw: tuple[int, int]
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors on red, green and blue."""


def turn(degrees: float) -> NDArray[np.float64]:
    """(2, 2), what a turn counter-clockwise as seen on screen does to (x, y), y downwards."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cos, sin], [-sin, cos]])


def corners(box_xywh: NDArray[np.floating]) -> Points:
    """The four corners of a box of a picture."""
    x, y, w, h = (float(v) for v in box_xywh)
    return np.array([[x, y], [x + w, y], [x, y + h], [x + w, y + h]])


def hull(points: Points) -> tuple[float, float, float, float]:
    """The smallest box (x, y, w, h) around points."""
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def placed(points: Points, centre: Points, at: Points, pose: Pose) -> Points:
    """Where points (K, 2) of a picture lie in the crop, `centre` (2,) coming to `at` (2,)."""
    return at + pose.moved(points - centre)


def whole_layer(picture: Picture, centre: Points, at: Points, pose: Pose, side: int) -> Layer:
    """A picture all over a crop of `side`, its position `centre` (2,) coming to `at` (2,)."""
    return _layer(picture, False, centre, at, pose, (0, 0), (side, side), (1.0, 1.0, 1.0))


def object_layer(
    picture: Picture,
    outline: Points,
    centre: Points,
    at: Points,
    pose: Pose,
    side: int,
    gain: tuple[float, float, float],
) -> Layer | None:
    """A picture's object within `outline` (K, 2), on the pixels of a crop of `side` that it
    reaches; None where it reaches none."""
    shown = placed(outline, centre, at, pose)
    low = np.maximum(np.floor(shown.min(axis=0)) - 1, 0).astype(int)
    end = np.minimum(np.ceil(shown.max(axis=0)) + 1, side).astype(int)
    (x, y), (w, h) = low.tolist(), (end - low).tolist()
    if w <= 0 or h <= 0:
        return None
    return _layer(picture, True, centre, at, pose, (y, x), (h, w), gain)


def _layer(
    picture: Picture,
    cut_out: bool,
    centre: Points,
    at: Points,
    pose: Pose,
    place_yx: tuple[int, int],
    size_hw: tuple[int, int],
    gain: tuple[float, float, float],
) -> Layer:
    (y, x), (h, w) = place_yx, size_hw
    turned = turn(pose.degrees)
    # a patch as large as the rectangle's shadow on the picture's axes, about the same middle
    width, height = (math.ceil(v) for v in np.abs(turned) @ (w, h))
    if pose.degrees == 0:
        width, height = w, h
    middle = np.array([x + w / 2, y + h / 2])
    from_middle = (at - middle) @ turned + (width / 2, height / 2)
    step_x, step_y = 1 / pose.scale_x, 1 / pose.scale_y
    start_x = centre[0] - 0.5 + (0.5 - from_middle[0]) * step_x
    start_y = centre[1] - 0.5 + (0.5 - from_middle[1]) * step_y
    window = CropWindow(
        start=torch.tensor([[start_y, start_x]], dtype=torch.float64),
        step=torch.tensor([[step_y, step_x]], dtype=torch.float64),
        patch=None,
        stride=torch.ones(1, 1, dtype=torch.float64),
        offset=torch.zeros(1, 2, dtype=torch.float64),
        centre_yx=torch.tensor(
            [[start_y + step_y * (height - 1) / 2, start_x + step_x * (width - 1) / 2]]
        ),
        size_hw=torch.tensor([[abs(step_y) * height, abs(step_x) * width]]),
        out_hw=(height, width),
    )
    return Layer(picture, cut_out, window, pose.degrees, place_yx, size_hw, gain)
