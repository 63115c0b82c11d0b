"""Results in every format: written by a run, read again, compared; lines that are wrong are named."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytracking
from pytracking import BoxError, ConfigError, Prediction, ResultError, read_results
from pytracking.sinks.boxes_file import BoxesFile
from pytracking.sinks.result_files import ResultFiles
from pytracking.sinks.result_formats import FORMATS, ResultRow, result_formats, row_of
from pytracking.tracker.prediction import STATUSES, Spread

pandas = pytest.importorskip("pandas")

TARGETS = ['left, the "first"', "猫"]
numbers = st.floats(-5000, 5000, width=32)


def rows_of(scores: list[float], boxes: list[tuple[float, float, float, float]]) -> list[ResultRow]:
    rows = []
    for k, (score, box) in enumerate(zip(scores, boxes, strict=True)):
        for number, target in enumerate(TARGETS):
            status = STATUSES[(k + number) % 4] if k else "init"
            moved = (box[0] + number, *box[1:])
            rows.append(
                ResultRow(
                    10 + 3 * k, target, moved, score if k else math.nan, status, 0.01 * k + 0.2
                )
            )
    return rows


def written(rows: list[ResultRow], folder: Path, targets: list[str] = TARGETS) -> None:
    with ResultFiles(folder, result_formats(list(FORMATS), "clip", targets)) as files:
        for row in rows:
            files.write(row)


@given(st.lists(st.tuples(numbers, st.tuples(*[numbers] * 4)), min_size=1, max_size=5))
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[tuple[float, tuple[float, float, float, float]]],
) -> None:
    folder = tmp_path_factory.mktemp("results")
    rows = rows_of([score for score, _ in values], [box for _, box in values])
    written(rows, folder)
    expected = pandas.DataFrame(
        [(r.frame, r.target, *r.box, r.score, r.status) for r in rows],
        columns=["frame", "target", "x", "y", "w", "h", "score", "status"],
    )
    compare = pandas.testing.assert_frame_equal
    compare(read_results(folder / "results.jsonl"), expected)
    compare(read_results(folder / "results.csv"), expected, atol=5.1e-5, rtol=0)

    shown = [row for row in rows if row.status != "not_found"]
    mot = read_results(folder / "mot.txt")
    assert list(mot.frame) == [row.frame for row in shown]
    assert list(mot.target) == [str(TARGETS.index(row.target) + 1) for row in shown]
    boxes = [row.box for row in shown]
    np.testing.assert_allclose(mot[["x", "y", "w", "h"]], boxes, atol=5.1e-5, rtol=0)
    scores = [1.0 if row.status == "init" else row.score for row in shown]
    np.testing.assert_allclose(mot.score, scores, atol=5.1e-5, rtol=0)
    assert mot.status.isna().all()

    first = [row for row in rows if row.target == TARGETS[0]]
    got = read_results(folder / "clip_left_the_first__001.txt")
    assert list(got.frame) == list(range(1, len(first) + 1))
    np.testing.assert_allclose(got[["x", "y", "w", "h"]], [row.box for row in first], atol=5.1e-4)
    assert got.score.isna().all()
    times = np.loadtxt(folder / "clip_left_the_first__time.txt", ndmin=1)
    np.testing.assert_allclose(times, [row.seconds for row in first], atol=5.1e-9)


def test_boxes_file_round_trip(tmp_path: Path) -> None:
    area = (0.0, 0.0, 50.0, 50.0)
    predictions = [
        Prediction((1.25, -2.5, 30, 40.125), 0.75, "found", area),
        Prediction((1.25, -2.5, 30, 40.125), -0.125, "not_found", area),
    ]
    with BoxesFile(tmp_path / "boxes_cat.txt") as file:
        file.write_first((1, 2, 30, 40))
        for prediction in predictions:
            file.write(prediction)
    table = read_results(str(tmp_path / "boxes_cat.txt"))
    assert table.drop(columns="score").to_numpy().tolist() == [
        [1, "cat", 1, 2, 30, 40, "init"],
        [2, "cat", 1.25, -2.5, 30, 40.125, "found"],
        [3, "cat", 1.25, -2.5, 30, 40.125, "not_found"],
    ]
    assert table.score.tolist()[1:] == [0.75, -0.125]
    assert math.isnan(table.score[0])
    (tmp_path / "boxes_cat.txt").rename(tmp_path / "boxes.txt")
    assert set(read_results(tmp_path / "boxes.txt").target) == {"target"}


def test_spreads_are_written_where_there_are_some(tmp_path: Path) -> None:
    spread = Spread((1.5, 2, 3, 4), (-1, -2, 20.25, 30), (1, 11, 40, 50))
    given = ResultRow(4, "cat", (0.0, 9.5, 30.0, 40.0), math.nan, "init", 0.1)
    found = Prediction((0.0, 9.5, 30.0, 40.0), 1.25, "found", (0.0, 0, 50, 50), spread)
    rows = [given, row_of(7, "cat", found, 0.02)]
    with ResultFiles(tmp_path, result_formats(["json"], "clip", ["cat"], True)) as files:
        for row in rows:
            files.write(row)
    header, line = (tmp_path / "spread.csv").read_text().splitlines()
    assert header.startswith("frame,target,x_deviation,y_deviation,w_deviation,h_deviation,x_low")
    assert len(header.split(",")) == len(line.split(","))
    numbers = "1.5000,2.0000,3.0000,4.0000,-1.0000,-2.0000,20.2500,30.0000,1.0000,11.0000,40.0000"
    assert line == f"7,cat,{numbers},50.0000"
    first, second = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
    assert "spread" not in first
    assert second["spread"] == spread.to_dict()
    assert list(read_results(tmp_path / "results.jsonl").x) == [0, 0]


def test_lines_as_other_programs_read_them(tmp_path: Path) -> None:
    row = ResultRow(7, "cat", (0.0, 9.5, 30.0, 40.0), 1.25, "found", 0.02)
    first = ResultRow(4, "cat", (0.0, 9.5, 30.0, 40.0), math.nan, "init", 0.1)
    written([first, row], tmp_path, ["cat"])
    assert (tmp_path / "results.csv").read_text() == (
        "frame,target,x,y,w,h,score,status\n"
        "4,cat,0.0000,9.5000,30.0000,40.0000,,init\n"
        "7,cat,0.0000,9.5000,30.0000,40.0000,1.2500,found\n"
    )
    assert (tmp_path / "mot.txt").read_text() == (
        "4,1,1.0000,10.5000,30.0000,40.0000,1.0000,-1,-1,-1\n"
        "7,1,1.0000,10.5000,30.0000,40.0000,1.2500,-1,-1,-1\n"
    )
    assert (tmp_path / "clip_001.txt").read_text() == "0.000,9.500,30.000,40.000\n" * 2
    assert (tmp_path / "clip_time.txt").read_text() == "0.10000000\n0.02000000\n"
    assert json.loads((tmp_path / "results.jsonl").read_text().splitlines()[0]) == {
        "frame": 4, "target": "cat", "box": [0.0, 9.5, 30.0, 40.0], "score": None, "status": "init",
    }  # fmt: skip


def test_targets_whose_results_would_be_one_file() -> None:
    assert len(result_formats(["csv"], "clip", ["a b", "a/b"])) == 1
    with pytest.raises(BoxError) as caught:
        result_formats(["got10k"], "clip", ["a b", "a/b"])
    assert str(caught.value) == (
        "two targets would have the results clip_a_b_001.txt: give other names"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot read results FILE: No such file or directory"),
        (b"\xff\xd8\xe8", "FILE holds no results: it is no text; give boxes.txt, results.csv, results.jsonl, mot.txt or NAME_001.txt"),
        ("", "results FILE are empty: track something first"),
        ("hello\n", "FILE holds no results: 'hello' is no first line of boxes.txt, csv, json, mot or got10k"),
        ("0.1\n", "FILE holds no results: '0.1' is no first line of boxes.txt, csv, json, mot or got10k"),
        ("1,2,3,4\n1,2,3\n", "FILE, line 2: '1,2,3' is not like the lines before it"),
        ("1,2,3,4,nan,init\n1,2,3,4,1,lost\n", "FILE, line 2: '1,2,3,4,1,lost' is not like the lines before it"),
        ("frame,target,x,y,w,h,score,status\n1,a,2,3\n", "FILE, line 2: '1,a,2,3' is not like the lines before it"),
        ('{"frame": 1}\n', "FILE, line 1: '{\"frame\": 1}' is not like the lines before it"),
        ('{"frame": 1\n', "FILE, line 1: '{\"frame\": 1' is not like the lines before it"),
    ],
)  # fmt: skip
def test_files_that_hold_no_results(text: str | bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ResultError) as caught:
        read_results(path)
    assert str(caught.value) == said.replace("FILE", str(path))


def test_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        ConfigError, match=r"pandas is not installed: pip install pandas \(the extra"
    ):
        read_results("boxes.txt")


def test_prediction_in_other_forms() -> None:
    prediction = Prediction((10.0, 20.0, 31.0, 40.0), 0.5, "found", (0.0, 1.0, 2.0, 3.0))
    assert prediction.xyxy == (10, 20, 41, 60)
    assert prediction.centre == (25, 39.5)
    said = json.loads(json.dumps(prediction.to_dict()))
    assert (
        Prediction(tuple(said["box"]), said["score"], said["status"], tuple(said["search_area"]))
        == prediction
    )


def test_public_names() -> None:
    for name in pytracking.__all__:
        assert getattr(pytracking, name) is not None
    assert dir(pytracking) == sorted(pytracking.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Trakcer'"):
        pytracking.Trakcer  # noqa: B018
    names = "import pytracking, sys; print(*{'torch', 'numpy', 'cv2', 'pandas'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True)
    assert run.stdout == "\n", "an import alone loads nothing heavy"
