"""Boxes files and videos: what is written can be read, and an early end loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from colours import flat
from numpy.typing import NDArray

from ltr.errors import ResultError
from pytracking.sinks.boxes_file import BoxesFile
from pytracking.sinks.video_writer import SMPTE_170M, VideoWriter, codec_name
from pytracking.tracker.prediction import Box, Prediction, Status

FIRST: Box = (10.0, 20.0, 30.0, 40.0)


def prediction(
    box: Box = (12.25, 21.5, 30.125, 40.0), score: float = 0.87, status: Status = "found"
) -> Prediction:
    return Prediction(box, score, status, (-20.0, -10.0, 100.0, 100.0))


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


@pytest.fixture(params=["H.264", "MPEG-4 part 2"])
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each codec in turn; that of OpenCV as if PyAV were not installed."""
    if request.param == "H.264":
        pytest.importorskip("av")
    else:
        monkeypatch.setitem(sys.modules, "av", None)
    assert codec_name() == request.param
    return str(request.param)


def read_video(path: Path) -> list[NDArray[np.uint8]]:
    video, frames = cv2.VideoCapture(str(path)), []
    while (got := video.read())[0]:
        frames.append(cv2.cvtColor(got[1], cv2.COLOR_BGR2RGB))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
    return frames


def test_video_comes_back(tmp_path: Path, codec: str) -> None:
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


def test_h264_is_what_browsers_play(tmp_path: Path) -> None:
    """yuv420p with even sides, the colour space named, the index before the frames."""
    av = pytest.importorskip("av")
    path = tmp_path / "video.mp4"
    frame = flat((200, 40, 30), 47, 65)
    frame[:, -1] = (30, 180, 60)
    with VideoWriter(path, 29.97) as video:
        for _ in range(30):
            video.write(frame)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.frames) == (66, 48, 30)
        assert float(stream.average_rate) == pytest.approx(29.97, abs=1e-3)
        assert stream.codec_context.colorspace == SMPTE_170M
        picture = next(container.decode(stream)).to_ndarray(format="rgb24")
    assert np.abs(picture[:, :60].astype(int) - (200, 40, 30)).max() < 12
    assert np.abs(picture[:, 65].astype(int) - (30, 180, 60)).max() < 40, "the last column twice"
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize(
    ("height", "width", "encoded"),
    [(64, 9100, (58, 8190)), (8191, 2, (8190, 2)), (2, 20000, (2, 8190))],
)
def test_frames_larger_than_codecs_take(
    tmp_path: Path, codec: str, height: int, width: int, encoded: tuple[int, int]
) -> None:
    """Scaled down, which is said once."""
    path = tmp_path / "video.mp4"
    frame = flat((200, 40, 30), height, width)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with VideoWriter(path, 25) as video:
            for _ in range(3):
                video.write(frame)
    assert [str(warning.message) for warning in warned] == [
        f"video {path} is scaled down to {encoded[1]} x {encoded[0]}: codecs take no side over 8190 "
        f"pixels; frames of {width} x {height} are tracked as they are"
    ]
    frames = read_video(path)
    assert [frame.shape[:2] for frame in frames] == 3 * [encoded]
    assert np.abs(frames[2].mean(axis=(0, 1)) - (200, 40, 30)).max() < 12


@pytest.mark.parametrize("limit", [2_000, 60_000])
def test_video_that_the_disk_does_not_take(tmp_path: Path, codec: str, limit: int) -> None:
    """Refused by the system at the end of the video, or amid it: said, the former file kept."""
    (tmp_path / "video.mp4").write_bytes(b"former")
    program = (
        "import resource, sys, numpy as np\n"
        + ("sys.modules['av'] = None\n" if codec != "H.264" else "")
        + "from pytracking.sinks.video_writer import VideoWriter, codec_name\n"
        "from ltr.errors import ResultError\n"
        f"assert codec_name() == {codec!r}\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "noise = np.random.default_rng(0).integers(0, 256, (20, 96, 128, 3), dtype=np.uint8)\n"
        "try:\n"
        "    with VideoWriter('video.mp4', 25) as video:\n"
        "        for k in range(20 if sys.argv[1] == 'short' else 200):\n"
        "            video.write(noise[k % 20])\n"
        "except ResultError as error:\n"
        "    print(error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for length in ("short", "long"):
        result = subprocess.run(
            [sys.executable, "-c", program, length],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert result.stdout == "cannot write video video.mp4: File too large\n", result.stderr
        assert (tmp_path / "video.mp4").read_bytes() == b"former"
        assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


def test_video_is_kept_after_an_early_end(tmp_path: Path, codec: str) -> None:
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


def test_encoder_that_does_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    monkeypatch.setattr("pytracking.sinks.video_writer.FOURCC", "zzzz")
    monkeypatch.setattr("pytracking.sinks.video_writer.H264_OPTIONS", {"preset": "zzzz"})
    path = tmp_path / "video.mp4"
    with pytest.raises(ResultError) as error, VideoWriter(path, 25) as video:
        video.write(flat((0, 0, 0)))
    assert str(error.value) == (
        f"cannot write video {path}: no {codec} encoder for 64 x 48 pixels at 25 frames a second"
    )
    assert list(tmp_path.iterdir()) == []
