"""Boxes files, videos, overlays and plots: what is written can be read, and an early end loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ltr.errors import ResultError
from pytracking.sinks.boxes_file import BoxesFile
from pytracking.sinks.overlays import COLOURS, draw_box, draw_first_box, short
from pytracking.sinks.plots import Column, Span, overlap_and_score, strip
from pytracking.sinks.video_writer import VideoWriter
from pytracking.tracker.prediction import Box, Prediction, Status

FIRST: Box = (10.0, 20.0, 30.0, 40.0)


def prediction(
    box: Box = (12.25, 21.5, 30.125, 40.0), score: float = 0.87, status: Status = "found"
) -> Prediction:
    return Prediction(box, score, status, (-20.0, -10.0, 100.0, 100.0))


def flat(colour: tuple[int, int, int], height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


# --- boxes file


def test_boxes_come_back(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    with BoxesFile(path) as boxes:
        boxes.write_first(FIRST)
        boxes.write(prediction())
        boxes.write(prediction((-3.00004, 1e3, 2.0, 2.0), -0.01, "not_found"))
    assert path.read_text() == (
        "10.0000,20.0000,30.0000,40.0000,nan,init\n"
        "12.2500,21.5000,30.1250,40.0000,0.8700,found\n"
        "-3.0000,1000.0000,2.0000,2.0000,-0.0100,not_found\n"
    )
    read = np.loadtxt(path, delimiter=",", usecols=range(4))
    assert np.allclose(read, [FIRST, prediction().box, (-3, 1000, 2, 2)], atol=1e-4)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt])
def test_boxes_are_kept_after_an_early_end(tmp_path: Path, end: type[BaseException]) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("former\n")

    def interrupted() -> None:
        with BoxesFile(path) as boxes:
            boxes.write_first(FIRST)
            assert path.read_text() == "former\n"
            (partial,) = tmp_path.glob("boxes.txt.*.partial")
            assert partial.read_text().count("\n") == 1
            raise end

    with pytest.raises(end):
        interrupted()
    assert path.read_text() == "10.0000,20.0000,30.0000,40.0000,nan,init\n"
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_line_the_former_boxes_stay(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("former\n")
    with BoxesFile(path):
        pass
    assert path.read_text() == "former\n"
    assert list(tmp_path.iterdir()) == [path]


def test_boxes_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "boxes.txt"
    with pytest.raises(ResultError) as error, BoxesFile(path):
        pass
    assert str(error.value) == f"cannot write boxes {path}: No such file or directory"


def test_full_disk_is_told_and_whole_lines_are_kept(
    tmp_path: Path, file_size_limit: Callable[[int], None]
) -> None:
    path, line = tmp_path / "boxes.txt", "10.0000,20.0000,30.0000,40.0000,nan,init\n"
    file_size_limit(len(line) + 20)
    with pytest.raises(ResultError) as error, BoxesFile(path) as boxes:
        list(map(boxes.write_first, [FIRST, FIRST]))
    assert str(error.value) == f"cannot write boxes {path}: File too large"
    assert path.read_text() == line
    assert list(tmp_path.iterdir()) == [path]


# --- video


def read_video(path: Path) -> list[NDArray[np.uint8]]:
    video, frames = cv2.VideoCapture(str(path)), []
    while (got := video.read())[0]:
        frames.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
    return frames


def test_video_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    colours = [(200, 40, 30), (30, 180, 60), (40, 50, 210)]
    with VideoWriter(path, 25) as video:
        for colour in colours:
            video.write(flat(colour))
        video.write(flat((250, 250, 250), 96, 128))  # of another size
    frames = read_video(path)
    assert len(frames) == 4
    for frame, colour in zip(frames, [*colours, (250, 250, 250)], strict=True):
        assert frame.shape == (48, 64, 3)
        assert np.abs(frame.mean(axis=(0, 1)) - colour).max() < 12
    assert list(tmp_path.iterdir()) == [path]


def test_video_is_kept_after_an_early_end(tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"

    def interrupted() -> None:
        with VideoWriter(path, 25) as video:
            video.write(flat((10, 20, 30)))
            video.write(flat((10, 20, 30)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(read_video(path)) == 2
    assert list(tmp_path.iterdir()) == [path]


def test_video_without_frames_leaves_nothing(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "video.mp4", 25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_videos_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "video.mp4"
    with pytest.raises(ResultError) as error, VideoWriter(path, 25):
        pass
    assert str(error.value) == f"cannot write video {path}: No such file or directory"
    path = tmp_path / "video.avi"
    with pytest.raises(ResultError) as error, VideoWriter(path, 25):
        pass
    assert str(error.value) == f"cannot write video {path}: the name must end in .mp4"


def test_encoder_that_does_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytracking.sinks.video_writer.CODEC", "zzzz")
    path = tmp_path / "video.mp4"
    with pytest.raises(ResultError) as error, VideoWriter(path, 25) as video:
        video.write(flat((0, 0, 0)))
    assert str(error.value) == (
        f"cannot write video {path}: OpenCV has no zzzz encoder for 64 x 48 pixels at 25 frames a second"
    )
    assert list(tmp_path.iterdir()) == []


# --- overlays


def test_overlay_is_a_new_frame_changed_near_its_lines_only() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    before = frame.copy()
    box: Box = (300.3, 150.7, 80.0, 60.0)
    drawn = draw_box(frame, Prediction(box, 0.87, "found", (200.0, 50.0, 280.0, 260.0)))
    assert np.array_equal(frame, before)
    changed = (drawn != before).any(axis=-1)
    assert changed.any()
    changed[50 - 3 : 310 + 3, 200 - 3 : 480 + 3] = False
    assert not changed.any()
    inside = (drawn != before)[160:200, 310:370]
    assert not inside.any()
    # the box's left edge, in the middle of its height, has the colour of its status
    assert np.abs(drawn[190, 299:302].astype(int) - COLOURS["found"]).sum(axis=-1).min() < 30


def test_overlay_shows_status_and_truth() -> None:
    frame = flat((90, 90, 90), 360, 640)
    box: Box = (300.0, 150.0, 80.0, 60.0)
    pictures = {
        status: draw_box(frame, Prediction(box, 0.1, status, (200.0, 50.0, 280.0, 260.0)))
        for status in ("found", "not_found")
    }
    assert (
        np.abs(pictures["not_found"][190, 299:302].astype(int) - COLOURS["not_found"])
        .sum(axis=-1)
        .min()
        < 30
    )
    true_box: Box = (320.0, 170.0, 80.0, 60.0)
    truth = draw_box(frame, Prediction(box, 0.1, "found", (200.0, 50.0, 280.0, 260.0)), true_box)
    rows, columns = np.nonzero((truth != pictures["found"]).any(axis=-1))
    assert rows.min() >= 168
    assert rows.max() <= 231
    assert columns.min() >= 318
    assert columns.max() <= 401


@pytest.mark.parametrize(
    "box", [(-1e7, -1e7, 3e7, 3e7), (600.0, 340.0, 80.0, 60.0), (-50.0, -40.0, 60.0, 50.0)]
)
def test_overlay_of_boxes_beyond_the_frame(box: Box) -> None:
    frame = flat((90, 90, 90), 360, 640)
    drawn = draw_box(frame, Prediction(box, -0.02, "uncertain", box))
    assert drawn.shape == frame.shape
    assert (drawn != frame).any()  # the label at the least


def test_overlay_scales_with_the_frame() -> None:
    widths = []
    for lines in (360, 1080):
        frame = flat((0, 0, 0), lines, lines)
        drawn = draw_first_box(frame, (lines / 4, lines / 4, lines / 2, lines / 2), label="")
        widths.append(int((drawn[lines // 2, : lines // 2].max(axis=-1) > 128).sum()))
    assert 2 <= widths[0] <= 4  # anti-aliasing widens lines a little
    assert 6 <= widths[1] <= 8


def test_tiny_frames_can_be_drawn_on() -> None:
    frame = flat((90, 90, 90), 8, 8)
    assert draw_first_box(frame, (2.0, 2.0, 4.0, 4.0)).shape == frame.shape


def test_short_scores() -> None:
    assert [short(score) for score in (0.874, -0.02, 1.0, 0.999, 0.0)] == [
        ".87",
        "-.02",
        "1.00",
        "1.00",
        ".00",
    ]


# --- plots


def test_plots_are_written(tmp_path: Path) -> None:
    time = np.arange(150)
    overlaps, scores = 0.5 + 0.3 * np.sin(time / 9), 0.4 + 0.3 * np.cos(time / 7)
    scores[0] = np.nan
    statuses = ["init", *("not_found" if 100 <= frame < 110 else "found" for frame in time[1:])]
    plain, marked = tmp_path / "plain.png", tmp_path / "marked.png"
    overlap_and_score(plain, overlaps, scores, ["init", *["found"] * 149])
    overlap_and_score(
        marked, overlaps, scores, statuses, [Span("crossing", 49, 62), Span("panel", 100, 110)]
    )
    without, with_marks = cv2.imread(str(plain)), cv2.imread(str(marked))
    assert without.std() > 5
    assert without.shape[1] > 1000
    assert ((with_marks == [80, 69, 214]).all(axis=-1)).any()  # the red of not_found, BGR
    assert not ((without == [80, 69, 214]).all(axis=-1)).any()


def test_strip_is_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = [
        Column(
            flat((200, 40, 30), 64, 64),
            flat((30, 180, 60)),
            rng.random((19, 19), dtype=np.float32),
            f"frame {index}",
        )
        for index in range(3)
    ]
    strip(tmp_path / "strip.png", columns)
    picture = cv2.imread(str(tmp_path / "strip.png"))
    assert picture.shape[1] > picture.shape[0] > 500
    for colour in ((200, 40, 30), (30, 180, 60)):
        assert (np.abs(picture[..., ::-1].astype(int) - colour).max(axis=-1) < 3).mean() > 0.1
    assert [path.name for path in tmp_path.iterdir()] == ["strip.png"]


def test_pictures_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "plot.png"
    with pytest.raises(ResultError) as error:
        overlap_and_score(path, np.ones(3), np.ones(3), ["init", "found", "found"])
    assert str(error.value) == f"cannot write picture {path}: No such file or directory"
