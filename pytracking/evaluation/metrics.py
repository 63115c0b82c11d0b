"""Overlaps, centre errors, curves and scores, numpy only: lift them out where you need them.

Boxes are (N, 4) float64: x, y, w, h in pixels. Functions of two arrays take the result first and
the annotation second. Which of them a benchmark takes says `protocols`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

GRID = tuple(np.linspace(0, 1, 21).tolist())
"""The overlaps of a success plot (Wu et al. 2013): k * 0.05. Boxes of whole pixels often overlap
by exactly such a number, so the last bit of a threshold decides whether they count."""
MATLAB_GRID = tuple(k * 0.05 if k <= 10 else 1 - (20 - k) * 0.05 for k in range(21))
"""The same as MATLAB's `0:0.05:1`, which counts from both ends."""
TORCH_GRID = tuple(k // 4 * 4 * 0.05 + k % 4 * 0.05 for k in range(21))
"""The same as `torch.arange(0, 1.05, 0.05)`, which counts four at a time."""
FINE_GRID = tuple(np.linspace(0, 1, 101).tolist())
PIXELS = tuple(float(k) for k in range(51))
"""The centre errors of a precision plot (Wu et al. 2013)."""
SIZES = tuple(k / 100 for k in range(51))
"""The centre errors of a normalised precision plot (Mueller et al. 2018), in sizes of the
target."""


def overlap(a_xywh: Array, b_xywh: Array) -> Array:
    """Intersection over union of continuous boxes, row by row: (N, 4), (N, 4) -> (N,); 0 where both
    are empty, NaN where a box has NaN."""
    top_left = np.maximum(a_xywh[:, :2], b_xywh[:, :2])
    bottom_right = np.minimum(a_xywh[:, :2] + a_xywh[:, 2:], b_xywh[:, :2] + b_xywh[:, 2:])
    intersection = np.prod(np.clip(bottom_right - top_left, 0, None), axis=1)
    union = np.prod(a_xywh[:, 2:], axis=1) + np.prod(b_xywh[:, 2:], axis=1) - intersection
    return intersection / np.where(union > 0, union, np.inf) + 0 * union


def bounded_overlap(a_xywh: Array, b_xywh: Array) -> Array:
    """The same with 2**-52 in the denominator and bounded by 0 and 1, also for negative sizes: the
    GOT-10k toolkit. pysot-toolkit has no 2**-52: no difference for a box that has pixels."""
    top_left = np.maximum(a_xywh[:, :2], b_xywh[:, :2])
    bottom_right = np.minimum(a_xywh[:, :2] + a_xywh[:, 2:], b_xywh[:, :2] + b_xywh[:, 2:])
    sides = np.maximum(bottom_right - top_left, 0)
    intersection = sides[:, 0] * sides[:, 1]
    union = a_xywh[:, 2] * a_xywh[:, 3] + b_xywh[:, 2] * b_xywh[:, 3] - intersection
    return np.clip(intersection / (union + np.finfo(np.float64).eps), 0, 1)


def pixel_overlap(a_xywh: Array, b_xywh: Array) -> Array:
    """Intersection over union of boxes from pixel x to pixel x + w - 1, both included: the MATLAB
    benchmarks, TrackingNet, pytracking. Differs from `overlap` by rounding alone, which may leave
    it one bit above 1, and where a number is missing: an axis with NaN in one position takes the
    extent of the other box, as MATLAB's min and max do; NaN in a size, or two empty boxes, give
    NaN."""
    top_left = np.fmax(a_xywh[:, :2], b_xywh[:, :2])
    last = np.fmin(a_xywh[:, :2] + a_xywh[:, 2:] - 1, b_xywh[:, :2] + b_xywh[:, 2:] - 1)
    sides = np.fmax(last - top_left + 1, 0)
    intersection = sides[:, 0] * sides[:, 1]
    union = a_xywh[:, 2] * a_xywh[:, 3] + b_xywh[:, 2] * b_xywh[:, 3] - intersection
    with np.errstate(invalid="ignore", divide="ignore"):
        return intersection / union


def centres(boxes_xywh: Array) -> Array:
    """(N, 2): x + (w - 1) / 2, y + (h - 1) / 2."""
    return boxes_xywh[:, :2] + (boxes_xywh[:, 2:] - 1) / 2


def centre_errors(boxes_xywh: Array, true_xywh: Array) -> Array:
    """Distance of the centres in pixels, (N,)."""
    return _length(centres(boxes_xywh) - centres(true_xywh))


def normalised_centre_errors(boxes_xywh: Array, true_xywh: Array) -> Array:
    """Distance of the centres in sizes of the annotation, (N,). Both centres are divided before
    they are subtracted: LaSOT, pysot-toolkit, pytracking."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return _length(
            centres(boxes_xywh) / true_xywh[:, 2:] - centres(true_xywh) / true_xywh[:, 2:]
        )


def subtracted_centre_errors(boxes_xywh: Array, true_xywh: Array) -> Array:
    """The same, subtracted before they are divided: TrackingNet."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return _length((centres(boxes_xywh) - centres(true_xywh)) / true_xywh[:, 2:])


def subtracted_centre_errors_from_a_pixel(boxes_xywh: Array, true_xywh: Array) -> Array:
    """The same, in sizes of at least one pixel: the GOT-10k toolkit."""
    sizes = np.maximum(true_xywh[:, 2:], 1)
    return _length((centres(boxes_xywh) - centres(true_xywh)) / sizes)


def _length(vectors: Array) -> Array:
    return np.sqrt(vectors[:, 0] * vectors[:, 0] + vectors[:, 1] * vectors[:, 1])


def success_curve(
    overlaps: Array,
    thresholds: ArrayLike = GRID,
    frames: int | None = None,
    reached: bool = False,
) -> Array:
    """Share of `frames` (their number, default all) with an overlap above each threshold, or with
    `reached` one that equals it too. NaN is a miss. Above a threshold of 1 is nothing, so a perfect
    result has AUC 20/21. NaN without frames."""
    ordered = np.sort(overlaps[~np.isnan(overlaps)])
    missed = np.searchsorted(ordered, thresholds, side="left" if reached else "right")
    return _share(len(ordered) - missed, len(overlaps) if frames is None else frames)


def precision_curve(
    errors: Array, thresholds: ArrayLike = PIXELS, frames: int | None = None
) -> Array:
    """Share of `frames` (their number, default all) with an error up to each threshold, in the unit
    of both. NaN is a miss. NaN without frames."""
    hits = np.searchsorted(np.sort(errors), thresholds, side="right")  # NaN sorts last
    return _share(hits, len(errors) if frames is None else frames)


def _share(counts: NDArray[np.intp], frames: int) -> Array:
    return counts / (frames or np.nan)


def success_auc(overlaps: Array) -> float:
    """Mean of the success curve; NaN without frames."""
    return float(success_curve(overlaps).mean())


def frames_per_second(seconds: Array) -> float:
    """Mean of 1 / t over the times that are positive: the GOT-10k toolkit. NaN without one."""
    used = seconds[seconds > 0]
    return float((1 / used).mean()) if len(used) else float("nan")


def precision_recall(overlaps: Array, present: NDArray[np.bool_], scores: Array) -> Array:
    """Long-term precision and recall as pytracking computes them: (2, N + 1), over the frames of
    all sequences together, taken from the highest score down.

    Rows of the inputs are frames: overlap, whether the target is there, what the tracker says of
    that. Precision begins at 1, recall at 0. Where scores are equal the earlier frame comes first.
    """
    order = np.argsort(-scores, kind="stable")
    gained = np.cumsum(np.where(present, overlaps, 0)[order])
    precision = gained / np.arange(1, len(gained) + 1)
    recall = gained / present.sum()
    return np.array([np.append(1.0, precision), np.append(0.0, recall)])


def f_measures(precision: Array, recall: Array) -> Array:
    """2PR / (P + R), 0 where both are 0; a tracker's F1 is the largest."""
    total = precision + recall
    return 2 * precision * recall / np.where(total > 0, total, 1)
