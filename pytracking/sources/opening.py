"""From a path to the source that reads it."""

from __future__ import annotations

import os
import re
import shlex

from ltr.errors import FrameError
from ltr.frame_folder import FrameFolder
from ltr.images import IMAGE_SUFFIXES
from ltr.paths import as_path
from ltr.video import VideoFile


def open_source(path: str | os.PathLike[str]) -> VideoFile | FrameFolder:
    """The frames of a folder of images or of a video file. Raises FrameError for what is neither,
    and for cameras and addresses, which it knows."""
    path = as_path(path, "source", FrameError)
    if path.is_dir():
        return FrameFolder(path)
    if path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
        raise FrameError(
            f"{path} is a single image: give the folder that holds the frames, or a video file"
        )
    if not path.is_file() and (live := live_source(str(path))):
        what, address = live
        camera = "-f v4l2 " if what == "a camera" else ""
        record = f"ffmpeg {camera}-i {shlex.quote(address)} -t 60 recording.mp4"
        raise FrameError(
            f"{address} is {what}, and live sources are not there yet: record it to a file "
            f"({record}) and give that"
        )
    if path.exists() and not path.is_file():
        raise FrameError(
            f"{path} is neither a file nor a folder: give a video file or a folder of images"
        )
    return VideoFile(path)


def live_source(text: str) -> tuple[str, str] | None:
    """What kind of live source is meant, and its address; None for a path. A number is that of a
    camera. A path has lost one of the two slashes of an address."""
    if re.fullmatch(r"\d{1,3}", text):
        return "a camera", f"/dev/video{text}"
    if re.fullmatch(r"/dev/video\d+", text):
        return "a camera", text
    address = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", text)
    return ("an address", f"{address[1]}://{address[2]}") if address else None
