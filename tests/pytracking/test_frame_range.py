"""Parts of a source, by frame numbers that count from 1; sources that are alive are known and refused."""

from __future__ import annotations

import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.errors import FrameError, SourceEndedEarly
from ltr.frame_folder import FrameFolder
from ltr.video import VideoFile
from pytracking import open_source
from pytracking.sources.frame_range import FrameRange, Segment, frames_of

N = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Frame number k, from 1, is all of the value 10 k."""
    path = tmp_path / "clip"
    path.mkdir()
    for k in range(1, N + 1):
        cv2.imwrite(str(path / f"{k}.png"), np.full((20, 30, 3), 10 * k, np.uint8))
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    for k in range(1, N + 1):
        writer.write(np.full((48, 64, 3), 10 * k, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("kind", ["folder", "video"])
@pytest.mark.parametrize(
    ("frames", "numbers"),
    [
        (FrameRange(3), range(3, N + 1)),
        (FrameRange(1, 4), range(1, 5)),
        (FrameRange(2, 9, 3), (2, 5, 8)),
        (FrameRange(stride=5), (1, 6, 11)),
        (FrameRange(N, N), (N,)),
        (FrameRange(), range(1, N + 1)),
    ],
)
def test_the_frames_of_a_range(
    kind: str, frames: FrameRange, numbers: range, request: pytest.FixtureRequest
) -> None:
    source = open_source(request.getfixturevalue(kind))
    part = frames_of(source, frames)
    seen = [round(float(frame.mean()) / 10) for frame in part]
    assert seen == list(numbers)
    assert seen == [frames.number(k) for k in range(len(seen))]
    assert part.length == len(seen)
    assert part.frame_rate == source.frame_rate / frames.stride
    assert part.name == "clip"


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (FrameRange(13), "there is no frame 13 to start with: FOLDER has 12 frames, counted from 1"),
        (FrameRange(2, 13), "there is no frame 13 to end with: FOLDER has 12 frames, counted from 1"),
        (FrameRange(5, 4), "the last frame 4 comes before the first 5: exchange them"),
    ],
)  # fmt: skip
def test_ranges_that_are_not_there(frames: FrameRange, said: str, folder: Path) -> None:
    with pytest.raises(FrameError) as caught:
        Segment(FrameFolder(folder), frames)
    assert str(caught.value) == said.replace("FOLDER", str(folder))


def test_damage_within_a_range(folder: Path) -> None:
    (folder / "7.png").write_bytes(b"no image")
    part = frames_of(FrameFolder(folder), FrameRange(4, 10, 3))
    seen = []
    with pytest.raises(SourceEndedEarly, match="stopped before frame 7: "):
        seen.extend(part)
    assert [4 for _ in seen] == [4]
    with pytest.raises(FrameError) as caught:
        list(frames_of(FrameFolder(folder), FrameRange(7)))
    assert not isinstance(caught.value, SourceEndedEarly)


def test_a_video_that_is_cut_off_is_told_of_at_its_end(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = VideoFile(video)
    monkeypatch.setattr(source, "_is_incomplete", lambda done, seconds: done == N)
    assert len(list(frames_of(source, FrameRange(3, 9)))) == 7
    part, seen = frames_of(source, FrameRange(3)), []
    with pytest.raises(SourceEndedEarly, match="stopped after 12 of 12 frames"):
        seen.extend(part)
    assert len(seen) == 10


@pytest.mark.parametrize(
    ("text", "what", "address", "record"),
    [
        ("0", "a camera", "/dev/video0", "-f v4l2 -i /dev/video0"),
        ("/dev/video71", "a camera", "/dev/video71", "-f v4l2 -i /dev/video71"),
        ("rtsp://cam/1", "an address", "rtsp://cam/1", "-i rtsp://cam/1"),
        ("http://a.b/v.mp4?x=1&y=2", "an address", "http://a.b/v.mp4?x=1&y=2", "-i 'http://a.b/v.mp4?x=1&y=2'"),
    ],
)  # fmt: skip
def test_live_sources_are_known(text: str, what: str, address: str, record: str) -> None:
    with pytest.raises(FrameError) as caught:
        open_source(Path(text))
    quoted = shlex.quote(address)
    assert str(caught.value) == (
        f"{address} is {what}: track it live with `pytracking camera {quoted}` or, in a browser, "
        f"`pytracking serve {quoted}`, or record it to a file (ffmpeg {record} -t 60 recording.mp4) and give that"
    )


def test_a_folder_may_be_named_like_a_camera(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.rename(folder.with_name("0"))
    monkeypatch.chdir(folder.parent)
    assert open_source("0").length == N
