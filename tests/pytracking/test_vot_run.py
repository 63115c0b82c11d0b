"""The supervised experiment with a tracker that does as it is told, and its result files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ltr.errors import DataError, ResultError
from ltr.images import Frame
from pytracking.evaluation.vot_run import read_result, result_path, run_supervised, write_result

BOX = np.array([10.0, 10, 20, 20])
POLYGON = np.array([10.0, 10, 30, 10, 30, 30, 10, 30])


def frames(count: int) -> list[Frame]:
    """Frames whose first pixel is their number."""
    return [np.full((80, 100, 3), number, np.uint8) for number in range(count)]


def run(
    annotation: Sequence[np.ndarray], lost: set[int], count: int | None = None
) -> tuple[str, list[int]]:
    """The rows as codes, p for a box, and in which frames the tracker was given the target."""
    started: list[int] = []

    def track(frame: Frame) -> tuple[float, ...]:
        return (60.0, 50, 20, 20) if int(frame[0, 0, 0]) in lost else (12.0, 12, 20, 20)

    rows = run_supervised(
        frames(len(annotation) if count is None else count),
        annotation,
        lambda frame, _: started.append(int(frame[0, 0, 0])),
        track,
    )
    return "".join("p" if len(row) > 1 else f"{row[0]:g}" for row in rows), started


def test_five_frames_after_a_failure_the_target_is_given_again() -> None:
    codes, started = run([POLYGON] * 12, lost={3, 9})
    assert codes == "1pp2" + "0000" + "12" + "00"
    assert started == [0, 8]
    codes, started = run([POLYGON] * 6, lost=set())
    assert (codes, started) == ("1ppppp", [0])


def test_an_unknown_annotation_is_no_failure_and_no_beginning() -> None:
    unknown = np.full(1, np.nan)
    annotation = [unknown, *[BOX] * 3, unknown, BOX, *[unknown] * 6, BOX]
    codes, started = run(annotation, lost={4, 5})
    assert codes == "01ppp2" + "0000" + "00" + "1"
    assert started == [1, 12]


def test_the_tracker_is_given_the_region_as_annotated() -> None:
    given: list[np.ndarray] = []
    run_supervised(frames(1), [POLYGON], lambda _, region: given.append(region), lambda _: BOX)
    np.testing.assert_array_equal(given, [POLYGON])


def test_frames_and_regions_must_be_as_many() -> None:
    with pytest.raises(DataError, match="^there are more frames than the 3 that are annotated$"):
        run([BOX] * 3, set(), count=4)
    with pytest.raises(DataError, match="^there are 2 frames, but 3 are annotated$"):
        run([BOX] * 3, set(), count=2)


def test_a_result_comes_back_from_its_file(tmp_path: Path) -> None:
    path = result_path(tmp_path, "ours", "ants1")
    assert path == tmp_path / "results" / "ours" / "baseline" / "ants1" / "ants1_001.txt"
    rows = [np.array([1.0]), np.array([1.23456, -2, 3, 4]), np.array([2.0]), np.array([0.0])]
    write_result(path, rows)
    assert path.read_text() == "1\n1.2346,-2.0000,3.0000,4.0000\n2\n0\n"
    back = read_result(path, 4)
    np.testing.assert_allclose(back[1], rows[1], atol=5e-5)
    assert [len(row) for row in back] == [1, 4, 1, 1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1\n1,2,3\n", ", line 2: '1,2,3' is no polygon x1,y1,x2,y2,.. and no box x,y,w,h"),
        ("1\n3\n", ", line 2: 3 is no code: 0 unknown, 1 initialization, 2 failure"),
        ("1\n1,2,nan,4\n", ", line 2: nan is no code: 0 unknown, 1 initialization, 2 failure"),
        ("1\n", " has 1 lines, but the sequence 2 frames"),
        ("1,2,3,4\n1,2,3,4\n", ", line 1: a supervised run begins with the code 1"),
    ],
)
def test_what_no_supervised_run_leaves_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "a_001.txt"
    path.write_text(text)
    with pytest.raises(ResultError) as caught:
        read_result(path, 2)
    assert str(caught.value) == f"{path}{why}"
