"""Where made-up frames look: crops jittered about a target as those of videos are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ltr.data.configuration import Crops, Sampling
from ltr.data.plans.jitter import jittered_boxes
from ltr.data.plans.layers import Points


class View(NamedTuple):
    """Where a crop's window lies about its target."""

    target_at: Points
    """(2,) the target's middle in the crop, (x, y) pixels from the crop's edge."""
    target_size: float
    """The geometric mean of its sides, crop pixels, before it moves by itself."""
    zoom: float
    """The window's side relative to the mean one."""


def jittered(
    rng: Generator, boxes_xywh: NDArray[np.float32], crops: Crops, sampling: Sampling
) -> NDArray[np.float32]:
    """The places (S + T, 4) that the crops of a sample are cut around, of the target's boxes in its
    train frames and its test frames."""
    counts = sampling.train_frames, sampling.test_frames
    scale = np.repeat((crops.train_scale_jitter, crops.test_scale_jitter), counts)
    centre = np.repeat((crops.train_centre_jitter, crops.test_centre_jitter), counts)
    return jittered_boxes(boxes_xywh, scale, centre, rng)


def draw_views(rng: Generator, crops: Crops, sampling: Sampling) -> tuple[View, ...]:
    """The views of the train frames, then those of the test frames."""
    unit, frames = crops.side / crops.area, sampling.train_frames + sampling.test_frames
    target = np.tile(np.array([-unit / 2, -unit / 2, unit, unit], np.float32), (frames, 1))
    places = jittered(rng, target, crops, sampling)
    zooms = np.sqrt(places[:, 2:].prod(axis=1)) / unit
    ats = crops.side / 2 - (places[:, :2] + places[:, 2:] / 2) / zooms[:, None]
    return tuple(View(at, unit / zoom, zoom) for at, zoom in zip(ats, zooms.tolist(), strict=True))
