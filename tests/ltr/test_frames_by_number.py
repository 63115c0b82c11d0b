"""Frames of a video by their number, also where OpenCV's seeking misses them."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered_clip import index_of, write_video

import ltr.video
from ltr.errors import FrameError
from ltr.video import VideoFile

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize(
    "name", ["variable_rate.mp4", "open_gop.ts", "b_frames.mpg", "no_times.h264"]
)
def test_frames_by_number_where_seeking_misses(name: str) -> None:
    """Sixty numbered frames each, with B-frames; made with PyAV 18.1.0 (pip install av), libx264 and mpeg2video."""
    video = VideoFile(DATA / name)
    frames = list(video)
    assert [index_of(frame) for frame in frames] == list(range(60))
    assert len(video) == 60
    order = np.random.default_rng(0).permutation(60)
    for k in (*order, 59, 58, 0, 59):
        np.testing.assert_array_equal(video.frame(int(k)), frames[k], err_msg=f"frame {k}")
    capture, missed = cv2.VideoCapture(str(video.path), cv2.CAP_FFMPEG), 0
    for k in order:
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(k))
        there, image = capture.read()
        missed += not there or index_of(image) != k
    capture.release()
    assert missed > 0, "OpenCV finds all frames of this clip by itself: it is no test"


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "mp4v")]
)
def test_frames_by_number_are_sought(
    tmp_path: Path, name: str, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = VideoFile(write_video(tmp_path / name, codec, frames=60))
    assert len(video) == 60
    opened = []
    monkeypatch.setattr(ltr.video, "_open", lambda path, real=ltr.video._open: (opened.append(path), real(path))[1])  # fmt: skip
    order = [50, 3, 2, 4, 59, 21, 20, 40]
    assert [index_of(video.frame(k)) for k in order] == order
    assert len(opened) == 1
    assert index_of(video.frame(0)) == 0


def test_frames_of_real_clips_by_number(shared: Path) -> None:
    for name in ("davis_bear", "davis_car-shadow", "cdnet_highway_t0"):
        video = VideoFile(shared / "data" / "train" / f"{name}.mp4")
        frames = list(video)
        for k in np.random.default_rng(1).permutation(len(frames))[:12]:
            np.testing.assert_array_equal(video.frame(int(k)), frames[k], err_msg=f"{name} {k}")


def test_numbers_beyond_the_video(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.avi", "MJPG", frames=3))
    for number in (-1, 3):
        with pytest.raises(IndexError) as error:
            video.frame(number)
        assert str(error.value) == f"video {video.path} has 3 frames, not one {number}"


def test_frames_by_number_of_a_file_that_has_changed(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.avi", "MJPG", frames=30))
    assert len(video) == 30
    write_video(video.path, "MJPG", frames=5)
    with pytest.raises(FrameError) as error:
        video.frame(20)
    assert str(error.value) == f"video {video.path} has changed: its frame 20 is not there"
    assert index_of(video.frame(3)) == 3
    data = write_video(video.path, "MJPG", frames=30).read_bytes()
    rate = struct.pack("<II", 1, 25)
    assert data.count(rate) == 1
    video.path.write_bytes(data.replace(rate, struct.pack("<II", 1, 10)))
    video = pickle.loads(pickle.dumps(video))  # as many frames, at other times
    with pytest.raises(FrameError, match="has changed: its frame 20 is not there"):
        video.frame(20)


def test_a_video_goes_to_another_process(tmp_path: Path) -> None:
    video = VideoFile(write_video(tmp_path / "a.avi", "MJPG"))
    assert index_of(video.frame(7)) == 7
    copy = pickle.loads(pickle.dumps(video))
    assert [index_of(copy.frame(k)) for k in (8, 2)] == [8, 2]
    assert index_of(video.frame(8)) == 8
