"""From a path to the source that reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_devices import listening
from numbered_clip import write_images, write_video

from ltr.errors import FrameError
from ltr.frame_folder import FrameFolder
from ltr.video import VideoFile
from pytracking.sources.live_feed import LiveFeed
from pytracking.sources.opening import open_feed, open_source
from pytracking.sources.stored_feed import StoredFeed


def refusal(path: Path) -> str:
    with pytest.raises(FrameError) as caught:
        open_source(path)
    return str(caught.value)


def test_videos_and_folders(tmp_path: Path) -> None:
    assert isinstance(open_source(write_video(tmp_path / "a.mp4", "mp4v")), VideoFile)
    assert isinstance(open_source(write_images(tmp_path / "clip", ["1.jpg"])), FrameFolder)


def test_neither_video_nor_folder(tmp_path: Path) -> None:
    image = write_images(tmp_path, ["a.PNG"]) / "a.PNG"
    assert refusal(image) == (
        f"{image} is a single image: give the folder that holds the frames, or a video file"
    )
    assert refusal(Path("/dev/null")) == (
        "/dev/null is neither a file nor a folder: give a video file or a folder of images"
    )


def test_feeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text, name in [
        ("3", "video3"),
        ("/dev/video12", "video12"),
        ("rtsp://cam/1", "cam_1"),
        (Path("http://cam/1"), "cam_1"),
        ("synthetic", "synthetic"),
    ]:
        feed = open_feed(text)
        assert isinstance(feed, LiveFeed)
        assert feed.name == name
    video = write_video(tmp_path / "a.mp4", "mp4v")
    for path in (video, str(video)):
        feed = open_feed(path)
        assert isinstance(feed, StoredFeed)
        assert (feed.name, feed.length) == ("a", 40)


@pytest.mark.parametrize("name", ["0", "synthetic"])
def test_what_lies_on_the_disk_goes_first(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / name, ["1.jpg", "2.jpg"])
    feed = open_feed(name)
    assert (feed.live, feed.length) == (False, 2)


def test_size_and_frame_rate_are_asked_of_devices() -> None:
    assert open_feed("0", frame_rate=15.0).frame_rate == 15.0
    with listening(open_feed("synthetic", size=(320, 180), frame_rate=50.0)) as listener:
        assert listener.feed.frame_rate == 50.0
        assert listener.shot().frame.shape == (180, 320, 3)


def test_no_such_feed(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"^cannot read video .*none\.mp4 \(No such file"):
        open_feed(tmp_path / "none.mp4")
    with pytest.raises(FrameError):
        open_feed(None)  # type: ignore[arg-type]
