"""Boxes refined: they climb the energy, in steps that never lower it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.ebm.ascent import ascend_where_higher
from ltr.geometry import at_offsets, iou
from ltr.models.backbone import Taps
from ltr.regress.detection.examples import Examples
from ltr.regress.detection.head import BoxEnergy

ITERATIONS, DECAY = 10, 0.5
"""As published."""
STEPS = tuple(
    (centre, ratio * centre) for centre in (2.5e-5, 1e-4, 4e-4, 1.6e-3, 6.4e-3) for ratio in (1, 4)
)
"""Lengths (centre, log size) that are tried; (4e-4, 1.6e-3) is the published one of most."""


class Refined(NamedTuple):
    """Boxes after the ascent."""

    boxes_xywh: Tensor
    """(B, 4)"""
    log_energy: Tensor
    """(B,), the score there: the logarithm of a density that is not normalized."""


def refine(
    head: BoxEnergy,
    taps: Taps,
    boxes_xywh: Tensor,
    classes: Tensor,
    step: tuple[float, float],
) -> Refined:
    """Boxes (B, 4) of things of `classes` (B,) in one photograph, by `step` (centre, log size) in
    relative coordinates, the sizes of the boxes themselves as units."""
    with torch.no_grad():
        box_map = head.box_map(taps)
    maps = [box_map] * len(boxes_xywh)

    def score(offsets: Tensor) -> Tensor:
        return head(maps, at_offsets(boxes_xywh, offsets), classes)

    begin = torch.zeros(len(boxes_xywh), 1, 4)
    lengths = torch.tensor([step[0], step[0], step[1], step[1]])
    offsets, scores = ascend_where_higher(score, begin, lengths, DECAY, ITERATIONS)
    return Refined(at_offsets(boxes_xywh, offsets)[:, 0].detach(), scores[:, 0].detach())


def refine_examples(
    head: BoxEnergy,
    taps: Sequence[Taps],
    examples: Examples,
    boxes_xywh: Tensor,
    step: tuple[float, float],
) -> Refined:
    """Boxes (B, 4) near those of examples; taps: of all photographs of the set, by place."""
    boxes, scores = torch.zeros_like(boxes_xywh), torch.zeros(len(boxes_xywh))
    for place in examples.photograph.unique():
        own = examples.photograph == place
        found = refine(head, taps[int(place)], boxes_xywh[own], examples.classes[own], step)
        boxes[own], scores[own] = found
    return Refined(boxes, scores)


def choose_step(
    head: BoxEnergy, taps: Sequence[Taps], examples: Examples, boxes_xywh: Tensor
) -> tuple[float, float]:
    """The one of `STEPS` by which boxes (B, 4) come nearest to those of examples."""
    return max(
        STEPS,
        key=lambda step: float(
            iou(
                refine_examples(head, taps, examples, boxes_xywh, step).boxes_xywh,
                examples.boxes_xywh,
            ).mean()
        ),
    )
