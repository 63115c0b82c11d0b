"""Results read from every layout that programs write."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ltr.errors import ResultError
from pytracking.evaluation.results import Run, find_runs
from pytracking.evaluation.trajectories import Trajectory, write_trajectory

NAMES = ["Jogging.1", "car-2", "Bird1"]
BOXES = np.array([[10.0, 20, 30, 40], [11.5, 21, 30, 40], [np.nan, 0, 0, -1]])


def put(path: Path, text: str = "10,20,30,40\n11.5,21,30,40\nNaN,0,0,-1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names_of(runs: list[Run]) -> list[tuple[str, str, list[str]]]:
    return [(run.label, run.name, list(run.readers)) for run in runs]


@pytest.mark.parametrize("between", [",", "\t", " ", ", "])
def test_plain_files_are_matched_whatever_programs_make_of_names(
    tmp_path: Path, between: str
) -> None:
    text = f"10{between}20{between}30{between}40\n11.5{between}21{between}30{between}40\nNaN{between}0{between}0{between}-1\n"
    for name in ("jogging_1", "Car.2", "bird1", "a_sequence_of_another_benchmark"):
        put(tmp_path / "mine" / f"{name}.txt", text)
    (run,) = find_runs(tmp_path / "mine", NAMES)
    assert names_of([run]) == [("mine", "", NAMES)]
    for name in NAMES:
        result = run.read(name)
        assert result is not None
        assert result.seconds is None
        np.testing.assert_array_equal(result.boxes_xywh, BOXES)
    assert run.read("none") is None


def test_names_that_differ_by_case_alone_are_not_taken_for_each_other(tmp_path: Path) -> None:
    for name, x in (("aB_1", 1), ("Ab_1", 2)):
        put(tmp_path / f"{name}.txt", f"{x},1,1,1\n")
    (run,) = find_runs(tmp_path, ["Ab_1", "aB_1"])
    assert [run.readers[name]().boxes_xywh[0, 0] for name in run.readers] == [2, 1]
    put(tmp_path / "other" / "AB_1.txt")
    with pytest.raises(ResultError, match="0 of its 1 names are among the 2 sequences"):
        find_runs(tmp_path / "other", ["Ab_1", "aB_1"])


def test_ours_with_seeds_as_runs_of_one_tracker(tmp_path: Path) -> None:
    ours = Trajectory(
        BOXES[:2], np.array([np.nan, 0.5]), ("init", "found"), np.array([0.25, 0.125])
    )
    for seed in (0, 1):
        folder = tmp_path / "mobile" / f"seed-{seed}"
        folder.mkdir(parents=True)
        (folder / "evaluation.json").write_text("{}")
        for name in NAMES:
            write_trajectory(folder / f"{name}.txt", ours)
    runs = find_runs(tmp_path / "mobile", NAMES)
    assert names_of(runs) == [("mobile", "seed-0", NAMES), ("mobile", "seed-1", NAMES)]
    result = runs[1].read("car-2")
    assert result is not None
    np.testing.assert_array_equal(result.boxes_xywh, ours.boxes_xywh)
    np.testing.assert_array_equal(result.seconds, ours.seconds)
    np.testing.assert_array_equal(result.scores, ours.scores)
    assert result.statuses == ours.statuses
    (alone,) = find_runs(tmp_path / "mobile" / "seed-1", NAMES)
    assert alone.label == "mobile seed-1"


def test_what_track_writes(tmp_path: Path) -> None:
    put(tmp_path / "Bird1.txt", "1,2,3,4,nan,init\n1,2,3,4.5,0.25,not_found\n")
    (run,) = find_runs(tmp_path, NAMES)
    result = run.readers["Bird1"]()
    np.testing.assert_array_equal(result.boxes_xywh, [[1, 2, 3, 4], [1, 2, 3, 4.5]])
    np.testing.assert_array_equal(result.scores, [np.nan, 0.25])
    assert result.statuses == ("init", "not_found")
    put(tmp_path / "Bird1.txt", "1,2,3,4,nan,init\n1,2,3,4.5,0.25,lost\n")
    with pytest.raises(
        ResultError, match=r"Bird1.txt, line 2: '1,2,3,4.5,0.25,lost' has no status"
    ):
        run.readers["Bird1"]()


def test_the_older_framework_with_parameters_runs_and_times(tmp_path: Path) -> None:
    for parameters in ("default_000", "default_001", "fast"):
        for name in ("Jogging.1", "uav_car-2", "nfs_Bird1"):
            put(tmp_path / "dimp" / parameters / f"{name}.txt", "1\t2\t3\t4\n1\t2\t3\t5\n")
            put(tmp_path / "dimp" / parameters / f"{name}_time.txt", "0.5\n0.25\n")
    put(tmp_path / "dimp" / "fast" / "nfs_Bird1_object_presence_scores.txt", "1\n0.75\n")
    runs = find_runs(tmp_path / "dimp", NAMES)
    assert names_of(runs) == [
        ("default", "000", NAMES),
        ("default", "001", NAMES),
        ("fast", "", NAMES),
    ]
    result = runs[2].readers["Bird1"]()
    np.testing.assert_array_equal(result.boxes_xywh, [[1, 2, 3, 4], [1, 2, 3, 5]])
    np.testing.assert_array_equal(result.seconds, [0.5, 0.25])
    np.testing.assert_array_equal(result.scores, [1, 0.75])
    assert [run.label for run in find_runs(tmp_path / "dimp", NAMES, "A")] == [
        "A default",
        "A default",
        "A fast",
    ]
    assert [r.label for r in find_runs(tmp_path / "dimp" / "fast", NAMES, "A")] == ["A"]


def test_got10k_with_repetitions_as_runs_and_a_column_of_times_each(tmp_path: Path) -> None:
    for name in NAMES:
        for repetition in (1, 2):
            put(tmp_path / name / f"{name}_00{repetition}.txt", f"{repetition},2,3,4\n")
        put(tmp_path / name / f"{name}_time.txt", "0.5,0.25\n")
    runs = find_runs(tmp_path, NAMES, "mine")
    assert names_of(runs) == [("mine", "001", NAMES), ("mine", "002", NAMES)]
    for number, run in enumerate(runs, 1):
        result = run.readers["Bird1"]()
        assert result.boxes_xywh[0, 0] == number
        assert result.seconds is not None
        np.testing.assert_array_equal(result.seconds, [1 / (2 * number)])


def test_json(tmp_path: Path) -> None:
    boxes = {"jogging-1": [[1, 2, 3, 4]], "Car_2": [[1, 2, 3, 4]], "Bird1": [[1, 2, 3]]}
    put(tmp_path / "kcf.json", json.dumps(boxes))
    (run,) = find_runs(tmp_path / "kcf.json", NAMES)
    assert names_of([run]) == [("kcf", "", NAMES)]
    np.testing.assert_array_equal(run.readers["car-2"]().boxes_xywh, [[1, 2, 3, 4]])
    with pytest.raises(ResultError, match=r"kcf.json, 'Bird1': it is no list of boxes"):
        run.readers["Bird1"]()
    put(tmp_path / "bad.json", "[1, 2")
    with pytest.raises(ResultError, match="cannot read results .*bad.json"):
        find_runs(tmp_path / "bad.json", NAMES)


def test_a_zip_of_any_layout_is_read_in_place(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for tracker in ("KCF", "CSRT"):
            for name in NAMES:
                archive.writestr(f"results/{tracker}/{name}.txt", "1,2,3,4\n")
        archive.writestr("__MACOSX/results/KCF/._Bird1.txt", "binary")
    runs = find_runs(tmp_path / "a.zip", NAMES)
    assert names_of(runs) == [("results/CSRT", "", NAMES), ("results/KCF", "", NAMES)]
    np.testing.assert_array_equal(runs[0].readers["Bird1"]().boxes_xywh, [[1, 2, 3, 4]])


@pytest.mark.parametrize("name", ["../Bird1.txt", "/tmp/Bird1.txt", "a/../../x.txt", "C:\\x.txt"])
def test_a_zip_that_leads_out_of_itself_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, "1,2,3,4\n")
    with pytest.raises(ResultError, match="leads out of it: it is not read"):
        find_runs(tmp_path / "a.zip", NAMES)


def test_results_of_another_benchmark_are_seen_by_their_names(tmp_path: Path) -> None:
    for name in ("Bird1", "person-1", "person-2"):
        put(tmp_path / "lasot" / f"{name}.txt")
    with pytest.raises(ResultError) as error:
        find_runs(tmp_path / "lasot", NAMES)
    assert str(error.value) == (
        f"{tmp_path}/lasot holds results of another benchmark: 1 of its 3 names are among the 3 "
        "sequences, which are called 'Jogging.1', not 'person-1'"
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResultError, match=r"empty holds no results: there is no NAME.txt in it"):
        find_runs(tmp_path / "empty", NAMES)
    with pytest.raises(ResultError, match=r"nowhere is not there: give a folder, a zip archive or"):
        find_runs(tmp_path / "nowhere", NAMES)
    with pytest.raises(ResultError, match=r"Bird1.txt holds no results: give a folder, a zip"):
        find_runs(tmp_path / "lasot" / "Bird1.txt", NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3,4\n1,2,x,4\n", "line 2: '1,2,x,4' is not a box x,y,w,h"),
        ("1,2,3,4\n1,2,3\n", "line 2: '1,2,3' is not a box x,y,w,h"),
        ("1,2,3,4\n\n1,2,3,4\n", "line 2: '' is not a box x,y,w,h"),
        ("1,2,3,4\n1,2,inf,4\n", "line 2: '1,2,inf,4' holds a number that no box in a frame has"),
        ("1,2,3,4,nan,init,0.1\n1,2,3,4\n", "line 2: '1,2,3,4' is not x,y,w,h,score,status"),
        ("", "is empty: there must be a box x,y,w,h in each line"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    put(tmp_path / "Bird1.txt", text)
    (run,) = find_runs(tmp_path, NAMES)
    with pytest.raises(ResultError) as error:
        run.readers["Bird1"]()
    assert f"{tmp_path}/Bird1.txt" in str(error.value)
    assert message in str(error.value)


def test_two_files_of_one_sequence_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "Bird1.txt")
    put(tmp_path / "bird1.txt")
    if len(list(tmp_path.iterdir())) == 2:  # not so where file systems do not tell case
        with pytest.raises(ResultError, match="are both results of Bird1: remove one of them"):
            find_runs(tmp_path, NAMES)


def test_of_one_sequence_that_is_not_there_no_benchmark_is_blamed(tmp_path: Path) -> None:
    (tmp_path / "Deer.txt").write_text("1,2,3,4\n")
    with pytest.raises(ResultError, match=r"holds no result of 'Girl', but of 'Deer' and the like"):
        find_runs(tmp_path, ["Girl"])
