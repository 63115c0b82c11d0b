"""What plans know of an object's mask: where it reaches to, and some positions in it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ltr.data.plans.layers import Points, hull

POSITIONS = 256
"""About as many positions in an object tell how much of it is covered."""


class Outline(NamedTuple):
    """The extent of an object in its picture, (x, y) from the edge of the first pixel."""

    hull: Points
    """(K, 2) the corners of the mask's convex hull."""
    inside: Points
    """(M, 2) positions spread evenly over it."""
    centre: Points
    """(2,) of the box around it."""
    size: float
    """The geometric mean of that box's sides."""
    cut: bool
    """Whether it reaches a border of its picture, beyond which it may go on."""


def outline_of(mask: NDArray[np.uint8]) -> Outline | None:
    """The outline of a mask (H, W), 0 or 255; None where it is empty."""
    import cv2

    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return None
    # the corners of all pixels, of which those at the ends of each row are enough
    seen = mask > 0
    height = np.flatnonzero(seen.any(axis=1))
    left = seen[height].argmax(axis=1)
    right = mask.shape[1] - seen[height, ::-1].argmax(axis=1)
    corners = [np.stack([x, height + dy], axis=1) for x in (left, right) for dy in (0, 1)]
    convex = cv2.convexHull(np.concatenate(corners).astype(np.int32))[:, 0].astype(np.float64)
    stride = max(1, len(rows) // POSITIONS)
    inside = np.stack([columns, rows], axis=1)[::stride].astype(np.float64) + 0.5
    x, y, w, h = hull(convex)
    cut = bool(seen[[0, -1]].any() or seen[:, [0, -1]].any())
    return Outline(convex, inside, np.array([x + w / 2, y + h / 2]), math.sqrt(w * h), cut)
