"""Every protocol against the toolkit it stands for, on small sequences that hold each oddity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytracking.evaluation.protocols import PROTOCOLS, Protocol, Truth
from pytracking.evaluation.scoring import SequenceScore, score, speed, summary

Golden = Callable[[str], Any]
CASES = [
    *("random", "ties", "absent", "nan_gt", "nan_pred", "bad_pred"),
    *("short", "long", "border", "lost", "fractional"),
]
TOOLKITS = {
    "lasot": "lasot_toolkit",
    "otb": "otb_matlab",
    "uav": "otb_matlab",
    "trackingnet": "trackingnet",
    "got10k": "got10k",
    "got10k_otb": "got10k_otb",
    "got10k_uav123": "got10k_uav123",
    "got10k_lasot": "got10k_lasot",
    "pysot": "pysot",
    "pysot_lasot": "pysot_lasot",
}
CURVES = {
    "success": ("success", "success_curve", "succ_curve"),
    "precision": ("precision", "precision_curve"),
    "norm_precision": ("norm_precision", "normalized_precision_curve", "norm_precision_curve"),
}
PER_FRAME = {
    "overlap": ("overlap", "IoU", "iou", "iou_all_frames_after_first"),
    "centre_error": ("center", "distance"),
    "norm_error": ("norm", "ndistance", "norm_center"),
}
SCORES = {
    "AUC": ("success_score",),
    "P": ("precision_score",),
    "NP": ("normalized_precision_score", "norm_precision_score"),
    "SR50": ("success_rate", "sr50"),
    "AO": ("ao",),
}
NAMES = {
    toolkit: ours for table in (CURVES, PER_FRAME) for ours, s in table.items() for toolkit in s
}
TRACKINGNET_SCORES = ("coverage", "AUC", "P", "NP")


def fields(arrays: Any, *prefix: str) -> dict[str, Any]:
    start = "/".join(prefix) + "/"
    return {key.removeprefix(start): arrays[key] for key in arrays.files if key.startswith(start)}


def truth_and_result(arrays: Any, case: str) -> tuple[Truth, Any]:
    given = fields(arrays, "cases", case)
    wh = float(given["resolution"][0]), float(given["resolution"][1])
    return Truth(given["gt"], given["absent"] == 1, given["cover"].astype(int), wh), given["pred"]


def scored(arrays: Any, protocol: Protocol, case: str) -> SequenceScore:
    truth, boxes = truth_and_result(arrays, case)
    return score(protocol, boxes, truth, case)


def same(actual: Any, expected: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance, equal_nan=True)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", TOOLKITS)
def test_a_sequence(golden: Golden, name: str, case: str) -> None:
    arrays, protocol = golden("protocols.npz"), PROTOCOLS[name]
    expected = fields(arrays, TOOLKITS[name], case)
    if "error" in expected:
        boxes, annotated = (len(fields(arrays, "cases", case)[key]) for key in ("pred", "gt"))
        with pytest.raises(ValueError, match=f"^{boxes} boxes for {annotated} annotated frames"):
            scored(arrays, protocol, case)
        return
    result = scored(arrays, protocol, case)
    compared = 0
    for key, wanted in expected.items():
        if key in NAMES:
            if len(wanted) > len(result.overlap) and key in PER_FRAME["overlap"]:
                wanted = wanted[result.frames - 1]  # begins after the first frame
            elif key == "norm_center":  # this one was taken before frames without truth went
                wanted = wanted[result.frames]
            same(getattr(result, NAMES[key]), wanted)
            compared += 1
    assert compared >= 2
    if name == "got10k":
        used = fields(arrays, "got10k", case)["used"]
        assert np.array_equal(result.frames - 1, np.flatnonzero(used))
    if name in ("otb", "uav"):
        valid = result.overlap != -1
        average_error = result.centre_error[valid].sum() / result.denominator
        same([result.average_overlap, average_error], expected["ave"])
    check_scores(summary(protocol, [result]).scores, expected)


def check_scores(scores: dict[str, float], expected: dict[str, Any]) -> None:
    for ours, theirs in SCORES.items():
        for key in theirs:
            if key in expected:
                same(scores[ours], expected[key])
    if "scores" in expected:
        same([100 * scores[key] for key in TRACKINGNET_SCORES], expected["scores"])


@pytest.mark.parametrize("name", [name for name in TOOLKITS if not name.startswith("pysot")])
def test_all_sequences(golden: Golden, name: str) -> None:
    arrays, protocol = golden("protocols.npz"), PROTOCOLS[name]
    expected = fields(arrays, TOOLKITS[name], "all")
    result = summary(protocol, [scored(arrays, protocol, case) for case in expected["cases"]])
    for key, wanted in expected.items():
        if key in NAMES:
            same(getattr(result, NAMES[key]), wanted)
    check_scores(result.scores, expected)


def test_missing_results_of_trackingnet_are_zero_boxes(golden: Golden) -> None:
    arrays, protocol = golden("protocols.npz"), PROTOCOLS["trackingnet"]
    expected = fields(arrays, "trackingnet", "all_two_missing")
    scores = []
    for case in arrays["trackingnet/all/cases"]:
        truth, boxes = truth_and_result(arrays, case)
        scores.append(score(protocol, None if case in expected["missing"] else boxes, truth))
    check_scores(summary(protocol, scores).scores, expected)


def test_speed(golden: Golden) -> None:
    times = [np.full(40, 0.05), np.array([0.1, 0, np.nan])]
    assert speed(PROTOCOLS["got10k"], times[:1]) == pytest.approx(
        golden("protocols.npz")["got10k/random/speed_fps"]
    )
    assert speed(PROTOCOLS["got10k"], times) == pytest.approx((40 * 20 + 10) / 41)
    assert speed(PROTOCOLS["otb"], times) == pytest.approx(15)


def test_the_grid_of_matlab(golden: Golden) -> None:
    grid = golden("protocols.npz")["thresholds/success_matlab"]
    assert list(PROTOCOLS["otb"].success_thresholds) == list(grid)
