"""Results scored by a protocol, numpy only: `score` a sequence, `summary` of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytracking.evaluation.metrics import (
    Array,
    centre_errors,
    centres,
    frames_per_second,
    precision_curve,
    success_curve,
)
from pytracking.evaluation.protocols import PROTOCOLS, ErrorRule, Flags, Protocol, Reading, Truth


@dataclass(frozen=True, eq=False)
class SequenceScore:
    """A result compared with the truth, by one protocol. M frames are compared."""

    name: str
    frames: NDArray[np.intp]
    """(M,) indices of the frames that are compared."""
    overlap: Array
    """(M,): -1 on invalid frames that are missed, NaN where there is no box."""
    centre_error: Array
    """(M,) in pixels: -1 on invalid frames that are hits, inf on those that are missed."""
    norm_error: Array
    """(M,) in sizes of the target; invalid frames as above."""
    success: Array
    """Shares of `denominator`, one a threshold of the protocol."""
    precision: Array
    norm_precision: Array
    average_overlap: float
    coverage: float
    """Share of the annotated frames with a box, the first one by definition of most protocols."""
    annotated: int
    """Number of annotated frames."""
    denominator: int
    """Number of frames that are 100 %."""


@dataclass(frozen=True, eq=False)
class Summary:
    """Scores of one result on several sequences, as shares of 1."""

    protocol: Protocol
    scores: dict[str, float]
    """By name, in the order of the protocol's readings: the first is the one to rank by."""
    success: Array
    """Mean curves, one value a threshold of the protocol."""
    precision: Array
    norm_precision: Array


def score(
    protocol: Protocol, boxes_xywh: Array | None, truth: Truth, name: str = ""
) -> SequenceScore:
    """Compare a result with the truth of the sequence `name`.

    `boxes_xywh` is (M, 4) as read, None where there is no result. Raises ValueError, in one line
    that names neither sequence nor file (the caller adds them, as a ResultError): for another
    number of boxes than the protocol allows, for NaN or negative sizes that it refuses, for a
    missing result, for flags that it needs and the truth lacks."""
    boxes, true_xywh = _usable_boxes(protocol, boxes_xywh, truth.boxes_xywh, name)
    annotated = len(true_xywh)
    with_box = np.count_nonzero(boxes.sum(axis=1) > 0)
    if protocol.clipped:
        if truth.frame_wh is None:
            raise _lacks(protocol, "frame size")
        boxes, true_xywh = clipped(boxes, truth.frame_wh), clipped(true_xywh, truth.frame_wh)
    absent = _absent(protocol, truth, annotated)
    frames = np.flatnonzero(_compared(protocol, truth, true_xywh, absent))
    if len(frames) < annotated:
        boxes, true_xywh, absent = boxes[frames], true_xywh[frames], absent[frames]

    valid = _positive(true_xywh)
    if protocol.absent in ("invalid", "missed"):
        valid &= ~absent
    overlap = protocol.overlap(boxes, true_xywh)
    error = centre_errors(boxes, true_xywh)
    norm_error = protocol.norm_error(boxes, true_xywh)
    if protocol.invalid.overlap == "missed":
        overlap[~valid] = -1
    error_valid = norm_error_valid = valid
    if protocol.errors_valid_by == "centre":
        error_valid = _positive(centres(true_xywh))
        norm_error_valid = _positive(centres(true_xywh) / (true_xywh[:, 2:] + 1e-16))
    _settle(error, ~error_valid, protocol.invalid.error)
    _settle(norm_error, ~norm_error_valid, protocol.invalid.norm_error)
    if protocol.absent == "missed":
        error[absent] = norm_error[absent] = np.inf

    counts = {"annotated": annotated, "compared": len(frames), "valid": int(valid.sum())}
    denominator = counts[protocol.denominator]
    counted = overlap[valid] if protocol.invalid.overlap == "missed" else overlap
    over = denominator if protocol.average_overlap_over == "denominator" else len(counted)
    return SequenceScore(
        name,
        frames,
        overlap,
        error,
        norm_error,
        success_curve(
            overlap, protocol.success_thresholds, denominator, protocol.success_at_threshold
        ),
        precision_curve(error, protocol.precision_thresholds, denominator),
        precision_curve(norm_error, protocol.norm_precision_thresholds, denominator),
        average_overlap=float(counted.sum() / (over or np.nan)),
        coverage=with_box / annotated,
        annotated=annotated,
        denominator=denominator,
    )


def _usable_boxes(
    protocol: Protocol, boxes_xywh: Array | None, true_xywh: Array, name: str
) -> tuple[Array, Array]:
    """Result and annotation, row by row: as many, and with what the protocol puts for boxes that
    are missing or bad."""
    if boxes_xywh is None:
        if protocol.no_result == "refused":
            raise ValueError(f"no result, which protocol {protocol.name} refuses")
        boxes_xywh = np.zeros_like(true_xywh)
    _check_numbers(protocol, boxes_xywh, true_xywh)
    boxes = boxes_xywh[: _usable_rows(protocol, len(boxes_xywh), len(true_xywh), name)]
    if protocol.shorter == "cut":
        true_xywh = true_xywh[: len(boxes)]
    if protocol.rounded:
        boxes, true_xywh = np.round(boxes), np.round(true_xywh)
    boxes = boxes[_sources(protocol, boxes, true_xywh[: len(boxes)])]
    if missing := len(true_xywh) - len(boxes):
        fill = np.nan if protocol.shorter == "nan" else 0.0
        boxes = np.concatenate([boxes, np.full((missing, 4), fill)])
    if protocol.first == "truth":
        boxes[0] = true_xywh[0]
    return boxes, true_xywh


def _check_numbers(protocol: Protocol, boxes: Array, true_xywh: Array) -> None:
    if protocol.refuses_bad:
        bad = _with_nan(boxes) | np.any(boxes[:, 2:] < 0, axis=1)
        if bad.any():
            raise _refused(protocol, "box", boxes, bad, "NaN and negative sizes")
    if protocol.nan_truth == "refused":
        bad = _with_nan(true_xywh)
        if bad.any():
            raise _refused(protocol, "true box", true_xywh, bad, "NaN")


def _with_nan(boxes: Array) -> Flags:
    return np.any(np.isnan(boxes), axis=1)


def _positive(numbers: Array) -> Flags:
    return np.all(numbers > 0, axis=1)


def _refused(protocol: Protocol, what: str, boxes: Array, bad: Flags, which: str) -> ValueError:
    row = int(bad.argmax())
    numbers = ",".join(f"{v:g}" for v in boxes[row])
    return ValueError(f"{what} {row + 1} is {numbers}: protocol {protocol.name} refuses {which}")


def _usable_rows(protocol: Protocol, boxes: int, annotated: int, name: str) -> int:
    """How many boxes of a result are used."""
    too_many = (
        boxes > annotated and protocol.longer == "refused" and name not in protocol.cut_sequences
    )
    too_few = boxes == 0 or (boxes < annotated and protocol.shorter == "refused")
    if too_many or too_few:
        raise ValueError(
            f"{boxes} boxes for {annotated} annotated frames, which protocol {protocol.name} "
            "refuses"
        )
    return min(boxes, annotated)


def _sources(protocol: Protocol, boxes: Array, true_xywh: Array) -> NDArray[np.intp]:
    """(N,): the row whose box each row takes, its own where nothing is wrong with it."""
    rows = np.arange(len(boxes))
    empty: Flags = np.any(boxes[:, 2:] <= 0, axis=1)
    if protocol.previous_for == "any_nan_or_empty":
        wrong = _with_nan(boxes) | empty
    elif protocol.previous_for == "all_nan_or_empty":
        wrong = np.isnan(boxes).all(axis=1) | empty
    elif protocol.previous_for == "zero_size":
        wrong = np.any(boxes[:, 2:] == 0, axis=1)
    else:
        return rows
    wrong &= ~_with_nan(true_xywh)
    return np.maximum.accumulate(np.where(wrong, 0, rows))


def clipped(boxes_xywh: Array, frame_wh: tuple[float, float]) -> Array:
    """Boxes bounded by the image as the GOT-10k toolkit does it: first x and y, then w and h, so a
    box that begins left of the image keeps its width. NaN stays."""
    place = np.clip(boxes_xywh[:, :2], 0, frame_wh)
    return np.concatenate([place, np.clip(boxes_xywh[:, 2:], 0, frame_wh - place)], axis=1)


def _absent(protocol: Protocol, truth: Truth, annotated: int) -> Flags:
    if truth.absent is not None:
        return np.asarray(truth.absent[:annotated], bool)
    if protocol.absent in ("left_out", "missed"):
        raise _lacks(protocol, "flags of absence")
    return np.zeros(annotated, bool)


def _compared(protocol: Protocol, truth: Truth, true_xywh: Array, absent: Flags) -> Flags:
    """(N,): the frames that are compared."""
    compared = np.ones(len(true_xywh), bool)
    if protocol.first == "left_out":
        compared[0] = False
    if protocol.covered_only:
        if truth.cover is None:
            raise _lacks(protocol, "cover")
        compared &= np.asarray(truth.cover[: len(compared)]) > 0
    if protocol.nan_truth == "left_out":
        compared &= ~_with_nan(true_xywh)
    if protocol.absent == "left_out":
        compared &= ~absent
    return compared


def _lacks(protocol: Protocol, what: str) -> ValueError:
    return ValueError(f"the annotation has no {what}, which protocol {protocol.name} needs")


def _settle(errors: Array, invalid: Flags, rule: ErrorRule) -> None:
    if rule != "computed":
        errors[invalid] = -1 if rule == "hit" else np.inf


def summary(protocol: Protocol, scores: Sequence[SequenceScore]) -> Summary:
    """Mean curves and scores over sequences: all, one, or those of an attribute. With several runs
    of each sequence in `scores` it is the mean over runs too. Raises ValueError without any."""
    if not scores:
        raise ValueError("no sequences: a summary needs one or more")
    weights = weights_of(protocol, scores)
    curve_weights = weights, protocol.zero_curves == "dropped"
    success = _mean([s.success for s in scores], *curve_weights)
    precision = _mean([s.precision for s in scores], *curve_weights)
    norm_precision = _mean([s.norm_precision for s in scores], *curve_weights)
    annotated = np.array([s.annotated for s in scores], float)
    means = {
        "success": success,
        "precision": precision,
        "norm_precision": norm_precision,
        "average_overlap": _mean([s.average_overlap for s in scores], weights),
        "coverage": _mean([s.coverage for s in scores], annotated),
    }
    named = {r.name: _read(r, means[r.of], protocol) for r in protocol.readings}
    return Summary(protocol, named, success, precision, norm_precision)


def weights_of(protocol: Protocol, scores: Sequence[SequenceScore]) -> Array:
    """(N,) what each sequence counts in a mean: its frames where the protocol averages over frames,
    else 1."""
    by_frames = protocol.average == "frames"
    return np.array([s.denominator if by_frames else 1 for s in scores], float)


def _mean(values: Sequence[Array | float], weights: Array, drops_zero: bool = False) -> Array:
    """Over the first axis, without rows of no weight; with `drops_zero` without curves that are
    zero everywhere, unless all are."""
    rows = np.array(values)
    used = weights > 0
    if drops_zero:
        above = rows.sum(axis=1) > np.finfo(float).eps
        used = above if above.any() else used
    if not used.any():
        return np.full(rows.shape[1:], np.nan)
    return np.asarray(np.average(rows[used], axis=0, weights=weights[used]))


def _read(reading: Reading, means: Array, protocol: Protocol) -> float:
    if reading.at == "mean":
        return float(means.mean())
    if reading.at == "area":
        return float(((means[1:] + means[:-1]) / 2).mean())
    thresholds = np.asarray(getattr(protocol, f"{reading.of}_thresholds"))
    return float(means[np.abs(thresholds - reading.at).argmin()])


def speed(protocol: Protocol, seconds: Sequence[Array]) -> float:
    """Frames per second from the times of the frames of each sequence, by the GOT-10k toolkit:
    mean of 1 / t over all frames where the protocol averages over frames, else the mean over
    sequences of such means. Sequences without positive times count in neither; NaN without any."""
    if protocol.average == "frames":
        return frames_per_second(np.concatenate([np.zeros(0), *seconds]))
    rates = [rate for rate in map(frames_per_second, seconds) if rate > 0]
    return float(np.mean(rates)) if rates else float("nan")


def one_pass_auc(boxes_xywh: Array, true_boxes_xywh: Array) -> float:
    """Success AUC of protocol `one_pass`: one run from the first box to the last frame, the given
    box counted; frames without the target, NaN in the true boxes (N, 4), are left out."""
    protocol = PROTOCOLS["one_pass"]
    return summary(protocol, [score(protocol, boxes_xywh, Truth(true_boxes_xywh))]).scores["AUC"]
