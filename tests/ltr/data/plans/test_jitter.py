"""Boxes near a target: their sizes, reach and overlaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltr.data.plans.jitter import disturbed_boxes, jittered_boxes

side = st.floats(0, 2000, width=32)
place = st.floats(-3000, 3000, width=32)


@given(place, place, side, side, st.floats(0, 2), st.floats(0, 20), st.integers(0, 2**32))
def test_jittered_boxes_have_sizes(
    x: float, y: float, w: float, h: float, scale: float, centre: float, seed: int
) -> None:
    boxes = np.tile(np.array([[x, y, w, h]], np.float32), (5, 1))
    jittered = jittered_boxes(boxes, scale, centre, np.random.default_rng(seed))
    assert np.isfinite(jittered).all()
    assert (jittered[:, 2:] >= 1).all()
    reach = np.sqrt(jittered[:, 2:].prod(1, keepdims=True)) * centre / 2
    moved = jittered[:, :2] + jittered[:, 2:] / 2 - (boxes[:, :2] + boxes[:, 2:] / 2)
    assert (np.abs(moved) <= reach * 1.001 + 1e-2).all()


def test_jitters_of_each_box_and_none() -> None:
    boxes = np.array([[10, 20, 30, 40], [50, 60, 7, 8.5]], np.float32)
    random = np.random.default_rng(3)
    jittered = jittered_boxes(boxes, [0.0, 0.5], [0.0, 2.0], random)
    np.testing.assert_allclose(jittered[0], boxes[0], rtol=1e-6)
    assert (jittered[1] != boxes[1]).all()


def test_spread_of_jitter() -> None:
    boxes = np.tile(np.array([[0, 0, 40, 90]], np.float32), (20000, 1))
    jittered = jittered_boxes(boxes, 0.25, 3.0, np.random.default_rng(0))
    log_size = np.log(jittered[:, 2:] / boxes[:, 2:])
    np.testing.assert_allclose(log_size.std(0), 0.25, rtol=0.02)
    np.testing.assert_allclose(log_size.mean(0), 0, atol=0.01)
    reach = np.sqrt(jittered[:, 2:].prod(1, keepdims=True))
    moved = (jittered[:, :2] + jittered[:, 2:] / 2 - [20, 45]) / reach
    np.testing.assert_allclose(moved.std(0), 3 / np.sqrt(12), rtol=0.02)


@settings(max_examples=40)
@given(place, place, side, side, st.integers(0, 2**32))
def test_disturbed_boxes_are_proposals(x: float, y: float, w: float, h: float, seed: int) -> None:
    box = np.array([x, y, w, h], np.float32)
    boxes, overlaps = disturbed_boxes(box, 8, (0.01, 0.1, 0.3), 0.1, np.random.default_rng(seed))
    assert np.isfinite(boxes).all()
    assert (boxes[:, 2:] > 0).all()
    assert ((overlaps >= 0) & (overlaps <= 1)).all()
    if min(w, h) > 12:
        assert (overlaps > 0.1).all()


def test_disturbed_boxes_take_all_deviations_and_are_drawn_again() -> None:
    box = np.array([100, 80, 40, 60], np.float32)
    random = np.random.default_rng(1)
    _, overlaps = disturbed_boxes(box, 2000, (0.01, 0.3), 0.1, random)
    near, far = (overlaps > 0.85).mean(), (overlaps < 0.7).mean()
    assert near == pytest.approx(0.5, abs=0.05)
    assert far > 0.4
    _, strict = disturbed_boxes(box, 200, (0.3,), 0.8, random)
    assert (strict > 0.8).all()
    _, never = disturbed_boxes(box, 4, (0.3,), 1.0, random)
    assert (never > 0.9).all()  # the last of a hundred tries, hardly disturbed any more
