"""Boxes in: a text file with a line a frame."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.errors import DataError
from ltr.geometry import parse_number
from ltr.paths import read_regular

FARTHEST = 1e6
"""Pixels: no number of a true box is larger, for no frame is."""


def read_boxes(path: Path, begins_in_view: bool = True) -> NDArray[np.float64]:
    """(N, 4) boxes x,y,w,h of a text file, one line a frame, separated by commas, tabs or blanks;
    nan where absent. Sizes may be zero, places negative.

    The first must be there, and have a size, where the target `begins_in_view`: to be tracked it
    has to, to be learned from not. Raises DataError with the line that is wrong."""
    try:
        lines = read_regular(path).decode("utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read boxes {path}: {why}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = [parse_number(part) for part in line.replace(",", " ").split()]
        except ValueError:
            row = []
        shown = f"{path}, line {number}: {line.strip()[:60]!r}"
        if len(row) != 4:
            raise DataError(f"{shown} is not a box x,y,w,h")
        absent = all(map(math.isnan, row))
        if not absent and not all(abs(value) <= FARTHEST for value in row):
            raise DataError(f"{shown} holds a number that no box in a frame has")
        if min(row[2:]) < 0:
            raise DataError(
                f"{shown} has a negative size: write nan,nan,nan,nan where the target is absent"
            )
        if begins_in_view and number == 1 and not absent and not min(row[2:]) > 0:
            raise DataError(f"{shown} has no area: a sequence begins with its target in view")
        rows.append(row)
    if not rows or (begins_in_view and np.isnan(rows[0]).any()):
        raise DataError(
            f"{path} has no box in its first line: a sequence begins with its target in view"
        )
    return np.array(rows)
