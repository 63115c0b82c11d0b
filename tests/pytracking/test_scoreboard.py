"""What an evaluation tells of itself."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ltr.errors import FrameError
from pytracking.apps.scoreboard import Scoreboard
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.protocols import PROTOCOLS
from pytracking.evaluation.trajectories import Trajectory
from pytracking.sequences.sequence import Sequence

BOX = (10.0, 10.0, 20.0, 20.0)


class Frames:
    """So many, or none that could be counted."""

    path = Path("frames")

    def __init__(self, count: int | None) -> None:
        self._count = count

    def __len__(self) -> int:
        if self._count is None:
            raise FrameError("broken")
        return self._count


def sequence(name: str, annotated: int, frames: int | None) -> Sequence:
    truth = np.tile(BOX, (annotated, 1))
    cover, size = np.full(annotated, 8), (100.0, 100.0)
    return Sequence(name, Frames(frames), truth, Path(name), cover=cover, frame_wh=size)  # type: ignore[arg-type]


def result(boxes: Array) -> Trajectory:
    count = len(boxes)
    return Trajectory(boxes, np.ones(count), ("found",) * count, np.full(count, 0.1))


def test_what_is_to_come_counts_frames_that_are_not_annotated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytracking.apps.scoreboard.SURE_AFTER", -1.0)
    sequences = [sequence("first-box-alone", 1, 90), sequence("broken", 1, None)]
    board = Scoreboard([*sequences, sequence("annotated", 7, 8)], PROTOCOLS["otb"], runs=2)
    board.stepped(20)
    assert "20 frames, 174 to come, " in capsys.readouterr().err


def test_the_interval_of_a_mean_over_frames_lies_around_it() -> None:
    """Of ten sequences of 100 frames all is lost, of ten with one frame nothing."""
    lost, found = np.tile((60.0, 60, 20, 20), (101, 1)), np.tile(BOX, (2, 1))
    results = {f"{k}": lost if k < 10 else found for k in range(20)}
    sequences = [sequence(name, len(boxes), len(boxes)) for name, boxes in results.items()]
    board = Scoreboard(sequences, PROTOCOLS["got10k"], runs=1)
    for one in sequences:
        board.finish(one, result(results[one.name]))
    said, *others = board.means()
    assert [line.index("0.") for line in others[:2]] == [said.index("0.")] * 2
    words = re.fullmatch(r"AO +(0\.\d{3})  \(95 % (0\.\d{3}) to (0\.\d{3})\)", said)
    assert words, said
    mean, low, high = map(float, words.groups())
    assert mean == pytest.approx(10 / 1010, abs=5e-4)
    assert low < mean < high < 0.05
