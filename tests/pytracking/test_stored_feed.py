"""Files and folders as feeds: no frame is lost, seeking is exact, the end is clean and not the end."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from fake_devices import listening, threads_of, wait_until
from numbered_clip import FRAMES, cut, index_of, write_images, write_video

from ltr.errors import FrameError
from ltr.frame_folder import FrameFolder
from ltr.video import VideoFile
from pytracking.sources.stored_feed import AHEAD, StoredFeed

Stored = VideoFile | FrameFolder


@pytest.fixture(scope="module")
def video_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4", "mp4v")


@pytest.fixture(params=["video", "folder"])
def source(request: pytest.FixtureRequest, video_path: Path, tmp_path: Path) -> Stored:
    if request.param == "video":
        return VideoFile(video_path)
    return FrameFolder(write_images(tmp_path / "clip", [f"{k}.png" for k in range(FRAMES)]))


def test_every_frame_in_order_however_slow_the_taker(source: Stored) -> None:
    with listening(StoredFeed(source)) as listener:
        feed = listener.feed
        assert (feed.live, feed.length, feed.frame_rate) == (False, FRAMES, source.frame_rate)
        taken = []
        while len(taken) < FRAMES:
            shot = listener.shot()
            assert index_of(shot.frame) == shot.number - 1
            taken.append(shot.number)
            if shot.number % 8 == 0:
                time.sleep(0.02)
        assert taken == list(range(1, FRAMES + 1))
        listener.until_it_is("ended")
        assert feed.condition.line == ""
        assert feed.take() is None


def test_no_more_than_a_few_are_decoded_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = FrameFolder(write_images(tmp_path / "clip", [f"{k}.png" for k in range(FRAMES)]))
    decoded: list[int] = []
    frame = source.frame
    monkeypatch.setattr(source, "frame", lambda k: decoded.append(k) or frame(k))  # type: ignore[func-returns-value]
    with listening(StoredFeed(source)) as listener:
        wait_until(lambda: len(decoded) > AHEAD)
        time.sleep(0.1)
        assert len(decoded) == AHEAD + 1  # the last one waits for room
        assert listener.numbers(2) == [1, 2]
        wait_until(lambda: len(decoded) == AHEAD + 3)


def test_seeking_is_exact_forward_and_backward(source: Stored) -> None:
    expected = list(source)
    with listening(StoredFeed(source)) as listener:
        for number in (30, 31, 7, FRAMES, 1, 12):
            listener.feed.seek(number)
            for ahead in range(min(3, FRAMES - number + 1)):
                shot = listener.shot()
                assert shot.number == number + ahead
                assert np.array_equal(shot.frame, expected[shot.number - 1])


def test_the_end_is_no_end(source: Stored) -> None:
    with listening(StoredFeed(source)) as listener:
        for first in (1, FRAMES - 1, FRAMES, 1):
            listener.feed.seek(first)
            count = FRAMES - first + 1
            assert listener.numbers(count) == list(range(first, FRAMES + 1))
            listener.until_it_is("ended")
            assert listener.feed.condition.line == ""


def test_who_takes_the_last_frame_hears_that_it_was(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "clip", ["1.png", "2.png"])
    with listening(StoredFeed(FrameFolder(folder))) as listener:
        listener.until(lambda: listener.feed._now.word == "ended")  # type: ignore[attr-defined]
        while listener.woken.wait(0.1):  # until the reader has said its last
            listener.woken.clear()
        assert listener.feed.condition.word == "running"
        assert listener.feed.take()
        assert not listener.woken.is_set()
        assert listener.feed.take()
        assert listener.woken.is_set()
        assert listener.feed.condition.word == "ended"


def test_beyond_the_end(source: Stored) -> None:
    with listening(StoredFeed(source)) as listener:
        for number in (0, -3, FRAMES + 1):
            with pytest.raises(FrameError) as caught:
                listener.feed.seek(number)
            assert str(caught.value) == (
                f"there is no frame {number} in {source.path}: it has {FRAMES} frames, counted from 1"
            )
        assert listener.numbers(2) == [1, 2]


def test_a_length_that_was_a_guess_is_mended(video_path: Path) -> None:
    source = VideoFile(video_path)
    source.length = FRAMES + 20
    with listening(StoredFeed(source)) as listener:
        listener.feed.seek(FRAMES + 5)
        listener.until_it_is("ended")
        assert listener.feed.condition.line == (
            f"there is no frame {FRAMES + 5}: {video_path} has {FRAMES} frames"
        )
        assert listener.feed.length == FRAMES
        listener.feed.seek(FRAMES)
        assert listener.numbers(1) == [FRAMES]


def test_a_video_that_is_cut_off(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "cut.avi", "MJPG"), 0.5)
    source = VideoFile(path)
    with listening(StoredFeed(source)) as listener:
        listener.until_it_is("running")
        numbers = []
        while listener.feed.condition.word != "ended":
            numbers += [shot.number for shot in [listener.feed.take()] if shot]
        assert 5 < len(numbers) < FRAMES
        assert numbers == list(range(1, len(numbers) + 1))
        assert listener.feed.length == len(numbers)
        assert listener.feed.condition.line == (
            f"video {path} stopped after {len(numbers)} of {FRAMES} frames: it is cut off or damaged, "
            "fetch it again"
        )
        said = listener.feed.condition
        listener.feed.seek(2)
        assert listener.numbers(len(numbers) - 1) == numbers[1:]
        listener.until_it_is("ended")
        assert listener.feed.condition == said


def test_a_folder_with_a_damaged_image(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "clip", ["1.png", "2.png", "3.png"])
    (folder / "2.png").write_bytes(b"nothing")
    with listening(StoredFeed(FrameFolder(folder))) as listener:
        assert listener.numbers(1) == [1]
        listener.until_it_is("ended")
        assert listener.feed.condition.line.startswith(
            f"folder {folder} stopped after 1 of 3 frames"
        )


def test_a_shot_is_captured_when_it_is_taken(video_path: Path) -> None:
    now = [5.0]
    with listening(StoredFeed(VideoFile(video_path), clock=lambda: now[0])) as listener:
        listener.until_it_is("running")
        now[0] = 9.0
        assert listener.shot().captured == 9.0


def test_closing_does_not_wait_for_a_long_look_through(
    video_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = VideoFile(video_path)
    feed = StoredFeed(source)
    looked: list[bool] = []

    def look_for_ever(wanted) -> bool:  # type: ignore[no-untyped-def]
        while wanted():
            looked.append(True)
            time.sleep(0.001)
        return False

    monkeypatch.setattr(source, "note_times", look_for_ever)
    feed.start(lambda: None)
    feed.seek(30)
    wait_until(lambda: bool(looked))
    assert feed.condition.word == "opening"
    assert feed.condition.line == f"frame 30 of {video_path} is looked for, once through the video"
    began = time.monotonic()
    feed.close()
    feed.close()
    assert time.monotonic() - began < 1
    assert not threads_of(feed)
    assert feed.take() is None
    feed.seek(3)
    assert feed.take() is None
