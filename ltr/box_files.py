"""Boxes in: a text file with a line a frame."""

from __future__ import annotations

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
    lines = _lines(path)
    if not lines and begins_in_view:
        raise _not_in_view(path)
    boxes = _numbers(path, lines, 4, "box x,y,w,h")
    absent = np.isnan(boxes).all(axis=1)
    if (torn := np.isnan(boxes).any(axis=1) & ~absent).any():
        at = int(torn.argmax())
        raise DataError(f"{_shown(path, lines, at)} holds a number that no box in a frame has")
    if (turned := (boxes[:, 2:] < 0).any(axis=1)).any():
        raise DataError(
            f"{_shown(path, lines, int(turned.argmax()))} has a negative size: write "
            "nan,nan,nan,nan where the target is absent"
        )
    if begins_in_view and np.isnan(boxes[0]).all():
        raise _not_in_view(path)
    if begins_in_view and not boxes[0, 2:].min() > 0:
        raise DataError(
            f"{_shown(path, lines, 0)} has no area: a sequence begins with its target in view"
        )
    return boxes


def read_rows(path: Path, columns: int = 4, what: str = "box x,y,w,h") -> NDArray[np.float64]:
    """(N, columns) the numbers of a text file as they are written, also what no box can be: nan,
    zero and negative sizes. What is published is read so, for each protocol has a rule for it.

    Lines end with the last one that is not empty; numbers are separated by commas, tabs or blanks.
    Raises DataError with the line that is no `what`."""
    return _numbers(path, _lines(path), columns, what)


def parse_rows(
    text: str, path: Path, columns: int, what: str, farthest: float = FARTHEST
) -> NDArray[np.float64]:
    """The same of the text of the file `path`, which may lie in an archive; no number is larger
    than `farthest`. Raises DataError."""
    return _numbers(path, text.rstrip().splitlines(), columns, what, farthest)


def _lines(path: Path) -> list[str]:
    try:
        return read_regular(path).decode("utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read boxes {path}: {why}") from None


def _numbers(
    path: Path, lines: list[str], columns: int, what: str, farthest: float = FARTHEST
) -> NDArray[np.float64]:
    if not lines:
        raise DataError(f"{path} is empty: there must be a {what} in each line")
    rows = [line.replace(",", " ") for line in lines]
    # all at once, for a data set has a million lines; what is wrong is looked for where it is
    try:
        if not rows[0].strip():
            raise ValueError
        table = np.loadtxt(rows, comments=None, ndmin=2)
        if table.shape != (len(rows), columns):  # it leaves out lines without a number
            raise ValueError
    except ValueError:
        at = next(k for k, row in enumerate(rows) if not _is_row(row.split(), columns))
        raise DataError(f"{_shown(path, lines, at)} is not a {what}") from None
    if (far := (np.abs(table) > farthest).any(axis=1)).any():
        at = int(far.argmax())
        raise DataError(f"{_shown(path, lines, at)} holds a number that no box in a frame has")
    return table


def _is_row(row: list[str], columns: int) -> bool:
    try:
        return len([parse_number(part) for part in row]) == columns
    except ValueError:
        return False


def _shown(path: Path, lines: list[str], at: int) -> str:
    return f"{path}, line {at + 1}: {lines[at].strip()[:60]!r}"


def _not_in_view(path: Path) -> DataError:
    return DataError(
        f"{path} has no box in its first line: a sequence begins with its target in view"
    )
