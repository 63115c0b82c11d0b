"""`pytracking track` as somebody meets it who has only a video: no box, a part, a preview, files of boxes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from demo_video import write_demo_folder

from pytracking import read_results
from pytracking.apps.targets import named_boxes
from pytracking.cli import main as pytracking
from pytracking.sources.demo_clip import DemoClip

BOX = ",".join(f"{v:.1f}" for v in DemoClip(0).boxes_xywh[0])
N = 6
FAST = ["--net", "imagenet_mobile", "--set", "search.crop_side=96", "--device", "cpu"]
Track = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_folder(tmp_path_factory.mktemp("clip") / "cat", N)


@pytest.fixture
def track(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Track:
    """Run `pytracking track` in an empty folder, without a display."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)

    def run(source: Path, *arguments: str | Path) -> tuple[int, str, str]:
        status = pytracking(["track", str(source), *map(str, arguments), *FAST])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_no_box_and_no_display(folder: Path, tmp_path: Path, track: Track) -> None:
    status, said, error = track(folder, "--start", "3")
    assert (status, said) == (2, "")
    assert error.count("\n") == 1
    assert "outputs/track/cat_frame_3.png is frame 3 with the numbers" in error
    (picture,) = (p for p in tmp_path.rglob("*") if p.is_file())
    assert picture == tmp_path / "outputs" / "track" / "cat_frame_3.png"


def test_boxes_that_are_drawn(folder: Path, track: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    box = [float(v) for v in BOX.split(",")]
    monkeypatch.setattr("pytracking.sinks.display.window_refusal", lambda: None)
    monkeypatch.setattr("pytracking.sinks.display.opencv_selector", lambda picture: [box])
    status, _, error = track(folder, "--output", "out")
    assert status == 0
    assert error == f"pytracking: the same again without a mouse: --box target={BOX}\n"
    assert track(folder, "--box", BOX, "--output", "plain")[0] == 0
    assert Path("out/boxes.txt").read_text() == Path("plain/boxes.txt").read_text()


def test_a_part_of_a_source(folder: Path, track: Track) -> None:
    arguments = ["--start", "2", "--end", "6", "--stride", "2", "--format", "csv"]
    assert track(folder, "--box", BOX, *arguments, "--output", "out")[0] == 0
    assert list(read_results("out/results.csv").frame) == [2, 4, 6]
    capture = cv2.VideoCapture("out/video.mp4")
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(30 / 2), "the time stays the same"
    assert json.loads(Path("out/timing.json").read_text())["frames"] == {
        "start": 2, "end": 6, "stride": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--start", "7"], "pytracking: there is no frame 7 to start with: FOLDER has 6 frames, counted from 1"),
        (["--end", "70"], "pytracking: there is no frame 70 to end with: FOLDER has 6 frames, counted from 1"),
        (["--start", "3", "--end", "2"], "pytracking: the last frame 2 comes before the first 3: exchange them"),
        (["--start", "0"], "pytracking track: --start takes a whole number of 1 or more, not 0 (see pytracking track --help)"),
        (["--show"], "pytracking: --show needs a window, but there is no display: leave it out"),
        (["--format", "cvs"], "pytracking track: unknown format 'cvs': did you mean csv? (see pytracking track --help)"),
    ],
)  # fmt: skip
def test_one_line_errors(
    arguments: list[str], said: str, folder: Path, tmp_path: Path, track: Track
) -> None:
    status, printed, error = track(folder, "--box", BOX, *arguments)
    assert (status, printed) == (2, "")
    assert error == said.replace("FOLDER", str(folder)) + "\n"
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_a_preview_that_is_ended_is_an_interrupt(
    folder: Path, track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [-1, -1, ord("q")]
    monkeypatch.setattr("pytracking.sinks.display.window_refusal", lambda: None)
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: None)
    monkeypatch.setattr(cv2, "waitKey", lambda wait: keys.pop(0))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda title, what: 1.0)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
    status, _, error = track(folder, "--box", BOX, "--show", "--output", "out")
    assert status == 130
    assert error == "pytracking: interrupted; kept the 3 frames that were tracked in out\n"
    assert len(read_results("out/boxes.txt")) == 3


# --- boxes in files of several kinds

FILES = {
    "commas": ("1,2,30,40\n5,6,30,40\n", ["target1", "target2"]),
    "blanks": ("1 2 30 40\n5\t6  30 40", ["target1", "target2"]),
    "commas and blanks": ("1, 2, 30, 40\n5 ,6, 30,40", ["target1", "target2"]),
    "a header": ("x,y,w,h\n1,2,30,40\n5,6,30,40\n", ["target1", "target2"]),
    "a header with a name": ("# boxes\nname, x, y, w, h\na,1,2,30,40\nb,5,6,30,40\n", ["a", "b"]),
    "names in front": ("left one,1,2,30,40\nb 5 6 30 40\n", ["left one", "b"]),
    "names with =": ("a = 1,2,30,40\nb=5 6 30 40\n", ["a", "b"]),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_of_boxes(kind: str, tmp_path: Path) -> None:
    text, names = FILES[kind]
    file = tmp_path / "boxes"
    file.write_text(text)
    expected = dict(zip(names, [(1, 2, 30, 40), (5, 6, 30, 40)], strict=True))
    assert named_boxes([], file) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [("1,2,30,40\nx,y,w,h\n", 2), ("a,b\n1,2,30,40", 1), ("1,5,6,30,40\n", 1), ("a,1,,30,40\n", 1)],
)
def test_lines_that_are_neither_box_nor_header(
    text: str, line: int, folder: Path, tmp_path: Path, track: Track
) -> None:
    (tmp_path / "boxes").write_text(text)
    status, _, error = track(folder, "--boxes", "boxes")
    assert status == 2
    assert error.endswith(f" (boxes, line {line})\n")
    assert "is not four numbers" in error


def test_a_ground_truth_is_no_list_of_targets(
    folder: Path, tmp_path: Path, track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "groundtruth.txt").write_text("".join(f"{k},50,40,40\n" for k in range(33)))
    status, _, error = track(folder, "--boxes", "groundtruth.txt")
    assert status == 2
    assert error == (
        "pytracking: groundtruth.txt holds 33 boxes, each a target of the first frame: of a ground "
        "truth give the first line alone, --box '0,50,40,40', or add --yes to track them all\n"
    )
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for answer, given in ((True, 33), (False, 0)):
        asked: list[str] = []
        monkeypatch.setattr(
            "click.confirm", lambda text, err, a=answer, q=asked: (q.append(text), a)[1]
        )
        tracked: list[int] = []
        monkeypatch.setattr(
            "pytracking.apps.track.run_track", lambda source, targets, *_, t=tracked: t.append(len(targets)) or 0
        )  # fmt: skip
        status, _, error = track(folder, "--boxes", "groundtruth.txt")
        assert (status, sum(tracked)) == (0 if given else 2, given)
        assert asked == [
            "pytracking: groundtruth.txt holds 33 boxes, each a target of the first frame, not a "
            "ground truth with a line a frame: track them all?"
        ]
    assert track(folder, "--boxes", "groundtruth.txt", "--yes")[0] == 0
    assert tracked == [33]
    assert len(asked) == 1


def test_up_to_32_lines_are_not_asked_about(tmp_path: Path) -> None:
    file = tmp_path / "boxes"
    file.write_text("x,y,w,h\n" + "".join(f"{k},50,40,40\n" for k in range(32)))
    assert len(named_boxes([], file)) == 32
