"""Video files: whole, cut off and damaged."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered_clip import (
    FRAMES,
    HEIGHT,
    WIDTH,
    cut,
    frame_number,
    index_of,
    until_error,
    write_video,
)

from ltr.errors import FrameError, SourceEndedEarly
from ltr.video import VideoFile, movie_seconds

# Six frames, 64 x 64, made with PyAV 18.1.0 (pip install av; no dependency of ours), since OpenCV cannot write AV1:
# av.open(path, "w").add_stream("libsvtav1", rate=25, options={"preset": "8", "crf": "50"}), pix_fmt yuv420p.
DATA = Path(__file__).parents[1] / "data"
AV1 = DATA / "av1.mp4"


def refusal(path: Path) -> str:
    with pytest.raises(FrameError) as caught:
        VideoFile(path)
    assert not isinstance(caught.value, SourceEndedEarly)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v")]
)
def test_video(tmp_path: Path, name: str, codec: str) -> None:
    source = VideoFile(write_video(tmp_path / name, codec))
    assert (source.name, source.length, source.frame_rate) == ("a", FRAMES, 25.0)
    for _ in range(2):  # again, from the beginning
        frames, error = until_error(source)
        assert error is None
        assert [index_of(frame) for frame in frames] == list(range(FRAMES))
    assert all(frame.dtype == np.uint8 and frame.flags["C_CONTIGUOUS"] for frame in frames)
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    assert frames[0][40, 8, 0] > 200  # red, not blue
    assert frames[0][40, 8, 2] < 60


def test_two_iterators_do_not_disturb_each_other(tmp_path: Path) -> None:
    source = VideoFile(write_video(tmp_path / "a.avi", "MJPG"))
    one, two = iter(source), iter(source)
    assert [index_of(next(one)) for _ in range(3)] == [0, 1, 2]
    assert index_of(next(two)) == 0
    assert index_of(next(one)) == 3


def test_name_that_looks_like_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.avi", "MJPG", frames=2).rename("http:b %d.avi")
    assert len(list(VideoFile(Path("http:b %d.avi")))) == 2


def test_rotated_video_is_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", "mp4v")
    data = path.read_bytes()
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    # clockwise
    turned = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, HEIGHT << 16, 0, 1 << 30)
    at = data.index(plain, data.index(b"tkhd"))
    path.write_bytes(data[:at] + turned + data[at + len(plain) :])
    first = next(iter(VideoFile(path)))
    assert first.shape == (WIDTH, HEIGHT, 3)
    assert first[8, 8, 0] > 200  # the red quarter: from below left to above left
    assert first[56, 8].max() < 60


def test_a_text_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.txt"
    path.write_text("1,2,3,4\n" * 200)
    assert refusal(path) == f"{path} is a text, no video: give the video that belongs to it"


def test_av1_names_its_codec_and_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "my clip.mp4"
    path.write_bytes(AV1.read_bytes())
    capture = cv2.VideoCapture(str(path))
    decodes, _ = capture.read()
    capture.release()
    if decodes:
        pytest.skip("this OpenCV decodes AV1")
    assert refusal(path) == (
        f"video {path} opens but gives no frame: OpenCV cannot decode its codec (AV01), or it is damaged; "
        f"re-encode it: ffmpeg -i '{path}' -c:v libx264 '{tmp_path / 'my clip.h264.mp4'}'"
    )


def test_video_without_a_usable_rate_or_count(tmp_path: Path) -> None:
    jpegs = [
        cv2.imencode(".jpg", frame_number(index)[:, :, ::-1])[1].tobytes() for index in range(5)
    ]
    # no container, so nothing that knows a count
    (tmp_path / "a.mjpeg").write_bytes(b"".join(jpegs))
    source = VideoFile(tmp_path / "a.mjpeg")
    assert source.length is None
    frames, error = until_error(source)
    assert error is None
    assert [index_of(frame) for frame in frames] == list(range(5))
    path = write_video(tmp_path / "b.mp4", "mp4v")
    data = bytearray(path.read_bytes())
    at = data.index(b"mdhd") + 16
    # 25,000 frames a second
    struct.pack_into(">I", data, at, 1000 * struct.unpack_from(">I", data, at)[0])
    path.write_bytes(data)
    assert VideoFile(path).frame_rate == 30.0


def test_file_that_gives_no_frame_any_more(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", "mp4v")
    source = VideoFile(path)
    path.write_bytes(b"")
    frames, error = until_error(source)
    assert (frames, type(error), str(error)) == (
        [],
        FrameError,
        f"video {path} is an empty file: fetch it again",
    )
    data = index_first(write_video(path, "mp4v")).read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4])
    frames, error = until_error(source)
    assert (frames, type(error), str(error)) == ([], FrameError, refusal(path))
    assert str(error).startswith(
        f"video {path} opens but gives no frame: OpenCV cannot decode its codec (FMP4), or"
    )


def no_video(path: Path) -> str:
    return f"video {path} cannot be opened: it is no video, or cut off or damaged, fetch it again"


def test_not_a_video(tmp_path: Path) -> None:
    text, empty, missing = tmp_path / "frame_01.mp4", tmp_path / "b.mp4", tmp_path / "c.mp4"
    text.write_text("hello")
    empty.touch()
    assert refusal(text) == no_video(text)
    assert refusal(empty) == f"video {empty} is an empty file: fetch it again"
    assert refusal(missing) == (
        f"cannot read video {missing} (No such file or directory): check its path and permissions"
    )


# ---------------------------------------------------------------- videos that end early


def index_first(path: Path) -> Path:
    """Move the index (moov) of an MP4 to the front, as files for streaming have it, so that it survives a cut."""
    data = path.read_bytes()
    mdat, moov = data.index(b"mdat") - 4, data.index(b"moov") - 4
    index = bytearray(data[moov:])
    assert struct.unpack(">I", index[:4])[0] == len(index)
    table = index.index(b"stco") + 8
    count = struct.unpack_from(">I", index, table)[0]
    for at in range(table + 4, table + 4 + 4 * count, 4):
        struct.pack_into(">I", index, at, struct.unpack_from(">I", index, at)[0] + len(index))
    path.write_bytes(data[:mdat] + bytes(index) + data[mdat:moov])
    return path


def test_mp4_without_its_index_cannot_be_opened(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "a.mp4", "mp4v"), 0.6)
    assert refusal(path) == no_video(path)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v")]
)
def test_video_that_is_cut_off(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, codec)
    if name == "a.mp4":
        assert len(list(VideoFile(index_first(path)))) == FRAMES
    source = VideoFile(cut(path, 0.6))
    assert source.length == FRAMES
    frames, error = until_error(source)
    assert 5 < len(frames) < 30
    assert [index_of(frame) for frame in frames[:-1]] == list(range(len(frames) - 1))
    assert isinstance(error, SourceEndedEarly)
    assert str(error) == (
        f"video {path} stopped after {len(frames)} of {FRAMES} frames: it is cut off or damaged, fetch it again"
    )


def test_end_of_a_video_lost_to_zeros(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", "MJPG")
    data = path.read_bytes()
    at, end = data.index(b"movi") + 4, data.index(b"idx1")
    start = at + (end - at) // 2
    path.write_bytes(data[:start] + bytes(end - start) + data[end:])
    frames, error = until_error(VideoFile(path))
    assert 10 < len(frames) < 30
    assert isinstance(error, SourceEndedEarly)


def test_video_short_of_less_than_half_a_second_is_whole(tmp_path: Path) -> None:
    """Counts of some containers are estimates: some frames less than announced are no reason to complain."""
    path = write_video(tmp_path / "a.mp4", "mp4v")
    source = VideoFile(path)
    for missing, ended_early in ((12, False), (14, True)):
        source.length = FRAMES
        path.write_bytes(write_video(tmp_path / "b.mp4", "mp4v", FRAMES - missing).read_bytes())
        # The header is that of the shorter file; give it the length of the longer one.
        set_movie_seconds(path, FRAMES / 25)
        frames, error = until_error(source)
        assert len(frames) == FRAMES - missing
        assert isinstance(error, SourceEndedEarly) is ended_early


def set_movie_seconds(path: Path, seconds: float) -> None:
    data = bytearray(path.read_bytes())
    header = data.index(b"mvhd")
    ticks = struct.unpack_from(">I", data, header + 16)[0]
    struct.pack_into(">I", data, header + 20, round(seconds * ticks))
    path.write_bytes(data)


def test_video_trimmed_by_its_edit_list_is_whole(tmp_path: Path) -> None:
    """Phones trim so: all frames stay in the file and in its count, and a list says which are shown."""
    path = write_video(tmp_path / "a.mp4", "mp4v")
    data = bytearray(path.read_bytes())
    edit, movie, media = data.index(b"elst") + 4, data.index(b"mvhd"), data.index(b"mdhd")
    movie_ticks = struct.unpack_from(">I", data, movie + 16)[0]
    media_ticks = struct.unpack_from(">I", data, media + 16)[0]
    struct.pack_into(">II", data, edit + 8, 20 * movie_ticks // 25, 15 * media_ticks // 25)
    path.write_bytes(data)
    set_movie_seconds(path, 20 / 25)
    source = VideoFile(path)
    frames, error = until_error(source)
    assert source.length == FRAMES
    assert [index_of(frame) for frame in frames] == list(range(15, 35))
    assert error is None


def test_overestimated_count_is_not_an_early_end(tmp_path: Path) -> None:
    """Matroska knows no count: duration times a guessed rate is too much where the rate varies. The clock is right."""
    source = VideoFile(write_video(tmp_path / "a.mkv", "mp4v"))
    source.length, source.frame_rate = 2 * FRAMES, 50.0
    frames, error = until_error(source)
    assert len(frames) == FRAMES
    assert error is None
    source = VideoFile(write_video(tmp_path / "a.mp4", "mp4v"))
    source.length = 2 * FRAMES
    for beyond, ended_early in ((0.48, False), (0.52, True)):
        set_movie_seconds(source.path, FRAMES / 25 + beyond)
        assert isinstance(until_error(source)[1], SourceEndedEarly) is ended_early


def test_sound_that_outlasts_the_pictures_is_not_an_early_end(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", "mp4v")
    set_movie_seconds(path, 10)
    frames, error = until_error(VideoFile(path))
    assert len(frames) == FRAMES
    assert error is None


def test_movie_seconds(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", "mp4v")
    assert movie_seconds(path) == pytest.approx(FRAMES / 25)
    assert movie_seconds(index_first(path)) == pytest.approx(FRAMES / 25)
    data = path.read_bytes()
    for end in range(data.index(b"mvhd") + 24):
        path.write_bytes(data[:end])
        assert movie_seconds(path) is None
    assert movie_seconds(write_video(tmp_path / "a.avi", "MJPG")) is None
    assert movie_seconds(write_video(tmp_path / "a.mkv", "mp4v")) is None
    box = tmp_path / "box.mp4"
    wide = b"mvhd" + bytes([1, 0, 0, 0]) + bytes(16) + struct.pack(">IQ", 1000, 2500)
    large = struct.pack(">I4sQ", 1, b"free", 20) + bytes(4)  # a box with a 64-bit size
    box.write_bytes(large + struct.pack(">I4sI", 999, b"moov", 108) + wide)
    assert movie_seconds(box) == 2.5
    box.write_bytes(box.read_bytes()[:-8] + b"\xff" * 8)  # "not known"
    assert movie_seconds(box) is None
    box.write_bytes(struct.pack(">I4sQ", 1, b"free", 2**64 - 1) + bytes(4))
    assert movie_seconds(box) is None
    box.write_bytes(bytes(64))
    assert movie_seconds(box) is None


def test_nothing_is_printed_for_damaged_videos(tmp_path: Path) -> None:
    """OpenCV and FFmpeg log to stderr from C; our one line says it all."""
    cut(write_video(tmp_path / "a.avi", "MJPG"), 0.6)
    cut(write_video(tmp_path / "b.avi", "MJPG"), 0.1)
    cut(write_video(tmp_path / "c.mkv", "mp4v"), 0.6)
    cut(index_first(write_video(tmp_path / "d.mp4", "mp4v")), 0.6)
    cut(write_video(tmp_path / "e_01.mp4", "mp4v"), 0.6)
    program = """
import sys
from pathlib import Path
import ltr.video
from ltr.errors import FrameError, SourceEndedEarly
from ltr.video import VideoFile
for path in [*sorted(Path(sys.argv[1]).iterdir()), Path(sys.argv[2])]:
    try:
        for frame in VideoFile(path):
            pass
    except FrameError as error:
        print(path.name, type(error).__name__)
"""
    command = [sys.executable, "-c", program, str(tmp_path), str(AV1)]
    silent = {**os.environ, "OPENCV_FFMPEG_LOGLEVEL": "-8"}  # as our command lines set it
    done = subprocess.run(command, capture_output=True, text=True, env=silent)
    assert done.stdout.split("\n") == [
        "a.avi SourceEndedEarly",
        "b.avi FrameError",
        "c.mkv SourceEndedEarly",
        "d.mp4 SourceEndedEarly",
        "e_01.mp4 FrameError",
        "av1.mp4 FrameError",
        "",
    ]
    assert done.stderr == ""
