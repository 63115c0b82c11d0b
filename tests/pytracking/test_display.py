"""Boxes drawn with the mouse and the preview, with a stand-in for the hand; what is done without a display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.errors import BoxError
from ltr.images import Frame
from pytracking.apps.targets import targets_shown
from pytracking.sinks.display import Preview, select_boxes, window_refusal
from pytracking.sinks.pixel_grid import grid_step, pixel_grid

FRAME = np.zeros((480, 640, 3), np.uint8)


def drawn(*boxes: Sequence[float]) -> tuple[list[Frame], object]:
    """Pictures that a hand has seen which draws these boxes, and the hand."""
    seen: list[Frame] = []

    def hand(picture: Frame) -> Sequence[Sequence[float]]:
        seen.append(picture)
        return boxes

    return seen, hand


@pytest.mark.parametrize(
    ("shape", "shown", "box"),
    [
        ((480, 640), (480, 640), (10, 20, 30, 40)),
        ((1440, 2560), (720, 1280), (20, 40, 60, 80)),
        ((120, 160), (360, 480), (10 / 3, 20 / 3, 10, 40 / 3)),
    ],
)
def test_boxes_are_in_pixels_of_the_frame(
    shape: tuple[int, int], shown: tuple[int, int], box: Sequence[float]
) -> None:
    seen, hand = drawn((10, 20, 30, 40))
    (found,) = select_boxes(np.zeros((*shape, 3), np.uint8), hand)  # type: ignore[arg-type]
    assert found == pytest.approx(box)
    assert seen[0].shape[:2] == shown


def test_targets_are_named_by_their_number() -> None:
    for boxes, names in (
        ([(1, 2, 30, 40)], ["target"]),
        ([(1, 2, 30, 40), (5, 6, 7, 8)], ["target1", "target2"]),
    ):
        _, hand = drawn(*boxes)
        targets = targets_shown(FRAME, "clip", None, hand)  # type: ignore[arg-type]
        assert list(targets) == names
        assert list(targets.values()) == boxes


def test_a_selection_that_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, hand = drawn()
    with pytest.raises(BoxError) as caught:
        targets_shown(FRAME, "clip", None, hand)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "no target was selected, nothing is tracked: draw a box and press Enter, or add --box x,y,w,h"
    )
    assert not list(tmp_path.iterdir())


def test_without_a_display_a_picture_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BoxError) as caught:
        targets_shown(FRAME, "my clip", "there is no display", drawn()[1])  # type: ignore[arg-type]
    assert str(caught.value) == (
        "which target? outputs/track/my_clip_first_frame.png is the first frame with the numbers of "
        "its pixels: read the box off and add --box left,top,width,height (no box can be drawn here: "
        "there is no display)"
    )
    picture = cv2.imread("outputs/track/my_clip_first_frame.png")
    np.testing.assert_array_equal(picture[:, :, ::-1], pixel_grid(FRAME))
    with pytest.raises(BoxError, match=r"outputs/track/my_clip_frame_20\.png is frame 20 with the"):
        targets_shown(FRAME, "my clip", "there is no display", drawn()[1], 20)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(480, 640), (1080, 1920), (96, 128), (2, 3)])
def test_the_grid_lies_on_the_pixels_that_it_names(shape: tuple[int, int]) -> None:
    frame = np.zeros((*shape, 3), np.uint8)
    sheet, step = pixel_grid(frame), grid_step(max(shape))
    times = -(-960 // max(shape))
    top, left = sheet.shape[0] - times * shape[0], sheet.shape[1] - times * shape[1]
    bright = sheet[top:, left:, 0] > 60
    columns = np.flatnonzero(bright.all(axis=0))
    rows = np.flatnonzero(bright.all(axis=1))
    middle = (times - 1) // 2
    assert columns.tolist() == [k * times + middle for k in range(0, shape[1], step)]
    assert rows.tolist() == [k * times + middle for k in range(0, shape[0], step)]
    marks = np.flatnonzero(sheet[top - 2, left:, 0] < 100)
    assert marks.tolist() == columns.tolist(), "each numbered line has a mark in the margin"
    numbers = sheet[: top - 4, left:].min(axis=(0, 2)) < 100
    assert numbers.any(), "the margin has numbers"
    assert 3 <= -(-max(shape) // step) <= 15 or max(shape) < 10


def test_steps_are_round() -> None:
    assert [grid_step(length) for length in (60, 128, 640, 1920, 3840)] == [5, 10, 50, 200, 500]


def test_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", "")
    assert window_refusal() == "there is no display"


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (
            "raise error('not implemented')",
            "this build of OpenCV has no windows, opencv-python has",
        ),
        ("import os; os.abort()", "the display :76 cannot be opened"),
        ("pass", None),
    ],
)
def test_what_a_trial_shows(
    window: str, said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cv2.py").write_text(
        "class error(Exception): pass\n"
        f"def namedWindow(name): {window}\n"
        "def destroyAllWindows(): pass\n"
    )
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":76")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert window_refusal() == said


@pytest.mark.parametrize("key", [ord("q"), 27])
def test_keys_and_closing_end_a_preview(key: int, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, visible, shown = [-1, key, -1], [1.0, 0.0], []
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: shown.append((title, picture)))
    monkeypatch.setattr(cv2, "waitKey", lambda wait: keys.pop(0))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda title, what: visible.pop(0))
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: shown.append("closed"))
    red = FRAME.copy()
    red[..., 0] = 255
    with Preview("clip") as preview:
        preview.show(red)
        with pytest.raises(KeyboardInterrupt):
            preview.show(red)
        with pytest.raises(KeyboardInterrupt):
            preview.show(red)
    assert shown[0][0] == "clip (q ends)"
    assert shown[0][1][0, 0].tolist() == [0, 0, 255], "OpenCV's order of channels"
    assert len(shown) == 3
    assert shown[2] == "closed"
    keys[:], visible[:] = [-1] * 3, [-1.0] * 2
    with Preview("a build that does not say what is seen") as preview:
        for _ in range(3):
            preview.show(red)
    with Preview(None) as preview:
        preview.show(red)
    assert len(shown) == 3 + 4
