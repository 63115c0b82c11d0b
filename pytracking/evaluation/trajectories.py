"""What was tracked through one sequence, as it lies in a file of ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ltr.errors import ResultError
from ltr.files import write_text
from ltr.paths import read_regular
from pytracking.evaluation.metrics import Array
from pytracking.tracker.prediction import STATUSES, Box, Prediction


class Trajectory(NamedTuple):
    """One target through a sequence of N frames."""

    boxes_xywh: Array
    """(N, 4) frame pixels; the first is the box that was given."""
    scores: Array
    """(N,) of the predictions; nan in the first frame."""
    statuses: tuple[str, ...]
    """N of them; `init` in the first frame."""
    seconds: Array
    """(N,) what each frame took; of frames that were tracked together, an equal share."""

    @classmethod
    def of(
        cls, given: Box, predictions: Sequence[Prediction], seconds: Sequence[float]
    ) -> Trajectory:
        """The box that was given and the predictions of the frames after it."""
        return cls(
            np.array([given, *(p.box for p in predictions)]),
            np.array([np.nan, *(p.score for p in predictions)]),
            ("init", *(p.status for p in predictions)),
            np.array(seconds),
        )


def write_trajectory(path: Path, trajectory: Trajectory) -> None:
    """A line `x,y,w,h,score,status,seconds` a frame, the score nan and the status init in the
    first; the file is there when it is whole. Raises ResultError."""
    lines = [
        f"{x:.4f},{y:.4f},{w:.4f},{h:.4f},{score:.6f},{status},{seconds:.6f}\n"
        for (x, y, w, h), score, status, seconds in zip(*trajectory, strict=True)
    ]
    write_text(path, "".join(lines), "boxes")


def read_trajectory(path: Path) -> Trajectory:
    """What `write_trajectory` wrote. Raises ResultError with the line that is wrong."""
    try:
        text = read_regular(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ResultError(f"cannot read results {path}: {why}") from None
    return parse_trajectory(text, path)


def parse_trajectory(text: str, path: Path) -> Trajectory:
    """The same of the text of the file `path`, which may lie in an archive. Raises ResultError."""
    lines = text.splitlines()
    rows, statuses = [], []
    for number, line in enumerate(lines, 1):
        try:
            *box, score, status, seconds = line.split(",")
            rows.append([*map(float, box), float(score), float(seconds)])
            statuses.append(status)
            good = len(box) == 4 and all(map(math.isfinite, rows[-1][:4]))
            good = good and status in (STATUSES if number > 1 else ("init",))
        except ValueError:
            good = False
        if not good:
            raise ResultError(
                f"{path}, line {number}: {line.strip()[:60]!r} is not x,y,w,h,score,status,seconds"
            )
    if not rows:
        raise ResultError(f"results {path} are empty: remove the file, and track again")
    table = np.array(rows)
    return Trajectory(table[:, :4], table[:, 4], tuple(statuses), table[:, 5])
