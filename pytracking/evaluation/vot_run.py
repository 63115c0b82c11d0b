"""The supervised experiment itself: a tracker is driven over a sequence and started again after
each failure; and its results as the toolkits keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ltr.data.layouts.vot import read_regions
from ltr.errors import DataError, ResultError
from ltr.files import make_folder, write_text
from ltr.images import Frame
from pytracking.evaluation.vot import FAILURE, INITIALIZATION, RESTART_AFTER, UNKNOWN
from pytracking.evaluation.vot_overlap import Region, Toolkit, rasterized_overlaps

Initialize = Callable[[Frame, Region], object]
"""Gives a tracker the target of a frame, as it is annotated."""
Track = Callable[[Frame], Sequence[float]]
"""Finds it in the next one: a box x, y, w, h."""


def run_supervised(
    frames: Iterable[Frame],
    annotation: Sequence[Region],
    initialize: Initialize,
    track: Track,
    toolkit: Toolkit = "votchallenge",
) -> list[Region]:
    """A box (4,) or a code (1,) for each frame. The tracker has failed where its box and the
    annotation have no pixel in common; it is given the target again RESTART_AFTER frames later, or
    as soon after as that is annotated. Raises DataError where there are more or fewer frames than
    regions."""
    rows: list[Region] = []
    restart = 0
    tracking = False
    for number, frame in enumerate(frames):
        if number == len(annotation):
            raise DataError(f"there are more frames than the {number} that are annotated")
        truth = annotation[number]
        if tracking:
            box = np.asarray(track(frame), dtype=float)
            frame_wh = frame.shape[1], frame.shape[0]
            (overlap,) = rasterized_overlaps([box], [truth], frame_wh, toolkit)
            tracking = not overlap <= 0  # NaN, where the annotation is unknown, is no failure
            restart = number + RESTART_AFTER
            rows.append(box if tracking else np.array([float(FAILURE)]))
        elif number >= restart and len(truth) > 1:
            initialize(frame, truth)
            tracking = True
            rows.append(np.array([float(INITIALIZATION)]))
        else:
            rows.append(np.array([float(UNKNOWN)]))
    if len(rows) < len(annotation):
        raise DataError(f"there are {len(rows)} frames, but {len(annotation)} are annotated")
    return rows


def result_path(folder: Path, tracker: str, sequence: str, repetition: int = 1) -> Path:
    """Where both toolkits look for a result of the supervised experiment, below the folder of a
    workspace."""
    name = f"{sequence}_{repetition:03d}.txt"
    return folder / "results" / tracker / "baseline" / sequence / name


def write_result(path: Path, result: Sequence[Region]) -> None:
    """A line a frame: a code, or numbers with four decimals. Makes the folders. Raises
    ResultError."""
    make_folder(path.parent)
    write_text(path, "".join(f"{_line(region)}\n" for region in result), "result")


def read_result(path: Path, frames: int) -> list[Region]:
    """The result of a sequence of `frames` frames. Raises ResultError with the line that is
    wrong."""
    try:
        result = list(read_regions(path))
    except DataError as error:
        raise ResultError(str(error)) from None
    for number, region in enumerate(result, 1):
        if len(region) == 1 and region[0] not in (UNKNOWN, INITIALIZATION, FAILURE):
            raise ResultError(
                f"{path}, line {number}: {region[0]:g} is no code: 0 unknown, 1 initialization, 2 "
                "failure"
            )
    if len(result) != frames:
        raise ResultError(f"{path} has {len(result)} lines, but the sequence {frames} frames")
    if result and not (len(result[0]) == 1 and result[0][0] == INITIALIZATION):
        raise ResultError(f"{path}, line 1: a supervised run begins with the code 1")
    return result


def _line(region: Region) -> str:
    return f"{region[0]:g}" if len(region) == 1 else ",".join(f"{v:.4f}" for v in region)
