"""Grids of settings, and several trackers that share a sequence's frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.errors import ConfigError, FrameError
from ltr.settings import with_assignments
from pytracking.api import load_engine
from pytracking.evaluation.runner import rounded_start, track_sequences
from pytracking.evaluation.variants import grid, parse_values, track_together
from pytracking.sequences.sequence import find_sequences
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("size.interval=2", ("2",)),
        ("size.interval=2, 3", ("2", "3")),
        ("refinement.share=[0.6,0.7,0.5],[1, 1, 1]", ("[0.6,0.7,0.5]", "[1, 1, 1]")),
        ("size.ratios=[[1,2],[3,4]],[]", ("[[1,2],[3,4]]", "[]")),
    ],
)
def test_commas_within_brackets_divide_nothing(text: str, values: tuple[str, ...]) -> None:
    assert parse_values(text) == (text.partition("=")[0], values)


@pytest.mark.parametrize("text", ["size.interval", "size.interval=", "=2", "a=1,,2", "a=1,1"])
def test_what_gives_no_values_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--set '.*' is no field=value,value\.\.: "):
        parse_values(text)


def test_a_grid_has_every_combination_and_a_draw_some_of_them() -> None:
    values = {"a": ("1", "2"), "b": ("3", "4", "5")}
    every = grid(values, None, 0)
    assert len(every) == 6
    assert every[0] == ["a=1", "b=3"]
    assert every[-1] == ["a=2", "b=5"]
    some = grid(values, 3, 7)
    assert some == grid(values, 3, 7)
    assert len(some) == len({tuple(point) for point in some}) == 3
    assert all(point in every for point in some)
    assert grid(values, 6, 0) == grid(values, 60, 0) == every
    assert any(grid(values, 3, seed) != some for seed in range(5))


def test_trackers_that_share_frames_do_as_each_alone(tmp_path: Path) -> None:
    demo = DemoClip(0)
    (tmp_path / "clip").mkdir()
    for k in range(4):
        image = np.ascontiguousarray(demo.frame(k)[:, :, ::-1])
        cv2.imwrite(str(tmp_path / "clip" / f"{k}.png"), image)
    np.savetxt(tmp_path / "clip" / "groundtruth.txt", demo.boxes_xywh[:4], delimiter=",")
    (clip,) = find_sequences(tmp_path)
    small = ["search.crop_side=128", "first_frame.rotations=[]"]
    first = load_engine(
        "imagenet_mobile", device="cpu", change=lambda preset: with_assignments(preset, small)
    )
    second = TrackerEngine(
        first.net, with_assignments(first.preset, ["search.area=4", "size.interval=1"])
    )
    together = track_together([first, second], clip, rounded_start)
    for engine, trajectory in zip([first, second], together, strict=True):
        ((_, alone),) = track_sequences(engine, [clip])
        np.testing.assert_array_equal(trajectory.boxes_xywh, alone.boxes_xywh)
        np.testing.assert_array_equal(trajectory.scores, alone.scores)
        assert trajectory.statuses == alone.statuses
        assert len(trajectory.seconds) == 4
    assert not np.array_equal(together[0].boxes_xywh, together[1].boxes_xywh)

    (tmp_path / "clip" / "2.png").write_bytes(b"no image")
    with pytest.raises(FrameError, match=r"2\.png"):
        track_together([first], clip, rounded_start)
