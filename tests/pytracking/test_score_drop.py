"""Where scores fall and stay low, and what is no such fall."""

from __future__ import annotations

import random

import pytest

from pytracking.evaluation.score_drop import EARLY, WINDOW, lasting_drop


@pytest.mark.parametrize("at", [EARLY, 60, 90])
def test_the_frame_of_the_fall(at: int) -> None:
    rng = random.Random(at)
    scores = [0.9 + rng.uniform(-0.2, 0.2) for _ in range(at)]
    scores += [0.2 + rng.uniform(-0.2, 0.2) for _ in range(100 - at)]
    drop = lasting_drop(scores)
    assert drop is not None
    assert drop.begin == at
    assert drop.before == pytest.approx(0.9, abs=0.1)
    assert drop.after == pytest.approx(0.2, abs=0.1)


def test_what_recovers_is_no_fall() -> None:
    assert lasting_drop([0.9] * 50 + [0.1] * 30 + [0.8] * 30) is None


def test_of_two_falls_the_one_that_lasts() -> None:
    drop = lasting_drop([0.9] * 40 + [0.1] * 20 + [0.8] * 20 + [0.1] * 20)
    assert drop is not None
    assert drop.begin == 80


def test_single_frames_decide_nothing() -> None:
    scores = [0.9] * 40 + [0.1] * 40
    scores[60] = 0.9
    scores[20] = 0.0
    drop = lasting_drop(scores)
    assert drop is not None
    assert drop.begin == 40


def test_steady_and_sinking_scores() -> None:
    assert lasting_drop([0.4] * 100) is None, "low from the beginning is how this network answers"
    assert lasting_drop([0.9] * 40 + [0.5] * 60) is None, "not below half"
    assert lasting_drop([0.9] * 40 + [0.44] * 60) is not None


def test_too_short_to_tell() -> None:
    assert lasting_drop([]) is None
    assert lasting_drop([0.9] * 8 + [0.1] * 9) is None
    assert lasting_drop([0.9] * 40 + [0.1] * (WINDOW - 1)) is None
    assert lasting_drop([0.9] * 40 + [0.1] * WINDOW) is not None
    assert lasting_drop([-0.1] * 60) is None
