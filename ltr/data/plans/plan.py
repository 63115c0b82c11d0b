"""A sample as a plan: which pictures it shows, through which windows, and where its target is.

A plan consists of values on the host and follows from a generator of random numbers; it says all of
a sample but the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator

from ltr.data.configuration import DataConfig, Photometry
from ltr.data.photometry import Changes, draw_changes
from ltr.data.pictures import Pictures
from ltr.data.plans.composite import Box, Scene, Thing, composed_crops
from ltr.data.plans.layers import Layer, Picture, corners
from ltr.data.plans.motion import moved_picture
from ltr.data.plans.pools import Pool, draw_pool
from ltr.data.plans.sampling import choose_frames
from ltr.data.plans.views import draw_views, jittered
from ltr.data.plans.windows import training_windows
from ltr.data.store import Track
from ltr.errors import DataError

SMALLEST_OBJECT = 12.0
"""Pictures of objects with a shorter mean side, in pixels, are not pasted."""
ATTEMPTS = 30
"""At finding an object with a mask, or a photograph with enough around its target."""


class Plan(NamedTuple):
    """The crops of a sample: train frames, then test frames."""

    name: str
    """ "store/track"."""
    crops: tuple[tuple[Layer, ...], ...]
    """For each crop its layers, from back to front."""
    boxes: tuple[Box, ...]
    """The target's in each crop, pool format."""
    changes: Changes
    """What then happens to the pixels; where a crop is mirrored, its box is too."""


def make_plan(
    rng: Generator,
    config: DataConfig,
    photometry: Photometry,
    pools: Sequence[Pool],
    pictures: Pictures,
) -> Plan:
    """The plan of a sample of one of the pools. Raises FrameError where a picture that it must know
    the size or the mask of cannot be read, DataError where a part has too little to paste."""
    pool = draw_pool(rng, pools)
    if pool.part.use == "composite":
        number, crops, boxes = _composite(rng, config, pools, pool, pictures)
    elif pool.part.use == "motion":
        number, crops, boxes = _moved(rng, config, pool, pictures)
    else:
        number, crops, boxes = _filmed(rng, config, pool, pictures)
    name = f"{pool.part.name}/{pictures.track(pool.store, number).name}"
    return Plan(name, crops, boxes, draw_changes(photometry, len(crops), rng))


_Content = tuple[int, tuple[tuple[Layer, ...], ...], tuple[Box, ...]]
"""The number of the target's track; layers and box of each crop."""


def _filmed(rng: Generator, config: DataConfig, pool: Pool, pictures: Pictures) -> _Content:
    """Frames of a video as they are, or one photograph again and again."""
    number = pool.draw(rng)
    track = pictures.track(pool.store, number)
    chosen = choose_frames(rng, track, config.sampling)
    frames = [Picture(pool.store, number, frame) for frame in (*chosen.train, *chosen.test)]
    boxes = track.boxes_xywh[[frame.number for frame in frames]]
    places = jittered(rng, boxes, config.crops, config.sampling)
    sizes = torch.tensor([pictures.frame_hw(frame) for frame in frames], dtype=torch.float32)
    window, in_crops = training_windows(
        config.crops, torch.from_numpy(boxes), torch.from_numpy(places), sizes
    )
    side = config.crops.side
    layers = tuple(
        (Layer(frame, False, window.rows(slice(index, index + 1)), 0.0, (0, 0), (side, side)),)
        for index, frame in enumerate(frames)
    )
    return number, layers, tuple(in_crops.tolist())


def _moved(rng: Generator, config: DataConfig, pool: Pool, pictures: Pictures) -> _Content:
    """One picture, moved for each frame."""
    for _ in range(ATTEMPTS):
        number = pool.draw(rng)
        track = pictures.track(pool.store, number)
        picture = Picture(pool.store, number, int(rng.choice(np.flatnonzero(track.visible))))
        box = track.boxes_xywh[picture.number]
        if box[2] * box[3] <= config.motion.largest**2 * np.prod(pictures.frame_hw(picture)):
            break
    outline = pictures.outline(picture)
    points = corners(box) if outline is None else outline.hull
    size = float(np.sqrt(box[2] * box[3]))
    made = [
        moved_picture(rng, picture, points, size, view, config.crops, config.motion)
        for view in draw_views(rng, config.crops, config.sampling)
    ]
    return number, tuple((layer,) for layer, _ in made), tuple(box for _, box in made)


def _composite(
    rng: Generator, config: DataConfig, pools: Sequence[Pool], pool: Pool, pictures: Pictures
) -> _Content:
    """An object pasted over a picture of another part, or of its own where there is no other."""
    number, targets = _target(rng, config, pool, pictures)
    track = pictures.track(pool.store, number)
    others = tuple(
        _distractor(rng, config, pool, track, targets[0], pictures)
        for _ in range(int(rng.integers(config.composition.distractors + 1)))
    )
    behind = draw_pool(rng, [p for p in pools if p.store != pool.store] or pools)
    background = behind.draw(rng)
    frames = len(pictures.track(behind.store, background).visible)
    picture = Picture(behind.store, background, int(rng.integers(frames)))
    scene = Scene(
        picture,
        pictures.frame_hw(picture),
        targets,
        others,
        _thing(rng, pool, None, pictures),
    )
    views = draw_views(rng, config.crops, config.sampling)
    made = composed_crops(rng, scene, views, config.crops, config.motion, config.composition)
    return number, tuple(layers for layers, _ in made), tuple(box for _, box in made)


def _target(
    rng: Generator, config: DataConfig, pool: Pool, pictures: Pictures
) -> tuple[int, tuple[Thing, ...]]:
    """A track and its things in the frames of the sample."""
    for _ in range(ATTEMPTS):
        number = pool.draw(rng)
        chosen = choose_frames(rng, pictures.track(pool.store, number), config.sampling)
        shown = [Picture(pool.store, number, frame) for frame in (*chosen.train, *chosen.test)]
        things = tuple(thing for p in shown if (thing := _pasteable(p, pictures)) is not None)
        if len(things) == len(shown):
            return number, things
    raise _nothing_to_paste(pool)


def _distractor(
    rng: Generator,
    config: DataConfig,
    pool: Pool,
    track: Track,
    target: Thing,
    pictures: Pictures,
) -> Thing:
    """The target itself again, another of its category, or anything."""
    kind = rng.random()
    if kind < config.composition.twins:
        return target
    of_kind = track.category is not None and rng.random() < config.composition.same_kind
    return _thing(rng, pool, track.category if of_kind else None, pictures)


def _thing(rng: Generator, pool: Pool, category: str | None, pictures: Pictures) -> Thing:
    """A thing of a category, or of any where none of that one is found."""
    for attempt in range(ATTEMPTS):
        number = pool.draw(rng, category if attempt < ATTEMPTS // 2 else None)
        shown = np.flatnonzero(pictures.track(pool.store, number).visible)
        picture = Picture(pool.store, number, int(rng.choice(shown)))
        if (thing := _pasteable(picture, pictures)) is not None:
            return thing
    raise _nothing_to_paste(pool)


def _pasteable(picture: Picture, pictures: Pictures) -> Thing | None:
    outline = pictures.outline(picture)
    if outline is None or outline.cut or outline.size < SMALLEST_OBJECT:
        return None
    return Thing(picture, outline)


def _nothing_to_paste(pool: Pool) -> DataError:
    return DataError(
        f"data set {pool.part.name} ({pool.part.path}) has too little to paste: {ATTEMPTS} objects "
        f"in a row have no mask, reach a border or are shorter than {SMALLEST_OBJECT:g} pixels; "
        "give it the use motion instead of composite"
    )
