"""Which photographs are trained on, which classes are told apart, and noisy boxes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.draws import example_draws
from ltr.ebm.noise import GaussianMixtureNoise
from ltr.geometry import at_offsets
from ltr.regress.detection.coco import Annotated, Photograph, Thing

LEFT_OUT = 0.2
CHOICE = 0.1
"""Of what is not left out, what step lengths are chosen on."""
RARE = 5
"""Categories with fewer boxes are one class."""
NOISE = 0.15
"""Deviation of a detection's centre, in sizes of the box, and of its log size."""


class Split(NamedTuple):
    """Places of photographs in the set, without overlap."""

    train: tuple[int, ...]
    choice: tuple[int, ...]
    left_out: tuple[int, ...]


@dataclass(frozen=True)
class Classes:
    """What the energy tells apart; class 0 is all rare categories."""

    of_category: dict[int, int]
    """By the id of the category."""
    names: tuple[str, ...]


class Examples(NamedTuple):
    """Things of photographs, B of them."""

    photograph: Tensor
    """(B,) int64, place in the set."""
    classes: Tensor
    """(B,) int64"""
    boxes_xywh: Tensor
    """(B, 4)"""
    things: tuple[Thing, ...]


def split(photographs: Sequence[Photograph], seed: int = 0) -> Split:
    """A fifth is left out, of the rest a tenth is for the choice of steps."""
    order = torch.randperm(len(photographs), generator=torch.Generator().manual_seed(seed)).tolist()
    left = round(LEFT_OUT * len(order))
    choice = round(CHOICE * (len(order) - left))
    return Split(
        tuple(order[left + choice :]), tuple(order[left : left + choice]), tuple(order[:left])
    )


def classes_of(annotated: Annotated) -> Classes:
    """A class for each category with at least `RARE` boxes in the whole set."""
    count = Counter(thing.category for thing in annotated.things)
    common = sorted(category for category in annotated.categories if count[category] >= RARE)
    of_category = dict.fromkeys(annotated.categories, 0)
    of_category |= {category: number for number, category in enumerate(common, 1)}
    names = ("other", *(annotated.categories[category] for category in common))
    return Classes(of_category, names)


def examples_of(annotated: Annotated, classes: Classes, places: Sequence[int]) -> Examples:
    """The things of these photographs, in their order."""
    place_of = {annotated.photographs[place].number: place for place in places}
    things = [thing for thing in annotated.things if thing.image in place_of]
    order = {place: number for number, place in enumerate(places)}
    things.sort(key=lambda thing: order[place_of[thing.image]])
    return Examples(
        torch.tensor([place_of[thing.image] for thing in things], dtype=torch.int64),
        torch.tensor([classes.of_category[t.category] for t in things], dtype=torch.int64),
        torch.tensor([thing.box_xywh for thing in things], dtype=torch.float32).view(-1, 4),
        tuple(things),
    )


def noisy_boxes(boxes_xywh: Tensor, seed: int = 0) -> Tensor:
    """Boxes (B, 4) such as a poor detector would give: moved and scaled at random."""
    noise = GaussianMixtureNoise(torch.full((1, 4), NOISE))
    draw = example_draws(seed, torch.arange(len(boxes_xywh))).of("detection")
    return at_offsets(boxes_xywh, noise.draw(draw, 1))[:, 0]
