"""Boxes files: what is read, and what is refused with which line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ltr.box_files import read_boxes
from ltr.errors import DataError


def written(folder: Path, text: str) -> Path:
    (folder / "a.txt").write_text(text)
    return folder / "a.txt"


def test_separators_and_absent_targets(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2,3,4\n1.5\t2 3, 4\nnan,nan,nan,nan\n\n")
    expected = [(1, 2, 3, 4), (1.5, 2, 3, 4), (np.nan,) * 4]
    np.testing.assert_array_equal(read_boxes(path), expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3,4\n1,2,3\n", "PATH, line 2: '1,2,3' is not a box x,y,w,h"),
        ("1,2,3,4\n\n1,2,3,4\n", "PATH, line 2: '' is not a box x,y,w,h"),
        ("", "PATH has no box in its first line: a sequence begins with its target in view"),
        ("nan,nan,nan,nan\n1,2,3,4\n", "PATH has no box in its first line: a sequence begins with its target in view"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError) as error:
        read_boxes(path)
    assert str(error.value) == said.replace("PATH", str(path))
