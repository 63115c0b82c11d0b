"""Results of ours in files: boxes, scores, statuses and times, and what they came from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ltr.errors import ResultError
from pytracking.evaluation.run_facts import FACTS, RunFacts, read_facts, write_facts
from pytracking.evaluation.trajectories import Trajectory, read_trajectory, write_trajectory
from pytracking.tracker.presets import PRESETS

FRAMES = Trajectory(
    np.array([[10, 20, 30, 40], [11.25, 19.5, 30.0625, 41]]),
    np.array([np.nan, 0.875]),
    ("init", "uncertain"),
    np.array([0.5, 0.03125]),
)
FACTS_OF_A_RUN = RunFacts(
    "lasot", "imagenet18", "ab12", 3, PRESETS["imagenet18"], "0.1.0", "cpu", 4
)


def test_a_trajectory_comes_back_as_it_was(tmp_path: Path) -> None:
    write_trajectory(tmp_path / "a.txt", FRAMES)
    assert (tmp_path / "a.txt").read_text().splitlines() == [
        "10.0000,20.0000,30.0000,40.0000,nan,init,0.500000",
        "11.2500,19.5000,30.0625,41.0000,0.875000,uncertain,0.031250",
    ]
    again = read_trajectory(tmp_path / "a.txt")
    np.testing.assert_array_equal(again.boxes_xywh, FRAMES.boxes_xywh)
    np.testing.assert_array_equal(again.scores, FRAMES.scores)
    np.testing.assert_array_equal(again.seconds, FRAMES.seconds)
    assert again.statuses == FRAMES.statuses


@pytest.mark.parametrize(
    "line",
    [
        "1,2,3,4,0.5,found",
        "1,2,3,4,5,0.5,found,0.1",
        "1,2,x,4,0.5,found,0.1",
        "1,nan,3,4,0.5,found,0.1",
        "1,2,3,4,0.5,init,0.1",
        "1,2,3,4,0.5,seen,0.1",
        "",
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"1,2,3,4,nan,init,0.1\n{line}\n1,2,3,4,0.5,found,0.1\n")
    with pytest.raises(ResultError) as error:
        read_trajectory(path)
    assert str(error.value) == f"{path}, line 2: {line!r} is not x,y,w,h,score,status,seconds"


def test_a_file_that_is_empty_or_no_text_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(ResultError, match="cannot read results .*a.txt: No such file"):
        read_trajectory(path)
    path.write_bytes(b"")
    with pytest.raises(ResultError, match="are empty: remove the file, and track again"):
        read_trajectory(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ResultError, match="cannot read results"):
        read_trajectory(path)


def test_facts_come_back_and_say_in_what_they_differ(tmp_path: Path) -> None:
    assert read_facts(tmp_path) is None
    write_facts(tmp_path, FACTS_OF_A_RUN)
    again = read_facts(tmp_path)
    assert again == FACTS_OF_A_RUN
    assert FACTS_OF_A_RUN.differences(again) == []

    preset = replace(again.preset, search=replace(again.preset.search, area=4.5))
    other = replace(again, preset=preset, seed=0, device="cuda", batch=16, version="9")
    area = FACTS_OF_A_RUN.preset.search.area
    assert FACTS_OF_A_RUN.differences(other) == ["seed 0, not 3", f"search.area 4.5, not {area}"]


def test_facts_that_are_none_are_refused_in_a_line(tmp_path: Path) -> None:
    write_facts(tmp_path, FACTS_OF_A_RUN)
    good = json.loads((tmp_path / FACTS).read_text())
    damaged = [
        "{",
        "[]",
        json.dumps({**good, "program": "another"}),
        json.dumps({**good, "seed": "3"}),
        json.dumps({**good, "more": 1}),
        json.dumps({k: v for k, v in good.items() if k != "sha256"}),
        json.dumps({**good, "preset": {}}),
    ]
    for text in damaged:
        (tmp_path / FACTS).write_text(text)
        with pytest.raises(ResultError) as error:
            read_facts(tmp_path)
        assert str(tmp_path / FACTS) in str(error.value)
        assert "\n" not in str(error.value)
