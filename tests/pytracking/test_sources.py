"""From a path to the source that reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from numbered_clip import write_images, write_video

from ltr.errors import FrameError
from ltr.frame_folder import FrameFolder
from ltr.video import VideoFile
from pytracking.sources.opening import open_source


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
