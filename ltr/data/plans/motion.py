"""Motion made up for photographs: each frame of a sample shows the same picture in another pose."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from ltr.data.configuration import Crops, Motion
from ltr.data.plans.layers import Layer, Picture, Points, Pose, hull, placed, whole_layer
from ltr.data.plans.views import View


def draw_pose(rng: Generator, motion: Motion, scale: float) -> Pose:
    """A pose about `scale`, crop pixels per picture pixel."""
    deviations = (motion.scale, motion.aspect, motion.rotation)
    log_size, log_aspect, degrees = (float(v) for v in rng.normal(size=3) * deviations)
    mirror = -1 if rng.random() < motion.flip else 1
    return Pose(
        mirror * scale * math.exp(log_size + log_aspect / 2),
        scale * math.exp(log_size - log_aspect / 2),
        degrees,
    )


def moved_picture(
    rng: Generator,
    picture: Picture,
    outline: Points,
    size: float,
    view: View,
    crops: Crops,
    motion: Motion,
) -> tuple[Layer, tuple[float, float, float, float]]:
    """A photograph as one frame shows it, and the target's box in the crop, pool format: the hull
    of what `outline` (K, 2) becomes. size: the target's, pixels of the picture."""
    x, y, w, h = hull(outline)
    centre = np.array([x + w / 2, y + h / 2])
    pose = draw_pose(rng, motion, view.target_size / size)
    layer = whole_layer(picture, centre, view.target_at, pose, crops.side)
    return layer, hull(placed(outline, centre, view.target_at, pose))
