"""Frames out: a video file."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ltr.errors import ResultError
from ltr.files import AtomicFile
from ltr.images import Frame, quiet_opencv

CODEC = "mp4v"
"""MPEG-4 part 2: what the OpenCV wheels write everywhere; they carry no H.264 encoder."""
CHECK_EVERY = 25
"""Frames after which it is looked whether the disk takes more."""


class VideoWriter:
    """Writes RGB frames to an MP4 file.

        with VideoWriter(path, frame_rate) as video:
            video.write(frame)

    The first frame fixes the size, later ones of another size are resized. Frames go to a temporary
    file; at the end of the block, whatever ends it, the file takes its name. Without a frame, or
    where not all of them can be read back, nothing is left, and a former file stays. OpenCV does
    not tell of a full disk: it is asked for, every 25 frames. Raises ResultError."""

    def __init__(self, path: str | os.PathLike[str], frame_rate: float) -> None:
        self.path = Path(path)
        self.frame_rate = frame_rate
        self.frames = 0
        self._file: AtomicFile | None = None
        self._size = (0, 0)
        self._writer: Any = None

    def __enter__(self) -> VideoWriter:
        if self.path.suffix.lower() != ".mp4":
            raise ResultError(f"cannot write video {self.path}: the name must end in .mp4")
        self._file = AtomicFile(self.path, "video", suffix=".mp4")  # OpenCV goes by the suffix
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        try:
            if self._writer is not None:
                self._writer.release()
            written = frame_count(self._file.temporary) if self.frames else 0
            if self.frames and written == self.frames:
                self._file.commit(error)
            elif self.frames and error is None:  # else the first error is the one to be told of
                self._file.check_room()
                raise ResultError(
                    f"cannot write video {self.path}: OpenCV wrote {written} of {self.frames} "
                    "frames; look whether the disk is full or damaged"
                )
        finally:
            self._file.discard()

    def write(self, frame: Frame) -> None:
        """The next frame, RGB."""
        import cv2

        if self._file is None:
            raise ValueError("a VideoWriter is written in a with block")
        if self._writer is None:
            self._size = (frame.shape[1], frame.shape[0])
            self._writer = self._opened(self._file.temporary)
        if (frame.shape[1], frame.shape[0]) != self._size:
            frame = np.asarray(
                cv2.resize(frame, self._size, interpolation=cv2.INTER_AREA), np.uint8
            )
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        self.frames += 1
        if self.frames % CHECK_EVERY == 0:
            self._file.check_room()

    def _opened(self, temporary: Path) -> Any:
        import cv2

        writer = cv2.VideoWriter(
            str(temporary), cv2.VideoWriter.fourcc(*CODEC), self.frame_rate, self._size
        )
        if not writer.isOpened():
            width, height = self._size
            raise ResultError(
                f"cannot write video {self.path}: OpenCV has no {CODEC} encoder for {width} x "
                f"{height} pixels at {self.frame_rate:g} frames a second"
            )
        return writer


def frame_count(path: Path) -> int:
    """The number of frames in the index of an MP4 file, which is written last; 0 where there is
    none."""
    import cv2

    with quiet_opencv():
        capture = cv2.VideoCapture(os.path.abspath(path), cv2.CAP_FFMPEG)
    try:
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    finally:
        capture.release()
