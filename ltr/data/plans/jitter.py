"""Boxes near a target: the places that training crops are cut around, and proposals to be judged.

On the host, vectorised over N boxes; all draws come from one generator, in a fixed order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ltr.geometry import iou

Boxes = NDArray[np.float32]
TRIES = 100
SMALLEST = 1.0
"""Pixels: a place has some extent, and proposals must be longer than this or are drawn anew."""


def jittered_boxes(
    boxes_xywh: Boxes,
    scale_jitter: ArrayLike,
    centre_jitter: ArrayLike,
    random: np.random.Generator,
) -> Boxes:
    """Boxes (N, 4) resized and moved as DiMP's training does (Bhat et al. 2019): the size times
    exp(scale_jitter * normal), and the centre by up to half of centre_jitter target sizes each way.

    Both jitters: a number or (N,). Sides are one pixel at least."""
    normal, uniform = (
        draw((len(boxes_xywh), 2)) for draw in (random.standard_normal, random.random)
    )
    scale, centre = (np.asarray(jitter).reshape(-1, 1) for jitter in (scale_jitter, centre_jitter))
    size = np.maximum(boxes_xywh[:, 2:] * np.exp(scale * normal), SMALLEST)
    reach = np.sqrt(size.prod(1, keepdims=True)) * centre
    middle = boxes_xywh[:, :2] + boxes_xywh[:, 2:] / 2 + reach * (uniform - 0.5)
    return np.concatenate([middle - size / 2, size], axis=1).astype(np.float32)


def disturbed_boxes(
    box_xywh: Boxes,
    count: int,
    deviations: Sequence[float],
    min_overlap: float,
    random: np.random.Generator,
) -> tuple[Boxes, NDArray[np.float32]]:
    """Proposals (N, 4) around a box (4,), whole pixels, and their overlaps (N,) with it, 0 to 1
    (the IoU proposals of DiMP, and of ATOM before it).

    Each takes one of `deviations`, in target sizes, for all of centre, width and height; while it
    overlaps by no more than `min_overlap` it is drawn again with a deviation a tenth smaller, up to
    a hundred times. A side of a pixel or less becomes .15 to .5 of the target's."""
    x, y, w, h = np.maximum(box_xywh.astype(np.float64), [-np.inf, -np.inf, 1e-3, 1e-3])
    middle, size = np.array([x + w / 2, y + h / 2]), np.array([w, h])
    chosen = random.integers(len(deviations), size=count) if len(deviations) > 1 else [0] * count
    deviation = np.sqrt(w * h) * np.asarray(deviations)[chosen]
    boxes, overlaps = np.empty((count, 4), np.float32), np.zeros(count, np.float32)
    left = np.arange(count)
    for _ in range(TRIES):
        normal = random.standard_normal((len(left), 4)) * deviation[left, None]
        sides = _not_too_small(size + normal[:, 2:], size, random)
        corners = np.rint(middle + normal[:, :2] - sides / 2)
        sides = _not_too_small(np.rint(sides), size, random)
        boxes[left] = np.concatenate([corners, sides], axis=1)
        overlaps[left] = iou(torch.from_numpy(boxes[left]), torch.tensor([x, y, w, h])).numpy()
        left = left[overlaps[left] <= min_overlap]
        if not len(left):
            break
        deviation[left] *= 0.9
    return boxes, overlaps


def _not_too_small(
    sides: NDArray[np.float64], size: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.float64]:
    """Sides (N, 2) with those of a pixel or less made .15 to .5 of `size` (2,)."""
    small = sides <= SMALLEST
    drawn = 0.15 + 0.35 * random.random(int(small.sum()))
    sides[small] = np.broadcast_to(size, sides.shape)[small] * drawn
    return sides
