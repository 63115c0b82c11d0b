"""How a benchmark runs and scores a sequence, numpy only."""

from __future__ import annotations

import numpy as np

from pytracking.evaluation.metrics import Array, overlap, success_auc


def first_box(true_boxes_xywh: Array) -> tuple[float, float, float, float]:
    """The box that a tracker is given: that of the first frame, each number rounded to whole
    pixels, halves to even."""
    x, y, w, h = (float(v) for v in np.round(true_boxes_xywh[0]))
    return x, y, w, h


def one_pass_auc(boxes_xywh: Array, true_boxes_xywh: Array) -> float:
    """Success AUC of one run from the first box to the last frame, the given box counted; frames
    without the target, NaN in the true boxes (N, 4), are left out."""
    present = ~np.isnan(true_boxes_xywh).any(axis=1)
    return success_auc(overlap(boxes_xywh[present], true_boxes_xywh[present]))
