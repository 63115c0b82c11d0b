"""Boxes in: a text file with a line a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.errors import DataError


def read_boxes(path: Path) -> NDArray[np.float64]:
    """(N, 4) boxes x,y,w,h of a text file, one line a frame, separated by commas, tabs or blanks;
    nan where absent.

    The first must be there. Raises DataError with the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read boxes {path}: {error}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = [float(part) for part in line.replace(",", " ").split()]
        except ValueError:
            row = []
        if len(row) != 4:
            raise DataError(f"{path}, line {number}: {line.strip()[:60]!r} is not a box x,y,w,h")
        rows.append(row)
    if not rows or np.isnan(rows[0]).any():
        raise DataError(
            f"{path} has no box in its first line: a sequence begins with its target in view"
        )
    return np.array(rows)
