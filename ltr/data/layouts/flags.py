"""What data sets say of each frame beside its box: small whole numbers in text files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.data.names import read_lines
from ltr.errors import DataError


def read_flags(path: Path, count: int, highest: int) -> NDArray[np.int64]:
    """(count,) the whole numbers 0 to `highest` in a file, between commas or in lines of their own.
    Raises DataError."""
    lines = [line.split(",") for line in read_lines(path)]
    known = {str(value): value for value in range(highest + 1)}
    try:
        flags = [known[word.strip()] for words in lines for word in words]
    except KeyError as error:
        word = error.args[0]
        at = next(k for k, words in enumerate(lines, 1) if word in (w.strip() for w in words))
        raise DataError(
            f"{path}, line {at}: {word[:60]!r} is not a number from 0 to {highest}"
        ) from None
    if len(flags) != count:
        raise DataError(
            f"{path} speaks of {len(flags)} frames, the boxes beside it of {count}: fetch both "
            "again"
        )
    return np.array(flags)
