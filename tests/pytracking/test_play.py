"""`pytracking play`: several trackers' boxes in one video."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.video import VideoFile
from pytracking.cli import main

FRAMES = 6
TRUE = [100.0, 80.0, 120.0, 60.0]
BLUE, ORANGE = (86, 180, 233), (230, 159, 0)
"""The first two colours of the palette."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A sequence of grey frames, and two trackers of which the second has no box in the last."""
    folder = tmp_path / "data" / "Grey"
    folder.mkdir(parents=True)
    for number in range(FRAMES):
        cv2.imwrite(str(folder / f"{number:04}.png"), np.full((320, 480, 3), 128, np.uint8))
    (folder / "groundtruth.txt").write_text(",".join(map(str, TRUE)) + "\n")
    with (folder / "groundtruth.txt").open("a") as file:
        file.write("100,80,120,60\n" * (FRAMES - 2) + "nan,nan,nan,nan\n")
    one = [[160, 80, 120, 60]] * FRAMES
    two = [[100, 200, 120, 60]] * (FRAMES - 1) + [[0, 0, 0, 0]]
    for name, boxes in (("one", one), ("two", two)):
        (tmp_path / f"{name}.json").write_text(json.dumps({"grey": boxes}))
    return tmp_path


def near(frame: np.ndarray, xy: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    """Whether a pixel is about of this colour, within 3 pixels of a place."""
    x, y = xy
    patch = frame[y - 3 : y + 4, x - 3 : x + 4].astype(int)
    return bool((np.abs(patch - colour).sum(axis=2) < 90).any())


def play(place: Path, *more: str) -> int:
    return main(
        [
            *("play", str(place / "data"), "Grey", f"A={place}/one.json", f"{place}/two.json"),
            *("--output", str(place / "out" / "grey.mp4"), *more),
        ]
    )


def test_each_tracker_has_its_colour_and_the_true_box_is_there(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[list[str]] = []
    from pytracking.apps import play as app

    drawn = app.draw

    def draw(frame, marks, caption, true_box, offsets):  # type: ignore[no-untyped-def]
        labels.append([*(mark.label for mark in marks), caption, str(true_box)])
        return drawn(frame, marks, caption, true_box, offsets)

    monkeypatch.setattr(app, "draw", draw)
    assert play(place) == 0
    assert capsys.readouterr().out == f"{place}/out/grey.mp4: frames 1 to 6 with A, two\n"
    shared = (120 - 60) * 60
    words = f"A  {shared / (2 * 120 * 60 - shared):.2f}"
    assert labels[0] == [words, "two  0.00", "Grey   frame 1", str(tuple(TRUE))]
    assert labels[-1] == ["A", "Grey   frame 6", "None"]
    frames = [np.asarray(frame) for frame in VideoFile(place / "out" / "grey.mp4")]
    assert len(frames) == FRAMES
    for frame, two_there in ((frames[0], True), (frames[-1], False)):
        assert near(frame, (280, 110), BLUE)  # right edge of A
        assert near(frame, (100, 230), ORANGE) is two_there  # left edge of two
        assert bool(frame[110, 97:104].max() > 170) is two_there  # thin left edge of the true box


def test_a_part(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(place, "--start", "2", "--end", "3") == 0
    assert "frames 2 to 3 with A, two" in capsys.readouterr().out
    assert len(VideoFile(place / "out" / "grey.mp4")) == 2


def test_bad_input_is_one_line(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(place, "--start", "7") == 2
    assert "Grey has 6 frames: give a lower --start than 7" in capsys.readouterr().err
    assert not (place / "out").exists()
    assert play(place) == 0
    assert play(place) == 2
    assert "grey.mp4 is there: give another --output, or --overwrite" in capsys.readouterr().err
    assert play(place, "--overwrite") == 0
    command = ["play", str(place / "data"), "Gray", str(place / "one.json"), "--output", "x.mp4"]
    assert main(command) == 2
    assert "no sequence 'Gray': did you mean Grey?" in capsys.readouterr().err
