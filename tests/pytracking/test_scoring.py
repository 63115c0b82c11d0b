"""What holds of every protocol, whatever the boxes, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytracking.evaluation.metrics import f_measures, overlap, precision_recall
from pytracking.evaluation.protocols import PROTOCOLS, Truth
from pytracking.evaluation.scoring import clipped, one_pass_auc, score, speed, summary

WHOLE_BOXES = st.tuples(*[st.integers(-20, 60)] * 2, *[st.integers(0, 40)] * 2)
FRAMES = st.lists(st.tuples(WHOLE_BOXES, WHOLE_BOXES, st.booleans()), min_size=2, max_size=30)
FIRST = (5, 5, 20, 30)
BOX = np.array([[100.0, 100, 40, 30]])


def sequence(frames: list[Any]) -> tuple[Any, Truth]:
    boxes = np.array([FIRST, *(frame[0] for frame in frames)], float)
    true_xywh = np.array([FIRST, *(frame[1] for frame in frames)], float)
    absent = np.array([False, *(frame[2] for frame in frames)])
    return boxes, Truth(true_xywh, absent, np.where(absent, 0, 8), (64, 48))


@pytest.mark.parametrize("name", PROTOCOLS)
@given(frames=FRAMES)
@settings(max_examples=25)
def test_curves_are_monotone_and_shares(name: str, frames: list[Any]) -> None:
    protocol = PROTOCOLS[name]
    boxes, truth = sequence(frames)
    before = boxes.copy(), truth.boxes_xywh.copy()
    one = score(protocol, boxes, truth)
    assert np.array_equal(before, (boxes, truth.boxes_xywh))
    if one.denominator == 0:
        assert np.isnan(one.success).all()
        return
    assert (np.diff(one.success) <= 0).all()
    assert (np.diff(one.precision) >= 0).all()
    assert (np.diff(one.norm_precision) >= 0).all()
    assert 0 <= one.success.min() <= one.success.max() <= 1
    assert min(one.precision.min(), one.norm_precision.min()) >= 0
    if protocol.denominator != "valid":  # there invalid frames are hits that nobody counts
        assert max(one.precision.max(), one.norm_precision.max()) <= 1
    assert not (one.overlap > 1 + 1e-12).any()  # NaN where both are empty
    assert len(one.frames) == len(one.overlap) <= one.annotated


@given(frames=FRAMES)
@settings(max_examples=25)
def test_one_pass_auc_counts_the_present_frames(frames: list[Any]) -> None:
    """Bit by bit what comparing each overlap with each threshold gives."""
    boxes, truth = sequence(frames)
    true_xywh = truth.boxes_xywh
    true_xywh[truth.absent] = np.nan
    present = ~np.isnan(true_xywh).any(axis=1)
    overlaps = overlap(boxes[present], true_xywh[present])
    plain = (overlaps[:, None] > np.linspace(0, 1, 21)).mean(axis=0).mean()
    assert one_pass_auc(boxes, true_xywh) == plain


@given(frames=FRAMES)
@settings(max_examples=25)
def test_sequences_or_frames_are_averaged(frames: list[Any]) -> None:
    boxes, truth = sequence(frames)
    again = np.concatenate([boxes, boxes])
    twice = Truth(
        np.concatenate([truth.boxes_xywh] * 2),
        np.concatenate([truth.absent] * 2),
        np.concatenate([truth.cover] * 2),
        truth.frame_wh,
    )
    protocol = PROTOCOLS["got10k"]
    scores = [score(protocol, boxes, truth), score(protocol, again, twice)]
    every = np.concatenate([one.overlap for one in scores])
    together = summary(protocol, scores)
    if len(every):
        assert together.scores["AO"] == pytest.approx(every.mean(), abs=1e-12)
        assert together.scores["SR50"] == pytest.approx((every > 0.5).mean(), abs=1e-12)
    by_sequence = replace(protocol, average="sequences")
    if all(one.denominator for one in scores):
        mean = np.mean([one.average_overlap for one in scores])
        assert summary(by_sequence, scores).scores["AO"] == pytest.approx(mean, abs=1e-12)


def test_a_sequence_without_a_hit_is_dropped_unless_all_are() -> None:
    truth = Truth(np.array([[0.0, 5, 10, 10], [30, 30, 10, 10]]))  # the first box is invalid
    missed = score(PROTOCOLS["otb"], np.array([[0.0, 5, 10, 10], [0, 0, 5, 5]]), truth)
    hit = score(PROTOCOLS["otb"], truth.boxes_xywh, truth)
    assert summary(PROTOCOLS["otb"], [missed]).scores["AUC"] == 0
    assert summary(PROTOCOLS["otb"], [missed, hit]).scores["AUC"] == pytest.approx(20 / 42)
    counted = replace(PROTOCOLS["otb"], zero_curves="counted")
    assert summary(counted, [missed, hit]).scores["AUC"] == pytest.approx(10 / 42)


def test_a_bad_box_stays_and_is_handed_on_where_the_annotation_has_nan() -> None:
    truth = np.concatenate([BOX, np.full((1, 4), np.nan), BOX, BOX])
    boxes = np.concatenate([BOX, np.full((1, 4), np.nan), np.zeros((1, 4)), BOX])
    assert np.isnan(score(PROTOCOLS["uav"], boxes, Truth(truth)).overlap[2])
    boxes[1] = BOX  # good, so what is handed on is
    assert score(PROTOCOLS["uav"], boxes, Truth(truth)).overlap.tolist() == [1, -1, 1, 1]


def test_bounded_by_the_image_a_box_keeps_its_width_on_the_left() -> None:
    boxes = np.array([[-10.0, 5, 20, 20], [50, 40, 30, 30], [70, 60, 5, -5]])
    expected = [[0, 5, 20, 20], [50, 40, 14, 8], [64, 48, 0, 0]]
    assert clipped(boxes, (64, 48)).tolist() == expected


@pytest.mark.parametrize(
    ("name", "boxes", "truth", "message"),
    [
        (
            "lasot",
            BOX,
            Truth(BOX),
            "the annotation has no flags of absence, which protocol lasot needs",
        ),
        (
            "got10k",
            BOX,
            Truth(BOX),
            "the annotation has no frame size, which protocol got10k needs",
        ),
        (
            "got10k",
            BOX,
            Truth(BOX, frame_wh=(9, 9)),
            "the annotation has no cover, which protocol got10k needs",
        ),
        ("otb", None, Truth(BOX), "no result, which protocol otb refuses"),
        (
            "trackingnet",
            BOX[:0],
            Truth(BOX),
            "0 boxes for 1 annotated frames, which protocol trackingnet refuses",
        ),
    ],
)
def test_what_cannot_be_scored(name: str, boxes: Any, truth: Truth, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        score(PROTOCOLS[name], boxes, truth)
    assert str(caught.value) == message


def test_longer_results_of_one_sequence_are_cut() -> None:
    truth = Truth(BOX, np.zeros(1, bool))
    boxes = np.concatenate([BOX, BOX])
    assert score(PROTOCOLS["pysot_lasot"], boxes, truth, "monkey-17").annotated == 1
    with pytest.raises(ValueError, match="^2 boxes for 1 annotated frames"):
        score(PROTOCOLS["pysot_lasot"], boxes, truth, "monkey-3")


def test_nothing_to_summarise() -> None:
    with pytest.raises(ValueError, match="^no sequences"):
        summary(PROTOCOLS["otb"], [])
    assert np.isnan(speed(PROTOCOLS["otb"], []))
    assert np.isnan(speed(PROTOCOLS["got10k"], []))


def test_long_term_precision_and_recall_by_hand() -> None:
    overlaps, present = np.array([0.5, 0.8, 0.9, 0.4]), np.array([True, True, False, True])
    precision, recall = precision_recall(overlaps, present, np.array([0.2, 0.9, 0.5, 0.5]))
    # by score: .8, then the absent one and .4 of equal score, then .5
    np.testing.assert_allclose(precision, [1, 0.8, 0.4, 0.4, 0.425])
    np.testing.assert_allclose(recall, [0, 0.8 / 3, 0.8 / 3, 0.4, 1.7 / 3])
    assert f_measures(precision, recall).max() == pytest.approx(
        2 * 0.425 * (1.7 / 3) / (0.425 + 1.7 / 3)
    )
    assert f_measures(np.zeros(1), np.zeros(1)) == 0
