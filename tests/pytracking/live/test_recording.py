"""Recordings: what lies in them, when it was, and what hinders them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from stand_ins import (
    BOX,
    PATIENCE,
    StandInFeed,
    frame_shown,
    picture,
    session_of,
    shown,
)

import pytracking.live.recording as recording_module
import pytracking.sinks.growing_video as growing_video
from ltr.errors import ResultError
from ltr.images import Frame
from ltr.video import VideoFile
from pytracking import read_results
from pytracking.live.recording import new_folder
from pytracking.sinks.video_writer import has_h264

H264 = pytest.param(True, marks=pytest.mark.skipif(not has_h264(), reason="needs av"))


@pytest.fixture(params=[H264, False], ids=["h264", "mjpeg"])
def suffix(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of the videos, with PyAV and without."""
    monkeypatch.setattr(growing_video, "has_h264", lambda: request.param)
    return ".mp4" if request.param else ".avi"


def times(path: Path) -> list[float]:
    """When each frame of a video is shown, in seconds."""
    capture, shown_at = cv2.VideoCapture(str(path)), []
    while capture.grab():
        shown_at.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    capture.release()
    return shown_at


def grey(video: Path) -> list[int]:
    """The pixel in the middle of each frame."""
    return [int(frame[frame.shape[0] // 2, frame.shape[1] // 2, 0]) for frame in VideoFile(video)]


def test_a_file_is_recorded_frame_by_frame(tmp_path: Path, suffix: str) -> None:
    frames = [picture(10 * k, (480, 360)) for k in range(1, 13)]
    feed = StandInFeed("clip", frames)
    with session_of(tmp_path, feed) as session:
        frame_shown(session, "clip", 1)
        folder = session.start_recording()
        assert folder.parent == tmp_path / "recordings"
        assert session.view("clip").recording == folder  # type: ignore[union-attr]
        assert session.status()["recording"] == str(folder)
        with pytest.raises(ResultError, match=" is being recorded already: stop it first$"):
            session.start_recording()
        session.add("clip", BOX, "cup")
        shown(session, "clip", lambda view: view.condition.word == "ended")
        assert session.stop_recording() == folder
        assert session.view("clip").recording is None  # type: ignore[union-attr]
        with pytest.raises(ResultError, match="^nothing is being recorded: "):
            session.stop_recording()
        assert session.status()["messages"] == []
    video = folder / f"video{suffix}"
    assert sorted(p.name for p in folder.iterdir()) == ["boxes.csv", video.name]
    np.testing.assert_allclose(grey(video), [10 * k for k in range(1, 13)], atol=3)
    np.testing.assert_allclose(times(video), np.arange(12) / 25, atol=1e-3)
    first = next(iter(VideoFile(video)))
    assert (first[10:30, 8:32] != first[200, 200]).any(), "the box that was given is drawn"
    lines = (folder / "boxes.csv").read_text().splitlines()
    assert lines[0] == "frame,target,x,y,w,h,score,status,seconds"
    assert lines[1].startswith("1,cup,10.0000,12.0000,20.0000,16.0000,,init,")
    assert lines[2].startswith("2,cup,11.0000,12.0000,20.0000,16.0000,0.9000,found,")
    table = read_results(folder / "boxes.csv")
    assert table["frame"].tolist() == list(range(1, 13))
    assert table["x"].tolist() == [BOX[0] + k for k in range(12)]


def test_two_sources_and_one_that_comes_later(tmp_path: Path) -> None:
    feeds = StandInFeed("hall door"), StandInFeed("hall_door"), StandInFeed("yard")
    with session_of(tmp_path, *feeds[:2]) as session:
        for feed in feeds[:2]:
            feed.push()
            frame_shown(session, feed.name, 1)
        session.add("hall_door", BOX)
        folder = session.start_recording()
        session.open(feeds[2])
        for feed in feeds:
            feed.push()
            frame_shown(session, feed.name, feed.count)
        session.add("yard", BOX)
        session.rename("target", "cup")
    names = {p.name for p in folder.iterdir()}
    assert {"video_hall_door.mp4", "video_hall_door_.mp4", "video_yard.mp4"} <= {
        Path(name).stem + ".mp4" for name in names if name.startswith("video")
    }
    (table,) = (p for p in folder.glob("boxes_hall_door*"))
    rows = read_results(table)
    assert rows[["frame", "target", "status"]].values.tolist() == [
        [1, "target", "init"],
        [2, "target", "found"],
    ]
    assert read_results(folder / "boxes_yard.csv")["status"].tolist() == ["init"]


def test_a_live_recording_plays_in_real_time(tmp_path: Path, suffix: str) -> None:
    """Frames that came at 0, .1, .5 and 1.3 seconds are shown then."""
    feed = StandInFeed()
    at = [100.0, 100.1, 100.5, 101.3]
    with session_of(tmp_path, feed) as session:
        for number, captured in enumerate(at, 1):
            feed.push(picture(40 * number, (480, 360)), captured)
            frame_shown(session, "feed", number)
            if number == 1:
                folder = session.start_recording()
    video = folder / f"video{suffix}"
    if suffix == ".mp4":
        np.testing.assert_allclose(times(video), [0, 0.1, 0.5, 1.3], atol=2e-3)
    else:  # at 25 frames a second; a frame is repeated up to the next one
        shown_at = dict(zip([round(25 * t) for t in times(video)], grey(video), strict=True))
        for number, captured in enumerate(at, 1):
            assert abs(shown_at[round(25 * (captured - 100))] - 40 * number) < 5


def test_a_gap_of_an_hour_is_cut_where_frames_have_no_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing_video, "has_h264", lambda: False)
    video = growing_video.GrowingVideo(tmp_path / "video.avi", 5.0)
    for seconds in (0.0, 0.2, 3600.0, 3600.2):
        video.write(picture(1), seconds)
    video.close()
    assert len(times(tmp_path / "video.avi")) == 2 + 5 + 1


class Slow:
    """A video that waits until it may go on."""

    def __init__(self, go_on: threading.Event, written: list[int]) -> None:
        self.go_on, self.written = go_on, written

    def write(self, frame: Frame, seconds: float) -> None:
        self.go_on.wait()
        self.written.append(int(frame[-1, -1, 0]))

    def close(self) -> None:
        pass


def test_a_slow_encoder_drops_live_frames_and_no_boxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, written = threading.Event(), list[int]()
    monkeypatch.setattr(recording_module, "GrowingVideo", lambda *_: Slow(go_on, written))
    feed = StandInFeed()
    with session_of(tmp_path, feed) as session:
        feed.push()
        frame_shown(session, "feed", 1)
        folder = session.start_recording()
        session.add("feed", BOX)
        for _ in range(29):
            frame_shown(session, "feed", feed.push())
        go_on.set()
        session.stop_recording()
        (message,) = session.status()["messages"]
    dropped = 30 - len(written)
    assert 20 <= dropped <= 21
    assert message["line"].endswith(
        f" lacks {dropped} of 30 frames, which came while the encoder was busy; their boxes are there"
    )
    assert read_results(folder / "boxes.csv")["frame"].tolist() == list(range(1, 31))


def test_a_slow_encoder_is_waited_for_by_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, written = threading.Event(), list[int]()
    monkeypatch.setattr(recording_module, "GrowingVideo", lambda *_: Slow(go_on, written))
    feed = StandInFeed("clip", [picture(k) for k in range(1, 31)])
    with session_of(tmp_path, feed) as session:
        frame_shown(session, "clip", 1)
        session.start_recording()
        session.add("clip", BOX)
        try:
            shown(session, "clip", lambda view: view.shot.number >= 8)
        finally:
            go_on.set()
        shown(session, "clip", lambda view: view.condition.word == "ended")
    assert written == list(range(1, 31))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("a file")
    feed = StandInFeed()
    with session_of(tmp_path, feed) as session:
        with pytest.raises(ResultError, match="^cannot make folder .*recordings: File exists$"):
            session.start_recording()
        feed.push()
        frame_shown(session, "feed", 1)
        with pytest.raises(ResultError, match="^cannot make folder .*recordings: File exists$"):
            session.snapshot("feed")
        frame_shown(session, "feed", feed.push())


@pytest.mark.parametrize("boxes", [False, True])
def test_a_full_disk_is_said_and_tracking_goes_on(
    boxes: bool, tmp_path: Path, suffix: str, file_size_limit: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    feed, random = StandInFeed(), np.random.default_rng(0)
    noise = random.integers(0, 256, (120, 160, 3), np.uint8)
    with session_of(tmp_path, feed) as session:
        feed.push(noise, 999 / 25)
        frame_shown(session, "feed", 1)
        folder = session.start_recording()
        video = folder / f"video{suffix}"
        if boxes:
            (folder / "boxes.csv").symlink_to("/dev/full")
            session.add("feed", BOX)
            said = f"cannot write boxes {folder / 'boxes.csv'}: File exists"
        elif suffix == ".avi":  # OpenCV does not tell
            full = os.statvfs_result((4096, 4096, 10**6, 100, 100, 10**6, 10**5, 10**5, 0, 255))
            monkeypatch.setattr(growing_video.os, "statvfs", lambda path: full)
            said = f"cannot write video {video}: No space left on device"
        else:
            file_size_limit(1_500_000)
            said = f"cannot write video {video}: File too large"
        end, k = time.monotonic() + PATIENCE, 1000
        while session.status()["recording"] and time.monotonic() < end:
            frame_shown(session, "feed", feed.push(np.roll(noise, 7 * k), k / 25))
            k += 1
        assert frame_shown(session, "feed", feed.push()).recording is None
    lines = [message["line"] for message in session.status()["messages"]]
    assert lines[0] == f"{said}; {folder} has what was recorded until then"
    if not boxes:
        assert len(VideoFile(video)) >= 5


def test_folders_are_never_overwritten(tmp_path: Path) -> None:
    folders = [new_folder(tmp_path) for _ in range(4)]
    assert len(set(folders)) == 4
