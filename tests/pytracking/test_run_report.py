"""What the end of a run says: counts, meanings of what occurred, the score, a warning."""

from __future__ import annotations

from pytracking.apps.run_report import SCORE_MEANING, Course, report
from pytracking.tracker.prediction import Prediction, Status

AREA = (0.0, 0.0, 9.0, 9.0)


def course(*targets: list[tuple[float, Status]], first: int = 2) -> Course:
    result = Course([0.25])
    for k, values in enumerate(zip(*targets, strict=True)):
        predictions = {
            f"t{n}": Prediction(AREA, score, status, AREA)
            for n, (score, status) in enumerate(values)
        }
        result.add(first + 3 * k, predictions, 0.02 if k else 0.04)
    return result


def test_one_frame_is_no_frames() -> None:
    assert report(course([(0.9, "found")]), 1, "cpu")[1].startswith("then         1 frame, mean")


def test_counts_scores_and_meanings() -> None:
    values: list[tuple[float, Status]] = [
        (0.9, "found"), (0.7, "found"), (0.8, "hard_negative"), (0.1, "not_found"), (0.5, "uncertain"),
    ]  # fmt: skip
    assert report(course(values), 1, "cpu") == [
        "first frame  250 ms to learn the target",
        "then         5 frames, mean 24 ms, slowest 40 ms: 41.7 frames per second on cpu",
        "frames        found  uncertain  hard negative  not found  mean score",
        "t0                2          1              1          1         .60",
        "uncertain: a low score, or a rival that cannot be told apart; first in frame 14",
        "hard negative: a rival that is told apart by its place, so the box is the target's; the filter learned at once that the rival is something else; first in frame 8",
        "not found: the last box is repeated; first in frame 11",
    ]


def test_scores_above_one_are_explained() -> None:
    assert SCORE_MEANING not in report(course([(1.0, "found")]), 1, "cpu")
    assert SCORE_MEANING in report(course([(1.01, "found")]), 1, "cpu")


def test_a_target_that_may_be_lost_is_named_with_its_frame() -> None:
    steady: list[tuple[float, Status]] = [(0.9, "found")] * 60
    lost: list[tuple[float, Status]] = [(0.8, "found")] * 40 + [(0.2, "uncertain")] * 20
    lines = report(course(steady, lost, first=102), 2, "cpu")
    assert [line for line in lines if line.startswith("warning")] == [
        "warning: the scores of t1 fell at frame 222 and stayed low (about .20, at first .80): it may be lost from there on, look at the video"
    ]
    assert lines[0].endswith("to learn 2 targets")


def test_a_run_of_one_frame() -> None:
    assert report(Course([0.25]), 1, "cpu") == ["first frame  250 ms to learn the target"]
