"""A video that is whole at any time: what was written can be read, whatever ends the writer."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ltr.errors import ResultError
from ltr.images import Frame, quiet_opencv
from ltr.paths import utf8_name
from pytracking.sinks.video_writer import Encoder, H264Encoder, encoded_size, fitted, has_h264

LEAST_ROOM = 1 << 20
"""Bytes that must be free on the disk: OpenCV does not tell of a full one."""
LARGEST_AVI = 1 << 31
"""Bytes: its index has 32 bits."""
QUALITY = 90.0
"""Of JPEG: lines and small text stay sharp."""
CHECK_EVERY = 10
"""Frames after which that is looked at."""


def growing_suffix() -> str:
    """Of the files: .mp4 with PyAV, in H.264, else .avi, in MJPEG by OpenCV, whose MP4 files cannot
    be read until they are closed."""
    return ".mp4" if has_h264() else ".avi"


class GrowingVideo:
    """Writes RGB frames, each with its time, to a new file that can be read while it grows. Of one
    whose writer was killed the last half second is missing, without PyAV the last 32 KiB: a frame
    or two, or nine of the smallest.

        video = GrowingVideo(folder / f"video{growing_suffix()}", frame_rate)
        video.write(frame, seconds)
        video.close()

    So it is not written to a temporary name, as other files are. The first frame fixes the size.
    Raises ResultError."""

    def __init__(self, path: Path, frame_rate: float) -> None:
        self.path = path
        self.frames = 0
        self._frame_rate = frame_rate
        self._size = (0, 0)
        self._encoder: Encoder | None = None

    def write(self, frame: Frame, seconds: float) -> None:
        """The next frame, shown `seconds` after the beginning, which is 0."""
        try:
            if self._encoder is None:
                self._size = encoded_size(self.path, frame)
                self._encoder = self._opened()
            self._encoder.write(fitted(frame, self._size), seconds)
            self.frames += 1
            if self.frames % CHECK_EVERY == 0:
                self._check_room()
        except OSError as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """The end. May be called again."""
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return
        try:
            encoder.close()
        except OSError as error:
            raise self._failure(error) from None

    def _opened(self) -> Encoder:
        with self.path.open("xb"):
            pass  # tells why it cannot be written
        with utf8_name(self.path) as name:
            if self.path.suffix == ".mp4":
                return H264Encoder(name, self._frame_rate, self._size, growing=True)
            return MjpegEncoder(name, self._frame_rate, self._size)

    def _check_room(self) -> None:
        room = os.statvfs(self.path)
        if room.f_bavail * room.f_frsize < LEAST_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.path.suffix == ".avi" and self.path.stat().st_size > LARGEST_AVI:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    def _failure(self, error: OSError) -> ResultError:
        return ResultError(f"cannot write video {self.path}: {error.strerror or error}")


class MjpegEncoder:
    """MJPEG in AVI by OpenCV. AVI has one frame rate: to keep the time, a frame is written as often
    as it was shown, or left out. A gap of more than a second becomes one of a second."""

    def __init__(self, path: str, frame_rate: float, size: tuple[int, int]) -> None:
        """size: width and height. Raises OSError."""
        import cv2

        self._rate = frame_rate
        self._count, self._cut = 0, 0.0
        fourcc = cv2.VideoWriter.fourcc(*"MJPG")
        # FFmpeg's writer keeps 256 KiB back, this one 32
        self._writer = cv2.VideoWriter(path, cv2.CAP_OPENCV_MJPEG, fourcc, frame_rate, size)
        if not self._writer.isOpened():
            raise OSError("OpenCV has no MJPEG encoder for it")
        self._writer.set(cv2.VIDEOWRITER_PROP_QUALITY, QUALITY)

    def write(self, frame: Frame, seconds: float | None = None) -> None:
        import cv2

        times = 1
        if seconds is not None:
            times = round((seconds - self._cut) * self._rate) + 1 - self._count
            most = max(round(self._rate), 1)
            if times > most:
                self._cut += (times - most) / self._rate
                times = most
        picture = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        with quiet_opencv():
            for _ in range(times):
                self._writer.write(picture)
                self._count += 1

    def close(self) -> None:
        with quiet_opencv():
            self._writer.release()
