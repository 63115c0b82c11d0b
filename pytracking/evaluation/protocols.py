"""The conventions by which benchmarks score a result, as values; numpy only.

`PROTOCOLS` is the table: what is not named there is as in `otb`, whose conventions are the defaults
of `Protocol`. `scoring` carries them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytracking.evaluation import metrics
from pytracking.evaluation.metrics import Array

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Truth:
    """What is annotated of a sequence of N frames."""

    boxes_xywh: Array
    """(N, 4) as in the file, NaN and empty boxes included."""
    absent: Flags | None = None
    """(N,): the target is occluded or out of view."""
    cover: NDArray[np.int_] | None = None
    """(N,): visible part of the target, 0 to 8 eighths (GOT-10k)."""
    frame_wh: tuple[float, float] | None = None
    """Width and height of the frames in pixels."""


class Reading(NamedTuple):
    """A score, and what it is read off: a mean curve, or a mean over sequences or frames."""

    name: str
    of: Literal["success", "precision", "norm_precision", "average_overlap", "coverage"]
    at: float | Literal["mean", "area"] = "mean"
    """The value of a curve at this threshold, the mean of its values, or its area by trapezoids
    with the thresholds evenly in [0, 1]."""


AUC = Reading("AUC", "success")
AO = Reading("AO", "average_overlap")
SR50 = Reading("SR50", "success", 0.5)
SR75 = Reading("SR75", "success", 0.75)
P = Reading("P", "precision", 20)
NP = Reading("NP", "norm_precision", 0.2)


ErrorRule = Literal["hit", "missed", "computed"]


class Invalid(NamedTuple):
    """What invalid frames are: hits or misses whatever the result says, or compared like others."""

    overlap: Literal["missed", "computed"]
    error: ErrorRule
    norm_error: ErrorRule


COMPUTED = Invalid("computed", "computed", "computed")


@dataclass(frozen=True)
class Protocol:
    """Every convention of one toolkit. The defaults are those of OTB's MATLAB program (Wu et al.
    2013). A frame is invalid where its annotated box has a number that is not above 0, x and y
    included, or NaN."""

    name: str

    # what is done to a result before it is compared
    refuses_bad: bool = False
    """NaN or a negative size in a result is an error."""
    no_result: Literal["refused", "zeros"] = "refused"
    longer: Literal["refused", "cut"] = "refused"
    cut_sequences: tuple[str, ...] = ()
    """Sequences whose longer results are cut nevertheless."""
    shorter: Literal["refused", "cut", "nan", "zeros"] = "refused"
    """Cut: the annotation too. NaN and zeros: boxes for the frames that are not there."""
    rounded: bool = False
    """Result and annotation to whole pixels, halves to even."""
    previous_for: Literal["nothing", "all_nan_or_empty", "any_nan_or_empty", "zero_size"] = (
        "all_nan_or_empty"
    )
    """Which boxes after the first are replaced by the one before, unless the annotation has NaN;
    empty: w or h not above 0. Boxes that are replaced hand on what replaced them."""
    first: Literal["truth", "predicted", "left_out"] = "truth"
    clipped: bool = False
    """Result and annotation to the image."""

    # which frames are compared, and how
    nan_truth: Literal["kept", "left_out", "refused"] = "kept"
    absent: Literal["kept", "left_out", "invalid", "missed"] = "kept"
    """Frames whose absent flag is set. Missed: invalid, and a miss by every measure."""
    covered_only: bool = False
    """Only frames with a cover above 0 are compared."""
    overlap: Callable[[Array, Array], Array] = metrics.pixel_overlap
    norm_error: Callable[[Array, Array], Array] = metrics.normalised_centre_errors
    invalid: Invalid = Invalid("missed", "hit", "hit")
    errors_valid_by: Literal["box", "centre"] = "box"
    """Centre: for the errors a frame is invalid where a coordinate of the annotated centre is not
    above 0, whatever the box."""

    # curves and scores
    success_thresholds: tuple[float, ...] = metrics.MATLAB_GRID
    success_at_threshold: bool = False
    """An overlap that equals a threshold counts."""
    precision_thresholds: tuple[float, ...] = metrics.PIXELS
    norm_precision_thresholds: tuple[float, ...] = metrics.SIZES
    denominator: Literal["compared", "annotated", "valid"] = "compared"
    """The frames that are 100 %. Invalid frames that are hits may exceed those that are valid."""
    average_overlap_over: Literal["denominator", "valid"] = "denominator"
    average: Literal["sequences", "frames"] = "sequences"
    zero_curves: Literal["dropped", "counted"] = "dropped"
    """Sequences without any hit."""
    readings: tuple[Reading, ...] = (AUC, SR50, SR75, P)
    """The scores, as shares of 1; the first is the one that trackers are ranked by."""


_OTB = Protocol("otb")
_LASOT = Protocol(
    "lasot",
    longer="cut",
    previous_for="any_nan_or_empty",
    absent="left_out",
    denominator="annotated",
    readings=(AUC, SR50, SR75, P, NP),
)
_TRACKINGNET = Protocol(
    "trackingnet",
    no_result="zeros",
    longer="cut",
    shorter="nan",
    rounded=True,
    previous_for="nothing",
    norm_error=metrics.subtracted_centre_errors,
    invalid=COMPUTED,
    success_thresholds=metrics.GRID,
    success_at_threshold=True,
    precision_thresholds=tuple(np.linspace(0, 50, 21).tolist()),
    norm_precision_thresholds=tuple(np.linspace(0, 0.5, 21).tolist()),
    zero_curves="counted",
    readings=(
        Reading("AUC", "success", "area"),
        Reading("P", "precision", "area"),
        Reading("NP", "norm_precision", "area"),
        Reading("coverage", "coverage"),
    ),
)
_GOT10K = Protocol(
    "got10k",
    previous_for="nothing",
    first="left_out",
    clipped=True,
    covered_only=True,
    overlap=metrics.bounded_overlap,
    invalid=COMPUTED,
    success_thresholds=metrics.FINE_GRID,
    average="frames",
    zero_curves="counted",
    readings=(AO, SR50, SR75),
)
_GOT10K_OTB = Protocol(
    "got10k_otb",
    longer="cut",
    shorter="cut",
    previous_for="nothing",
    overlap=metrics.bounded_overlap,
    norm_error=metrics.subtracted_centre_errors_from_a_pixel,
    invalid=COMPUTED,
    success_thresholds=metrics.GRID,
    norm_precision_thresholds=tuple(np.linspace(0, 0.5, 51).tolist()),
    zero_curves="counted",
    readings=(AUC, SR50, P),
)
_PYSOT = Protocol(
    "pysot",
    previous_for="nothing",
    first="predicted",
    overlap=metrics.bounded_overlap,
    errors_valid_by="centre",
    success_thresholds=metrics.GRID,
    zero_curves="counted",
    readings=(AUC, P, NP),
)
_PYTRACKING = Protocol(
    "pytracking",
    refuses_bad=True,
    longer="cut",
    shorter="zeros",
    previous_for="zero_size",
    nan_truth="refused",
    absent="invalid",
    invalid=Invalid("missed", "missed", "hit"),
    success_thresholds=metrics.TORCH_GRID,
    average_overlap_over="valid",
    zero_curves="counted",
    readings=(AUC, SR50, SR75, P, NP, AO),
)
_PYTRACKING_UAV = replace(
    _PYTRACKING, name="pytracking_uav", nan_truth="kept", invalid=Invalid("missed", "hit", "hit")
)
_PYTRACKING_LASOT = replace(
    _PYTRACKING, name="pytracking_lasot", shorter="refused", absent="missed"
)
_GOT10K_UAV123 = replace(_GOT10K_OTB, name="got10k_uav123", nan_truth="left_out")
_ALL = [
    _OTB,
    replace(_OTB, name="uav"),
    _LASOT,
    _TRACKINGNET,
    _GOT10K,
    _GOT10K_OTB,
    _GOT10K_UAV123,
    replace(
        _GOT10K_UAV123,
        name="got10k_lasot",
        readings=(AUC, SR50, P, Reading("NP", "norm_precision", "mean")),
    ),
    _PYSOT,
    replace(
        _PYSOT,
        name="pysot_lasot",
        cut_sequences=("monkey-17",),
        absent="left_out",
        denominator="annotated",
    ),
    _PYTRACKING,
    _PYTRACKING_UAV,
    _PYTRACKING_LASOT,
    replace(_PYTRACKING, name="pytracking_valid", denominator="valid"),
    replace(_PYTRACKING_UAV, name="pytracking_uav_valid", denominator="valid"),
    replace(_PYTRACKING_LASOT, name="pytracking_lasot_valid", denominator="valid"),
    Protocol(
        "one_pass",
        previous_for="nothing",
        first="predicted",
        nan_truth="left_out",
        overlap=metrics.overlap,
        invalid=COMPUTED,
        success_thresholds=metrics.GRID,
        zero_curves="counted",
        readings=(AUC, SR50, P, NP),
    ),
]
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}


def first_box(true_boxes_xywh: Array) -> tuple[float, float, float, float]:
    """The box that a tracker is given: that of the first frame, each number rounded to whole
    pixels, halves to even."""
    x, y, w, h = (float(v) for v in np.round(true_boxes_xywh[0]))
    return x, y, w, h
