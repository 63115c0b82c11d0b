"""The older framework's evaluation: per-frame values, curves and scores of ten cases, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reference_tables import table

from pytracking.evaluation import metrics
from pytracking.evaluation.protocols import PROTOCOLS, Protocol, Truth
from pytracking.evaluation.scoring import SequenceScore, score, summary

Golden = Callable[[str], Any]
BOX = [100.0, 100, 40, 30]
BOXES = np.array([BOX] * 5)


def protocol_of(case: dict[str, Any], thresholds: Any) -> Protocol:
    dataset = case["datasets"][0]
    name = "pytracking" + ("" if dataset == "otb" else f"_{dataset}")
    name += "_valid" if case["exclude_invalid_frames"] else ""
    protocol = PROTOCOLS[name]
    if case["plot_bin_gap"] == 0.05:
        assert protocol.success_thresholds == tuple(thresholds)
    return replace(protocol, success_thresholds=tuple(thresholds.tolist()))


def scored(arrays: Any, protocol: Protocol, case: int, sequence: int, run: int) -> SequenceScore:
    start = f"k{case}_s{sequence}"
    visible = arrays[f"{start}_visible"] if f"{start}_visible" in arrays.files else None
    absent = None if visible is None else ~visible.astype(bool)
    result = score(protocol, arrays[f"{start}_t{run}_pred"], Truth(arrays[f"{start}_gt"], absent))
    start += f"_t{run}"
    for key, ours in [
        ("overlap", result.overlap),
        ("center", result.centre_error),
        ("center_norm", result.norm_error),
    ]:
        np.testing.assert_allclose(ours, arrays[f"{start}_{key}"], rtol=0, atol=1e-12)
    assert np.array_equal(result.overlap != -1, arrays[f"{start}_valid"])
    return result


@pytest.mark.parametrize("index", range(10))
def test_a_case(golden: Golden, index: int) -> None:
    arrays = golden("metrics.npz")
    case = table(arrays, "cases_json")[index]
    protocol = protocol_of(case, arrays[f"k{index}_thresholds_overlap"])
    runs = [[0, 1, 2], [3]] if case["merged_runs"] else [[0], [1]]
    kept = np.flatnonzero(arrays[f"k{index}_valid_sequence"])
    for tracker, numbers in enumerate(runs):
        by_sequence = {
            k: [scored(arrays, protocol, index, k, number) for number in numbers] for k in kept
        }
        for k, scores in by_sequence.items():
            mean = summary(protocol, scores)
            for key, curve in [
                ("success", mean.success),
                ("center", mean.precision),
                ("center_norm", mean.norm_precision),
            ]:
                wanted = arrays[f"k{index}_{key}_rates"][k, tracker]
                np.testing.assert_allclose(curve, wanted, rtol=0, atol=1e-6)
            wanted = arrays[f"k{index}_avg_overlap"][k, tracker]
            tolerance = 1e-7 if case["merged_runs"] else 1e-12  # means of runs are float32
            assert mean.scores["AO"] == pytest.approx(wanted, abs=tolerance)
        total = summary(protocol, [s for scores in by_sequence.values() for s in scores])
        for key, curve in [
            ("success", total.success),
            ("precision", total.precision),
            ("norm_precision", total.norm_precision),
        ]:
            wanted = arrays[f"k{index}_{key}_curve"][tracker]
            np.testing.assert_allclose(100 * curve, wanted, rtol=0, atol=2e-5)
        for key, ours in [
            ("auc", "AUC"),
            ("op50", "SR50"),
            ("op75", "SR75"),
            ("precision", "P"),
            ("norm_precision", "NP"),
        ]:
            wanted = arrays[f"k{index}_{key}"][tracker].item()
            assert 100 * total.scores[ours] == pytest.approx(wanted, abs=1e-4), key


def test_pairs(golden: Golden) -> None:
    arrays = golden("metrics.npz")
    boxes, truth = arrays["pair_pred"], arrays["pair_anno"]
    for function, key in [
        (metrics.pixel_overlap, "overlap"),
        (metrics.centre_errors, "center"),
        (metrics.normalised_centre_errors, "center_norm"),
    ]:
        np.testing.assert_allclose(
            function(boxes, truth), arrays[f"pair_{key}"], rtol=0, atol=1e-12
        )


def with_row(row: list[float]) -> Any:
    return np.array([BOX, BOX, row, BOX, BOX])


@pytest.mark.parametrize(
    ("label", "name", "boxes", "truth", "message"),
    [
        (
            "negative width in a prediction",
            "pytracking",
            with_row([100, 100, -5, 30]),
            Truth(BOXES),
            "box 3 is 100,100,-5,30: protocol pytracking refuses NaN and negative sizes",
        ),
        (
            "NaN in a prediction",
            "pytracking",
            with_row([100, np.nan, 40, 30]),
            Truth(BOXES),
            "box 3 is 100,nan,40,30: protocol pytracking refuses NaN and negative sizes",
        ),
        (
            "NaN annotation, not UAV",
            "pytracking",
            BOXES,
            Truth(with_row([np.nan] * 4)),
            "true box 3 is nan,nan,nan,nan: protocol pytracking refuses NaN",
        ),
        ("NaN annotation, UAV", "pytracking_uav", BOXES, Truth(with_row([np.nan] * 4)), None),
        (
            "LaSOT shorter result",
            "pytracking_lasot",
            BOXES[:4],
            Truth(BOXES, np.zeros(5, bool)),
            "4 boxes for 5 annotated frames, which protocol pytracking_lasot refuses",
        ),
        (
            "LaSOT longer result",
            "pytracking_lasot",
            BOXES,
            Truth(BOXES[:4], np.zeros(4, bool)),
            None,
        ),
        (
            "LaSOT without visibility flags",
            "pytracking_lasot",
            BOXES,
            Truth(BOXES),
            "the annotation has no flags of absence, which protocol pytracking_lasot needs",
        ),
        (
            "not-found box (-1,-1,-1,-1) in a prediction",
            "pytracking",
            with_row([-1, -1, -1, -1]),
            Truth(BOXES),
            "box 3 is -1,-1,-1,-1: protocol pytracking refuses NaN and negative sizes",
        ),
    ],
)
def test_what_is_refused(
    golden: Golden, label: str, name: str, boxes: Any, truth: Truth, message: str | None
) -> None:
    outcomes = {
        case["label"]: case["outcome"] for case in table(golden("metrics.npz"), "errors_json")
    }
    if message is None:
        assert outcomes[label] == "no error"
        score(PROTOCOLS[name], boxes, truth)
    else:
        assert outcomes[label].startswith("error")
        with pytest.raises(ValueError) as caught:
            score(PROTOCOLS[name], boxes, truth)
        assert str(caught.value) == message


def test_every_refusal_is_tested(golden: Golden) -> None:
    mark = test_what_is_refused.pytestmark[0]  # type: ignore[attr-defined]
    tested = {row[0] for row in mark.args[1]}
    assert tested == {case["label"] for case in table(golden("metrics.npz"), "errors_json")}
