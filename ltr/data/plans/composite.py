"""Scenes put together: an object cut out of its photograph and pasted over another picture, among
others of its kind, which move from frame to frame and may pass before it.

A scene stands still while the view follows its target, so that the background moves as the target
does, the other way. All lengths are in crop pixels where nothing else is said.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from ltr.data.configuration import Composition, Crops, Motion
from ltr.data.plans.layers import (
    Layer,
    Picture,
    Points,
    Pose,
    hull,
    object_layer,
    placed,
    whole_layer,
)
from ltr.data.plans.motion import draw_pose
from ltr.data.plans.outlines import Outline
from ltr.data.plans.views import View

SIZES_OF_OTHERS = 0.25
"""Deviation of the log size of distractors and occluders, relative to the target."""
LIGHT, COLOUR, FLICKER = 0.12, 0.04, 0.03
"""Deviations of the log brightness of a thing, of each of its colours, and from frame to frame."""
BACKGROUND_SHARE = (0.5, 1.0)
"""Range of the window's side on the background, of the picture's shorter side."""
ATTEMPTS = 8
"""At finding a free place for a distractor in a frame; then that frame does without it."""
MOST_OVERLAP = 0.1
"""Of a distractor's box with the target's, as a share of the smaller one."""


class Thing(NamedTuple):
    """An object that is pasted."""

    picture: Picture
    outline: Outline


class Scene(NamedTuple):
    """What a sample is made of, the same in all of its frames but for the target's pictures."""

    background: Picture
    background_hw: tuple[int, int]
    targets: tuple[Thing, ...]
    """One a frame: all the same for a photograph."""
    distractors: tuple[Thing, ...]
    occluder: Thing


class _Look(NamedTuple):
    """How a thing looks in this scene."""

    thing: Thing
    size: float
    """Relative to the target's."""
    gain: tuple[float, float, float]


Box = tuple[float, float, float, float]


def composed_crops(
    rng: Generator,
    scene: Scene,
    views: tuple[View, ...],
    crops: Crops,
    motion: Motion,
    composition: Composition,
) -> list[tuple[tuple[Layer, ...], Box]]:
    """For each view the layers of its crop, from back to front, and the target's box in it, pool
    format."""
    low, high = composition.size
    size = math.exp(rng.uniform(math.log(low), math.log(high)))
    target_gain = _gain(rng)
    others = [
        _Look(thing, math.exp(rng.normal() * SIZES_OF_OTHERS), _gain(rng))
        for thing in scene.distractors
    ]
    occluder = _Look(scene.occluder, math.exp(rng.normal() * SIZES_OF_OTHERS), _gain(rng))
    background = _Background.drawn(rng, scene)
    made = []
    for view, target in zip(views, scene.targets, strict=True):
        unit = size * view.target_size
        way = rng.normal(size=2) * motion.shift * view.target_size
        layers: list[Layer | None] = [background.layer(view, way, crops)]
        pose = draw_pose(rng, motion, unit / target.outline.size)
        box = hull(_shown(target, view.target_at, pose))
        for look in others:
            layers.append(_distractor(rng, look, unit, box, motion, crops.side))
        gain = _flicker(rng, target_gain)
        layers.append(_pasted(target, view.target_at, pose, crops.side, gain))
        if rng.random() < composition.occluded:
            share = rng.uniform(0, composition.occlusion)
            covered = placed(target.outline.inside, target.outline.centre, view.target_at, pose)
            layers.append(_occluder(rng, occluder, unit, covered, share, motion, crops.side))
        made.append((tuple(layer for layer in layers if layer is not None), box))
    return made


def _gain(rng: Generator) -> tuple[float, float, float]:
    red, green, blue = np.exp(rng.normal() * LIGHT + rng.normal(size=3) * COLOUR).tolist()
    return red, green, blue


def _flicker(rng: Generator, gain: tuple[float, float, float]) -> tuple[float, float, float]:
    factor = math.exp(rng.normal() * FLICKER)
    return gain[0] * factor, gain[1] * factor, gain[2] * factor


class _Background(NamedTuple):
    picture: Picture
    frame_wh: Points
    centre: Points
    side: float
    """Picture pixels that a crop shows where the view is at its mean size."""

    @classmethod
    def drawn(cls, rng: Generator, scene: Scene) -> _Background:
        frame = np.array(scene.background_hw[::-1], np.float64)
        side = float(frame.min() * rng.uniform(*BACKGROUND_SHARE))
        return cls(scene.background, frame, rng.uniform(size=2) * frame, side)

    def layer(self, view: View, way: Points, crops: Crops) -> Layer:
        """Where the view looks after the target went its way, as far as the picture reaches."""
        side = min(self.side * view.zoom, float(self.frame_wh.min()))
        scale = crops.side / side
        middle = crops.side / 2
        centre = self.centre + (way - (view.target_at - middle)) / scale
        centre = np.clip(centre, side / 2, self.frame_wh - side / 2)
        at = np.array([middle, middle])
        return whole_layer(self.picture, centre, at, Pose(scale, scale, 0.0), crops.side)


def _shown(thing: Thing, at: Points, pose: Pose) -> Points:
    return placed(thing.outline.hull, thing.outline.centre, at, pose)


def _pasted(
    thing: Thing, at: Points, pose: Pose, side: int, gain: tuple[float, float, float]
) -> Layer | None:
    outline = thing.outline
    return object_layer(thing.picture, outline.hull, outline.centre, at, pose, side, gain)


def _distractor(
    rng: Generator, look: _Look, unit: float, target: Box, motion: Motion, side: int
) -> Layer | None:
    """A thing at a free place of the crop: right beside the target, or anywhere."""
    pose = draw_pose(rng, motion, look.size * unit / look.thing.outline.size)
    middle = np.array([target[0] + target[2] / 2, target[1] + target[3] / 2])
    _, _, w, h = hull(_shown(look.thing, middle, pose))
    gain = _flicker(rng, look.gain)
    angle, gap, places = rng.uniform(0, 2 * math.pi), rng.uniform(), rng.uniform(size=(ATTEMPTS, 2))
    # beside: where the boxes just part in the direction, and up to half a target size further
    direction = np.array([math.cos(angle), math.sin(angle)])
    touching = (np.array([target[2] + w, target[3] + h]) / 2 / np.abs(direction).clip(1e-3)).min()
    for at in (middle + direction * (touching + gap * unit / 2), *(places * side)):
        inside = ((at > 0) & (at < side)).all()
        x, y = at[0] - w / 2, at[1] - h / 2
        if inside and _overlap((x, y, w, h), target) <= MOST_OVERLAP:
            return _pasted(look.thing, at, pose, side, gain)
    return None


def _overlap(a: Box, b: Box) -> float:
    """Intersection as a share of the smaller box."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(w, 0.0) * max(h, 0.0) / min(a[2] * a[3], b[2] * b[3])


def _occluder(
    rng: Generator,
    look: _Look,
    unit: float,
    target: Points,
    share: float,
    motion: Motion,
    side: int,
) -> Layer | None:
    """A thing before the target, pushed over it until its box holds `share` of the target's points
    (K, 2), which is more than its mask covers."""
    pose = draw_pose(rng, motion, look.size * unit / look.thing.outline.size)
    middle = target.mean(axis=0)
    _, _, w, h = hull(_shown(look.thing, middle, pose))
    angle = rng.uniform(0, 2 * math.pi)
    direction = np.array([math.cos(angle), math.sin(angle)])
    # a point is covered as long as its distance along both axes is below half a side
    beyond = target - middle
    near, far = 0.0, float(np.abs(beyond).max()) + max(w, h)
    for _ in range(10):
        distance = (near + far) / 2
        reach = np.abs(beyond - direction * distance) < (w / 2, h / 2)
        if reach.all(axis=1).mean() > share:
            near = distance
        else:
            far = distance
    gain = _flicker(rng, look.gain)
    return _pasted(look.thing, middle + direction * far, pose, side, gain)
