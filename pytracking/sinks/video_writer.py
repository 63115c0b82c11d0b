"""Frames out: a video file."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ltr.errors import ResultError
from ltr.images import Frame

CODEC = "mp4v"
"""MPEG-4 part 2: what the OpenCV wheels write everywhere; they carry no H.264 encoder."""


class VideoWriter:
    """Writes RGB frames to an MP4 file.

        with VideoWriter(path, frame_rate) as video:
            video.write(frame)

    The first frame fixes the size, later ones of another size are resized. Frames go to a temporary
    name; at the end of the block, whatever ends it, the file takes its own. Without a frame nothing
    is left, and a former file stays. Raises ResultError."""

    def __init__(self, path: str | os.PathLike[str], frame_rate: float) -> None:
        self.path = Path(path)
        self.frame_rate = frame_rate
        self.frames = 0
        self._partial = self.path.with_name(
            f"{self.path.stem}.partial.mp4"
        )  # OpenCV goes by the suffix
        self._size = (0, 0)
        self._writer: Any = None

    def __enter__(self) -> VideoWriter:
        if self.path.suffix.lower() != ".mp4":
            raise ResultError(f"cannot write video {self.path}: the name must end in .mp4")
        try:
            self._partial.write_bytes(b"")  # OpenCV would not say why it cannot
        except OSError as error:
            raise self._error(error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._writer is not None:
                self._writer.release()
            if self.frames:
                self._partial.replace(self.path)
            else:
                self._partial.unlink()
        except OSError as failure:
            if error is None:  # else the first error is the one to be told of
                raise self._error(failure) from None

    def write(self, frame: Frame) -> None:
        """The next frame, RGB."""
        import cv2

        if self._writer is None:
            self._size = (frame.shape[1], frame.shape[0])
            self._writer = self._opened()
        if (frame.shape[1], frame.shape[0]) != self._size:
            frame = np.asarray(
                cv2.resize(frame, self._size, interpolation=cv2.INTER_AREA), np.uint8
            )
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self.frames += 1

    def _opened(self) -> Any:
        import cv2

        writer = cv2.VideoWriter(
            str(self._partial), cv2.VideoWriter.fourcc(*CODEC), self.frame_rate, self._size
        )
        if not writer.isOpened():
            self._partial.unlink(missing_ok=True)
            width, height = self._size
            raise ResultError(
                f"cannot write video {self.path}: OpenCV has no {CODEC} encoder for {width} x "
                f"{height} pixels "
                f"at {self.frame_rate:g} frames a second"
            )
        return writer

    def _error(self, error: OSError) -> ResultError:
        return ResultError(f"cannot write video {self.path}: {error.strerror or error}")
