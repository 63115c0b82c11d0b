"""Frames from a video file, decoded by OpenCV."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ltr.errors import FrameError
from ltr.images import Frame, as_frame, quiet_opencv
from pytracking.sources.source import DEFAULT_FRAME_RATE, SourceEndedEarly

if TYPE_CHECKING:
    import cv2

HIGHEST_FRAME_RATE = 1000.0
"""Above this a container has given its clock's ticks for its frame rate."""
END_SLACK = 0.5
"""How many seconds before its announced end a video may end without being called incomplete."""


class VideoFile:
    """The frames of a video, upright (the container's rotation is applied), each decode from the
    beginning.

    Raises FrameError for a file that is no video or gives no frame, and in iterating
    SourceEndedEarly for one that is cut off or damaged."""

    def __init__(self, path: Path) -> None:
        import cv2

        self.path = path
        self.name = path.stem
        capture = _open(path)
        try:
            rate = capture.get(cv2.CAP_PROP_FPS)
            self.frame_rate = rate if 0 < rate <= HIGHEST_FRAME_RATE else DEFAULT_FRAME_RATE
            count = capture.get(
                cv2.CAP_PROP_FRAME_COUNT
            )  # nonsense, such as -1.9e14, where it is not known
            self.length: int | None = int(count) if 0 < count < 2**31 else None
            if not capture.grab() or not capture.retrieve()[0]:
                raise FrameError(_no_frame(path, capture))
        finally:
            capture.release()

    def __iter__(self) -> Iterator[Frame]:
        import cv2

        capture = _open(self.path)
        try:
            done, seconds = 0, 0.0
            while True:
                there, image = capture.read()
                if not there:
                    break
                done += 1
                seconds = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                yield as_frame(image, "bgr")
            if done == 0:
                raise FrameError(_no_frame(self.path, capture))
        finally:
            capture.release()
        if self.length is not None and self._is_incomplete(done, seconds):
            raise SourceEndedEarly(
                f"video {self.path} stopped after {done} of {self.length} frames: "
                "it is cut off or damaged, fetch it again"
            )

    def _is_incomplete(self, done: int, seconds: float) -> bool:
        """Whether frames are missing after `done`, the last of which is shown at `seconds`.

        Two witnesses must agree, since each alone accuses good files. The count is exact in MP4 and
        AVI, but in Matroska it is duration times a guessed rate: with a variable rate, twice what
        is there. The clock is right there, but where an MP4 was trimmed by its edit list, frames
        are counted that are not meant to be shown; its header tells how long it is. The slack is
        for sound that lasts longer than the pictures."""
        assert self.length is not None
        announced = movie_seconds(self.path) or self.length / self.frame_rate
        end = seconds + 1 / self.frame_rate
        return self.length - done > END_SLACK * self.frame_rate and announced - end > END_SLACK


def movie_seconds(path: Path) -> float | None:
    """How long an MP4 or QuickTime file says it is shown, from its movie header; None for any other
    file."""
    try:
        with path.open("rb") as file:
            while len(head := file.read(8)) == 8:
                size, kind, read = int.from_bytes(head[:4], "big"), head[4:], 8
                if size == 1:  # the true size follows, in 64 bits
                    size, read = int.from_bytes(file.read(8), "big"), 16
                if kind == b"moov":
                    header = file.read(40)
                    break
                if size < read:  # 0 is "to the end of the file"; the rest is no such file
                    return None
                file.seek(size - read, os.SEEK_CUR)
            else:
                return None
    except (
        OSError,
        ValueError,
        OverflowError,
    ):  # the last two: a size past what a file offset can be
        return None
    if header[4:8] != b"mvhd" or len(header) < 40:
        return None
    # Version 1 has times of 64 bits: created, modified, (32 bits) ticks a second, duration in
    # ticks.
    at, width = (28, 8) if header[8] == 1 else (20, 4)
    ticks, duration = (
        int.from_bytes(header[a : a + n], "big") for a, n in ((at, 4), (at + 4, width))
    )
    unknown = 2 ** (8 * width) - 1
    return duration / ticks if ticks and duration != unknown else None


def _open(path: Path) -> cv2.VideoCapture:
    """An opened capture, silent on stderr. Raises FrameError."""
    import cv2

    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        reason = error.strerror or error
        raise FrameError(
            f"cannot read video {path} ({reason}): check its path and permissions"
        ) from None
    if empty:
        raise FrameError(f"video {path} is an empty file: fetch it again")
    # FFmpeg's level is read from the environment, by OpenCV when it first uses FFmpeg; a user's own
    # value stays.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # With all backends OpenCV takes a damaged frame_01.mp4 for an image sequence, and its AVI
    # reader prints.
    backend = cv2.CAP_FFMPEG if cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG) else cv2.CAP_ANY
    with quiet_opencv():
        # Absolute, for FFmpeg takes "a:b.mp4" for a protocol.
        capture = cv2.VideoCapture(os.path.abspath(path), backend)
    if not capture.isOpened():
        raise FrameError(
            f"video {path} cannot be opened: it is no video, or cut off or damaged, fetch it again"
        )
    return capture


def _no_frame(path: Path, capture: cv2.VideoCapture) -> str:
    """The message for a video that opens and then gives nothing, as AV1 does in the wheels of
    OpenCV."""
    import cv2

    number = capture.get(cv2.CAP_PROP_FOURCC)
    code = int(number).to_bytes(4, "little", signed=True) if math.isfinite(number) else b""
    codec = "".join(chr(c) for c in code if 32 < c < 127) or "unknown"
    command = shlex.join(
        ["ffmpeg", "-i", str(path), "-c:v", "libx264", str(path.with_suffix(".h264.mp4"))]
    )
    return (
        f"video {path} opens but gives no frame: OpenCV cannot decode its codec ({codec}), or it "
        "is damaged; "
        f"re-encode it: {command}"
    )
