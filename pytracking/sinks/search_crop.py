"""A search crop as it is shown: where the frame ends, and where a box of the frame lies in it."""

from __future__ import annotations

import numpy as np

from ltr.drawing import Colour
from ltr.images import Frame
from pytracking.tracker.prediction import Box

BEYOND: Colour = (48, 54, 62)
HATCH: Colour = (104, 112, 122)
HATCH_STRENGTH = 0.8
"""Of the dimming and its lines over the repeated border."""
HATCHES = 24
"""Diagonal lines over the side of a crop."""


def hatched_beyond(crop: Frame, search_area: Box, frame: Frame) -> Frame:
    """The crop (n, n, 3) of a search area, given in frame pixels, dimmed and hatched where it
    reaches beyond the frame (H, W, 3): there it repeats the frame's border."""
    side = crop.shape[0]
    left, top, length, height = box_in_crop(
        (0.0, 0.0, float(frame.shape[1]), float(frame.shape[0])), search_area, side
    )
    y, x = np.mgrid[:side, :side] + 0.5
    beyond = (x < left) | (x > left + length) | (y < top) | (y > top + height)
    line = (x + y) % (side / HATCHES) < side / HATCHES / 5
    shade = np.where(line[..., None], np.array(HATCH), np.array(BEYOND))
    mixed = crop + HATCH_STRENGTH * (shade - crop)
    return np.where(beyond[..., None], np.rint(mixed).astype(np.uint8), crop)


def box_in_crop(box: Box, search_area: Box, side: int) -> Box:
    """A box of the frame (x, y, w, h) in pixels of the square crop of a search area."""
    x, y, w, h = box
    across, down = side / search_area[2], side / search_area[3]
    return (
        (x - search_area[0]) * across,
        (y - search_area[1]) * down,
        w * across,
        h * down,
    )
