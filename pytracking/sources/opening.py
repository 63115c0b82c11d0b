"""From a path, a camera or an address to the source or the feed that reads it."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Callable

from ltr.errors import FrameError
from ltr.frame_folder import FrameFolder
from ltr.images import IMAGE_SUFFIXES
from ltr.paths import as_path
from ltr.video import VideoFile
from pytracking.sources.camera import Camera
from pytracking.sources.feed import Feed
from pytracking.sources.live_feed import LiveFeed
from pytracking.sources.stored_feed import StoredFeed
from pytracking.sources.stream import Stream
from pytracking.sources.synthetic import NAME as SYNTHETIC
from pytracking.sources.synthetic import Synthetic


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
            f"{address} is {what}: track it live with `pytracking camera {shlex.quote(address)}` "
            f"or, in a browser, `pytracking serve {shlex.quote(address)}`, or record it to a file "
            f"({record}) and give that"
        )
    if path.exists() and not path.is_file():
        raise FrameError(
            f"{path} is neither a file nor a folder: give a video file or a folder of images"
        )
    return VideoFile(path)


def open_feed(
    text: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    frame_rate: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Feed:
    """The feed of a camera ("0" or "/dev/video0"), an address ("rtsp://..."), the rendered clip
    ("synthetic"), a video file or a folder of images; what lies on the disk goes first. It does not
    begin before `start`: that a device cannot be had, the feed's condition says.

    size: (width, height) in pixels and frame_rate are asked of cameras and of the clip; other
    sources have their own. Raises FrameError for a file or folder that cannot be read."""
    path = as_path(text, "source", FrameError)
    if not path.is_dir() and not path.is_file():
        # Of an address a path has lost a slash.
        words = text if isinstance(text, str) else str(path)
        if words == SYNTHETIC:
            return LiveFeed(Synthetic(size, frame_rate, clock), clock=clock)
        if live := live_source(words):
            what, address = live
            if what == "a camera":
                number = int(address.removeprefix("/dev/video"))
                return LiveFeed(Camera(number, size, frame_rate), clock=clock)
            return LiveFeed(Stream(address), clock=clock)
    return StoredFeed(open_source(path), clock)


def live_source(text: str) -> tuple[str, str] | None:
    """What kind of live source is meant, and its address; None for a path. A number is that of a
    camera. A path has lost one of the two slashes of an address."""
    if re.fullmatch(r"\d{1,3}", text):
        return "a camera", f"/dev/video{text}"
    if re.fullmatch(r"/dev/video\d+", text):
        return "a camera", text
    address = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]+):/+(.*)", text)
    return ("an address", f"{address[1]}://{address[2]}") if address else None
