"""From a path to the source that reads it."""

from __future__ import annotations

from pathlib import Path

from ltr.errors import FrameError
from ltr.frame_folder import FrameFolder
from ltr.images import IMAGE_SUFFIXES
from ltr.video import VideoFile
from pytracking.sources.source import Source


def open_source(path: Path) -> Source:
    """The frames of a folder of images or of a video file. Raises FrameError for what is
    neither."""
    if path.is_dir():
        return FrameFolder(path)
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        raise FrameError(
            f"{path} is a single image: give the folder that holds the frames, or a video file"
        )
    if path.exists() and not path.is_file():
        raise FrameError(
            f"{path} is neither a file nor a folder: give a video file or a folder of images"
        )
    return VideoFile(path)
