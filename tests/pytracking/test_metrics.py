"""Success scores by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pytracking.evaluation.metrics import overlap, success_auc, success_curve
from pytracking.evaluation.protocols import first_box
from pytracking.evaluation.scoring import one_pass_auc


def test_success_curve_counts_strictly_above() -> None:
    curve = success_curve(np.array([0.0, 0.5, 1.0, 0.24]))
    assert curve[0] == 0.75  # an overlap of zero is above no threshold
    assert curve[4] == 0.75
    assert curve[5] == 0.5
    assert curve[10] == 0.25
    assert curve[20] == 0


def test_a_perfect_result() -> None:
    boxes = np.array([[1.0, 2, 30, 40], [5, 6, 7, 8]])
    assert one_pass_auc(boxes, boxes) == pytest.approx(20 / 21)


def test_absent_targets_are_left_out() -> None:
    truth = np.array([[0.0, 0, 10, 10], [np.nan] * 4, [100, 0, 10, 10]])
    boxes = np.array([[0.0, 0, 10, 10], [50, 50, 10, 10], [0, 0, 10, 10]])
    assert one_pass_auc(boxes, truth) == pytest.approx(10 / 21)
    assert np.isnan(success_auc(np.array([])))


def test_first_box_is_rounded_half_to_even() -> None:
    assert first_box(np.array([[0.5, 1.5, 10.5, 20.4]])) == (0, 2, 10, 20)


def test_overlap_of_empty_boxes() -> None:
    zero = np.zeros((1, 4))
    assert overlap(zero, zero) == 0
