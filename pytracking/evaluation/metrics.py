"""Overlap and success, numpy only: lift it out where you need it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SUCCESS_THRESHOLDS: Array = np.linspace(0, 1, 21)
"""The overlaps of a success plot (Wu et al. 2013)."""


def overlap(a_xywh: Array, b_xywh: Array) -> Array:
    """Intersection over union of continuous boxes, row by row: (N, 4), (N, 4) -> (N,); NaN where a
    box has NaN."""
    top_left = np.maximum(a_xywh[:, :2], b_xywh[:, :2])
    bottom_right = np.minimum(a_xywh[:, :2] + a_xywh[:, 2:], b_xywh[:, :2] + b_xywh[:, 2:])
    intersection = np.prod(np.clip(bottom_right - top_left, 0, None), axis=1)
    union = np.prod(a_xywh[:, 2:], axis=1) + np.prod(b_xywh[:, 2:], axis=1) - intersection
    return intersection / np.where(union > 0, union, np.inf) + 0 * union


def success_curve(overlaps: Array) -> Array:
    """Share of frames with overlap above each of the 21 thresholds; at 1 nothing counts, so a
    perfect result has AUC 20/21."""
    return (overlaps[:, None] > SUCCESS_THRESHOLDS).mean(axis=0)


def success_auc(overlaps: Array) -> float:
    """Mean of the success curve; NaN without frames."""
    return float(success_curve(overlaps).mean()) if len(overlaps) else float("nan")
