"""Plots and strips of a run, as picture files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from colours import flat, near
from numpy.typing import NDArray

from ltr.errors import ResultError
from pytracking.sinks.palette import FIRST_COLOUR
from pytracking.sinks.plots import SHADES, Column, Span, overlap_and_score, strip
from pytracking.tracker.prediction import Prediction


def read_picture(path: Path) -> NDArray[np.uint8]:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def test_plots_are_written(tmp_path: Path) -> None:
    time = np.arange(150)
    overlaps, scores = 0.5 + 0.3 * np.sin(time / 9), 0.4 + 0.3 * np.cos(time / 7)
    scores[0] = np.nan
    statuses = ["init", *("not_found" if 100 <= frame < 110 else "found" for frame in time[1:])]
    plain, marked = tmp_path / "plain.png", tmp_path / "marked.png"
    overlap_and_score(plain, overlaps, scores, ["init", *["found"] * 149])
    overlap_and_score(
        marked, overlaps, scores, statuses, [Span("crossing", 50, 63), Span("panel", 101, 111)]
    )
    without, with_marks = read_picture(plain), read_picture(marked)
    assert without.shape[1] > 1000
    assert near(without, FIRST_COLOUR).sum() > 2000
    for shade in SHADES[:2]:  # at an opacity of .6
        colour = tuple(round(255 - 0.6 * (255 - int(shade[k : k + 2], 16))) for k in (1, 3, 5))
        assert near(with_marks, colour).sum() > near(without, colour).sum() + 10_000
    rings = [(p[..., 0] < 60).sum() for p in (without, with_marks)]
    assert rings[1] > rings[0] + 300, "frames in which it was not found are ringed"


def test_nothing_of_a_plot_is_clipped(tmp_path: Path) -> None:
    """Scores above 1 and below 0 lie within the axes, and all ink within the picture."""
    path = tmp_path / "plot.png"
    scores = np.linspace(-0.4, 1.7, 60)
    overlap_and_score(path, np.ones(60), scores, ["found"] * 60, [Span("the last frames", 55, 61)])
    picture = read_picture(path)
    line = near(picture, FIRST_COLOUR)
    middle = picture.shape[0] // 2
    rows, columns = np.nonzero(line[middle:])
    rising = [
        rows[np.abs(columns - c) < 2].mean() for c in np.linspace(columns.min(), columns.max(), 5)
    ]
    assert np.ptp(np.diff(rising)) < 6, "a straight line to its ends"
    ink = (picture < 250).any(axis=-1)
    assert not ink[:4].any()
    assert not ink[-4:].any()
    assert not ink[:, :4].any()
    assert not ink[:, -4:].any()


def test_strip_is_written(tmp_path: Path) -> None:
    """Of a frame and a search area half beyond it: the box in both, the true one, and the hatching."""
    rng = np.random.default_rng(0)
    box, area = (40.0, 16.0, 16.0, 16.0), (32.0, 0.0, 64.0, 48.0)
    columns = [
        Column(
            flat((30, 180, 60)),
            Prediction(box, 0.5, "found", area),
            flat((200, 40, 30), 64, 64),
            rng.random((19, 19), dtype=np.float32),
            f"frame {index}",
            true_box=(42.0, 16.0, 16.0, 16.0) if index else None,
        )
        for index in range(3)
    ]
    strip(tmp_path / "strip.png", columns)
    picture = read_picture(tmp_path / "strip.png")
    assert picture.shape[1] > picture.shape[0] > 500
    assert near(picture, (30, 180, 60)).mean() > 0.1
    searched = near(picture, (200, 40, 30))
    assert 0.05 < searched.mean() < 0.15, "half of the search area is beyond the frame"
    rows = np.flatnonzero(searched.any(axis=1))
    blue = near(picture, FIRST_COLOUR)
    assert blue[: rows[0]].sum() > 500, "the box in the frame"
    assert blue[rows[0] : rows[-1]].sum() > 500, "the box in the search area"
    width = np.ptp(np.nonzero(blue[rows[0] : rows[-1], : picture.shape[1] // 3])[1])
    side = np.ptp(rows)
    assert width == pytest.approx(side / 4, abs=8)
    assert [path.name for path in tmp_path.iterdir()] == ["strip.png"]


def test_pictures_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "plot.png"
    with pytest.raises(ResultError) as error:
        overlap_and_score(path, np.ones(3), np.ones(3), ["init", "found", "found"])
    assert str(error.value) == f"cannot write picture {path}: No such file or directory"
