"""Boxes files: what is read, and what is refused with which line."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from ltr.box_files import read_boxes, read_rows
from ltr.errors import DataError


def written(folder: Path, text: str) -> Path:
    (folder / "a.txt").write_text(text, encoding="utf-8")
    return folder / "a.txt"


def test_separators_absent_targets_and_empty_boxes(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2,3,4\n1.5\t2 3, 4\nnan,nan,nan,nan\n-5,-6,0,0\n\n")
    expected = [(1, 2, 3, 4), (1.5, 2, 3, 4), (np.nan,) * 4, (-5, -6, 0, 0)]
    np.testing.assert_array_equal(read_boxes(path), expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3,4\n1,2,3\n", "PATH, line 2: '1,2,3' is not a box x,y,w,h"),
        ("1,2,3,4\n\n1,2,3,4\n", "PATH, line 2: '' is not a box x,y,w,h"),
        ("", "PATH has no box in its first line: a sequence begins with its target in view"),
        ("nan,nan,nan,nan\n1,2,3,4\n", "PATH has no box in its first line: a sequence begins with its target in view"),
        ("1,2,3,4\n1,inf,3,4\n", "PATH, line 2: '1,inf,3,4' holds a number that no box in a frame has"),
        ("1,2,3,4\n1,2,1e999,4\n", "PATH, line 2: '1,2,1e999,4' holds a number that no box in a frame has"),
        ("1,2,3,4\n-1000001,2,3,4\n", "PATH, line 2: '-1000001,2,3,4' holds a number that no box in a frame has"),
        ("1,2,3,4\n1,2,nan,nan\n", "PATH, line 2: '1,2,nan,nan' holds a number that no box in a frame has"),
        ("1,2,3,4\n1,2,3,-4\n", "PATH, line 2: '1,2,3,-4' has a negative size: write nan,nan,nan,nan where the target is absent"),
        ("1,2,0,4\n1,2,3,4\n", "PATH, line 1: '1,2,0,4' has no area: a sequence begins with its target in view"),
        ("1,2,3,4\n1;2;3;4\n", "PATH, line 2: '1;2;3;4' is not a box x,y,w,h"),
        ("1,2,3,4\n1_0,2,3,4\n", "PATH, line 2: '1_0,2,3,4' is not a box x,y,w,h"),
        ("1,2,3,4\n１,2,3,4\n", "PATH, line 2: '１,2,3,4' is not a box x,y,w,h"),
        ("1,2,3,4\n1,000,2,3,4\n", "PATH, line 2: '1,000,2,3,4' is not a box x,y,w,h"),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError) as error:
        read_boxes(path)
    assert str(error.value) == said.replace("PATH", str(path))


def test_what_is_published_is_read_as_it_is_written(tmp_path: Path) -> None:
    """Also what no box can be, in a file whose separators change; but nothing that is no number."""
    path = written(tmp_path, "613,731,247,-11\n0\t0 0,0\nNaN,NaN,NaN,NaN\n 1.00,2,nan,4\n\n")
    expected = [(613, 731, 247, -11), (0,) * 4, (np.nan,) * 4, (1, 2, np.nan, 4)]
    np.testing.assert_array_equal(read_rows(path), expected)
    for text, columns, said in (
        ("1,2,3,4\n1,2,3\n1,2,3,4,5\n", 4, "line 2: '1,2,3' is not a box x,y,w,h"),
        ("1,2,3,4\n1,2,x,4\n", 4, "line 2: '1,2,x,4' is not a box x,y,w,h"),
        ("1,2,3,4\n1,2,3,4_0\n", 4, "line 2: '1,2,3,4_0' is not a box x,y,w,h"),
        (
            "1,2,3,4\n1,2,3,1e9\n",
            4,
            "line 2: '1,2,3,1e9' holds a number that no box in a frame has",
        ),
        ("1,2,3,4\n", 6, "line 1: '1,2,3,4' is not a box x,y,w,h"),
    ):
        with pytest.raises(DataError) as error:
            read_rows(written(tmp_path, text), columns)
        assert str(error.value) == f"{path}, {said}"
    with pytest.raises(DataError, match="is empty: there must be a box x,y,w,h in each line"):
        read_rows(written(tmp_path, "\n"))


def test_byte_order_mark(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_boxes(written(tmp_path, "\ufeff1,2,3,4\n")), [(1, 2, 3, 4)])


def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tmp_path)  # names of sockets are short
        listener.bind("socket")
    reasons = {
        "pipe": "it is a pipe, give the name of a file",
        "socket": "it is a socket, give the name of a file",
        "/dev/null": "it is a device, give the name of a file",
        ".": "Is a directory",
        "missing": "No such file or directory",
    }
    for name, why in reasons.items():
        with pytest.raises(DataError) as error:
            read_boxes(tmp_path / name)
        assert str(error.value) == f"cannot read boxes {tmp_path / name}: {why}"
