"""VOT's overlaps and scores, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytracking.evaluation.vot import (
    FAILURE,
    INITIALIZATION,
    PREDICTION,
    UNKNOWN,
    SupervisedRun,
    expected_overlaps,
    supervised_run,
    supervised_scores,
)
from pytracking.evaluation.vot_overlap import Toolkit, rasterized_overlaps

BOTH: list[Toolkit] = ["pysot", "votchallenge"]
nan = math.nan


def overlap(
    a: tuple[float, ...], b: tuple[float, ...], toolkit: Toolkit, wh: tuple[int, int] = (100, 80)
) -> float:
    return float(rasterized_overlaps([np.array(a)], [np.array(b)], wh, toolkit)[0])


def polygon(rows: str) -> tuple[float, ...]:
    """Corners as numbers; two of them make a line."""
    numbers = [float(v) for v in rows.replace(",", " ").split()]
    return tuple(numbers + numbers[2:] if len(numbers) == 4 else numbers)


def test_a_rectangle_covers_a_row_and_a_column_more_for_pysot() -> None:
    pixels = {"votchallenge": 4 * 5, "pysot": 5 * 6}
    whole = (0.0, 0, 99, 0, 99, 79, 0, 79)
    for toolkit, count in pixels.items():
        assert overlap((2, 3, 4, 5), whole, toolkit) == count / 8000


@pytest.mark.parametrize("toolkit", BOTH)
def test_vertices_are_rounded_halves_to_even(toolkit: Toolkit) -> None:
    exact = polygon("2,2 8,2 8,6 2,6")
    assert overlap(polygon("2.5,1.5 7.5,2.49 8.4,6.5 1.51,5.6"), exact, toolkit) == 1
    assert overlap(polygon("2.51,2 8,2 8,6 2.51,6"), exact, toolkit) == 6 / 7


@pytest.mark.parametrize("toolkit", BOTH)
def test_crossings_are_truncated_and_both_ends_of_a_row_count(toolkit: Toolkit) -> None:
    # rows 0..3 of the triangle: 10..10, 8..12 (crossings at 8.67 and 12.33), 7..14, 6..17
    triangle = polygon("10,0 17,3 6,3")
    assert overlap(triangle, (0.0, 0, 99, 0, 99, 79, 0, 79), toolkit) == (1 + 5 + 8 + 12) / 8000


@pytest.mark.parametrize("toolkit", BOTH)
def test_a_polygon_that_is_not_convex(toolkit: Toolkit) -> None:
    # a U of arms 2..4 and 8..10 in rows 0..6, joined in rows 7..9; row 0, where two edges lie, is taken for
    # 2..8 and 10, as the toolkit does
    u_shape = polygon("2,0 4,0 4,6 8,6 8,0 10,0 10,9 2,9")
    bar = polygon("3,2 9,2 9,3 3,3")
    u_pixels = 8 + 6 * (3 + 3) + 3 * 9
    assert overlap(u_shape, bar, toolkit) == 2 * 4 / (u_pixels + 2 * 7 - 2 * 4)
    # arms that come together: 0..trunc(1.25 y) and trunc(10 - 1.25 y)..10 in rows 1..3, then whole rows; so is
    # row 0, where two peaks lie
    valley = polygon("0,0 5,4 10,0 10,9 0,9")
    pixels = 11 + (2 + 3) + (3 + 4) + (4 + 5) + 6 * 11
    assert overlap(valley, polygon("0,0 10,0"), "pysot") == 11 / pixels
    assert overlap(valley, polygon("0,3 10,3"), "pysot") == 9 / (pixels + 11 - 9)
    # edges that cross: pixel (2, 4) belongs to both halves of its row and counts once. Rows 0 and 8 are whole;
    # rows 1 and 7 meet edges at 0, 0, 4, 5 and lose the last, as they do in the toolkit
    bow_tie = polygon("0,0 5,8 5,0 0,8")
    pixels = 6 + 5 + 5 + 5 + 6 + 5 + 5 + 5 + 6
    assert overlap(bow_tie, polygon("0,4 5,4"), "pysot") == 6 / pixels
    assert overlap(bow_tie, polygon("2,4 2,4"), "pysot") == 1 / pixels


def test_what_has_no_pixel_in_the_frame() -> None:
    left, below, inside = (-30.0, 5, 10, 10), (5.0, 200, 10, 10), (5.0, 5, 10, 10)
    assert overlap(left, below, "pysot") == 1
    assert overlap(left, below, "votchallenge") == 0
    for toolkit in BOTH:
        assert overlap(left, inside, toolkit) == 0
        assert overlap(inside, (5, 5, 200, 10), toolkit) == overlap(inside, (5, 5, 95, 10), toolkit)
    assert overlap((5, 5, 0.4, 9), (5, 5, 0, 9), "votchallenge") == 1  # both round to nothing
    assert overlap((5, 5, 0.4, 9), (40, 5, 0, 9), "votchallenge") == 0
    assert overlap((5, 5, 0.4, 9), inside, "votchallenge") == 0
    assert overlap((5, 5, 0, 9), inside, "pysot") == 10 / 121


def test_a_range_of_one_pixel_counts_as_empty_for_votchallenge() -> None:
    upper, lower = (5.0, 5, 1, 3), (5.0, 10, 1, 3)
    assert overlap(upper, lower, "votchallenge") == 1
    assert overlap(upper, lower, "pysot") == 0
    assert overlap((5, 5, 2, 3), (5, 10, 2, 3), "votchallenge") == 0
    assert (
        overlap((-3, 5, 4, 3), (-2, 6, 3, 3), "votchallenge") == 0
    )  # one column of it in the frame
    assert overlap((-3, 5, 4, 3), (-2, 6, 3, 3), "pysot") > 0


def test_codes_and_unknown_annotations_have_no_overlap() -> None:
    box, code, unknown = np.array([1.0, 2, 3, 4]), np.array([0.0]), np.full(8, nan)
    overlaps = rasterized_overlaps(
        [box, code, box, box], [box, box, code, unknown], (50, 50), "pysot"
    )
    np.testing.assert_array_equal(overlaps, [1, nan, nan, nan])
    with pytest.raises(ValueError):
        rasterized_overlaps([box], [box, box], (50, 50), "pysot")


def test_regions_of_several_lengths_in_one_sequence() -> None:
    square, triangle = polygon("2,2 6,2 6,6 2,6"), polygon("10,0 17,3 6,3")
    together = rasterized_overlaps(
        [np.array(square), np.array(triangle)], [np.array((2.0, 2, 4, 4))] * 2, (100, 80), "pysot"
    )
    assert together[0] == 1
    assert together[1] == overlap(triangle, (2, 2, 4, 4), "pysot")


def run(text: str) -> SupervisedRun:
    """A run as text: i an initialization, f a failure, - unknown, a digit the overlap in tenths."""
    codes = {"i": INITIALIZATION, "f": FAILURE, "-": UNKNOWN}
    return SupervisedRun(
        np.array([codes.get(c, PREDICTION) for c in text]),
        np.array([int(c) / 10 if c.isdigit() else nan for c in text]),
    )


def test_expected_overlaps_of_failed_and_surviving_stretches() -> None:
    # 8 2 f: .8, .5, then with zeros 1/n; 6: .6 at 1 and then unknown
    curve = expected_overlaps([[run("i82f----i6")]])
    np.testing.assert_allclose(curve, [nan, (0.8 + 0.6) / 2, 1.0 / 2])
    curve = expected_overlaps([[run("i82f----i6664")]])
    np.testing.assert_allclose(
        curve, [nan, 0.7, (0.5 + 0.6) / 2, (1 / 3 + 0.6) / 2, (1 / 4 + 2.2 / 4) / 2]
    )
    # two repetitions weigh as one
    curve = expected_overlaps([[run("i9"), run("i5")], [run("i1")]])
    np.testing.assert_allclose(curve, [nan, (0.5 * 0.9 + 0.5 * 0.5 + 0.1) / 2])


def test_accuracy_leaves_out_ten_frames_from_an_initialization_on() -> None:
    scored = run("i" + "9" * 9 + "55f----i" + "8" * 9 + "3")
    settled = scored.settled_overlaps
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(settled)), [10, 11, len(settled) - 1])
    assert scored.failures == 1


def test_scores_weigh_sequences_or_pool_frames() -> None:
    first, second = run("i" + "9" * 9 + "8" * 10), run("i" + "9" * 9 + "2" * 4 + "f----i")
    lengths = (20, 20)
    pysot = supervised_scores([[first], [second]], (2, 3), "pysot")
    assert pysot.accuracy == pytest.approx((10 * 0.8 + 4 * 0.2) / 14)
    assert (pysot.failures, pysot.robustness) == (1, 100 * 1 / sum(lengths))
    votchallenge = supervised_scores([[first], [second]], (2, 3), "votchallenge")
    assert votchallenge.accuracy == pytest.approx((20 * 0.8 + 20 * 0.2) / 40)
    assert votchallenge.failures == 0.5
    assert votchallenge.robustness == pytest.approx(math.exp(-30 * 0.5 / 20))
    # from 2 to 3 frames, with the initialization for pysot: 1 and 2 after it
    short = [[run("i4f")], [run("i862")]]
    assert supervised_scores(short, (2, 3), "pysot").eao == pytest.approx(
        (0.6 + (0.2 + 0.7) / 2) / 2
    )
    assert supervised_scores(short, (2, 3), "votchallenge").eao == pytest.approx(
        ((0.2 + 0.7) / 2 + (0.4 / 3 + 1.6 / 3) / 2) / 2
    )


def test_a_run_from_rows_of_a_file() -> None:
    box = np.array([10.0, 10, 20, 20])
    rows = [np.array([float(c)]) if isinstance(c, int) else c for c in (1, box, box + 5, 2, 0)]
    scored = supervised_run(rows, [box] * 5, (100, 100), "votchallenge")
    np.testing.assert_array_equal(
        scored.codes, [INITIALIZATION, PREDICTION, PREDICTION, FAILURE, UNKNOWN]
    )
    np.testing.assert_allclose(scored.overlaps, [nan, 1, 225 / (400 + 625 - 225), nan, nan])
