"""How a session ends: at the end of its block, by Ctrl-C, by kill -9. No thread is left, the recording is whole."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_ins import PATIENCE

from ltr.video import VideoFile
from pytracking import read_results
from pytracking.sinks.video_writer import has_h264

H264 = pytest.param(True, marks=pytest.mark.skipif(not has_h264(), reason="needs av"))
FRAMES = 100
CHILD = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
import pytracking.sinks.growing_video as growing_video
from stand_ins import BOX, StandInFeed, frame_shown, picture, session_of
if sys.argv[2] == "mjpeg":
    growing_video.has_h264 = lambda: False
feed = StandInFeed("clip", [picture(100 + k, (480, 360)) for k in range(1, {FRAMES} + 1)])
with session_of(Path(sys.argv[1]), feed) as session:
    frame_shown(session, "clip", 1)
    session.start_recording()
    session.add("clip", BOX)
    frame_shown(session, "clip", {FRAMES})
    print("shown", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def child(
    tmp_path: Path, request: pytest.FixtureRequest, signals_not_ignored: None
) -> Iterator[subprocess.Popen[str]]:
    """A process that has recorded all frames and is in its block still."""
    words = [sys.executable, "-c", CHILD, str(tmp_path), request.param]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "shown\n", process.stderr and process.stderr.read()
        yield process
        process.kill()


def recorded(tmp_path: Path) -> tuple[int, list[int]]:
    """Frames of the video, and the frames of the boxes."""
    (folder,) = (tmp_path / "recordings").iterdir()
    (video,) = folder.glob("video.*")
    return len(VideoFile(video)), read_results(folder / "boxes.csv")["frame"].tolist()


KINDS = ["h264", "mjpeg"] if has_h264() else ["mjpeg"]


@pytest.mark.parametrize("child", KINDS, indirect=True)
def test_after_kill_9_all_but_the_last_second_is_there(
    child: subprocess.Popen[str], tmp_path: Path
) -> None:
    child.kill()
    child.wait()
    frames, boxes = recorded(tmp_path)
    print(f"{frames} of {FRAMES}")
    assert frames > FRAMES - 25
    assert boxes == list(range(1, FRAMES + 1))


@pytest.mark.parametrize("child", KINDS[:1], indirect=True)
def test_ctrl_c_finishes_the_recording_within_a_second(
    child: subprocess.Popen[str], tmp_path: Path
) -> None:
    begin = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.wait(PATIENCE)
    took = time.monotonic() - begin
    frames, boxes = recorded(tmp_path)
    assert (frames, boxes) == (FRAMES, list(range(1, FRAMES + 1)))
    assert took < 5, "a second, and more on a loaded machine"
