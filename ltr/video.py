"""The frames of a video file, in order and by number, decoded by OpenCV.

By number: OpenCV's seeking misses in transport streams, at variable frame rates and in streams
without times, and does not tell. What tells is the time of each decoded frame. So the times of all
frames are noted once, in order, and after a seek frames are decoded until the times have said which
they are; where they do not, decoding begins at the beginning."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltr.errors import FrameError, SourceEndedEarly
from ltr.images import DEFAULT_FRAME_RATE, Frame, as_frame, quiet_opencv
from ltr.paths import open_regular, utf8_name

if TYPE_CHECKING:
    import cv2

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"})
HIGHEST_FRAME_RATE = 1000.0
"""Above this a container has given its clock's ticks for its frame rate."""
END_SLACK = 0.5
"""How many seconds before its announced end a video may end without being called incomplete."""
NEAR = 16
"""So many frames ahead are decoded in order: a seek decodes about as many."""
BEFORE = (1, 16, 128)
"""How far before a frame a seek aims, one after the other, until it does not land behind it."""


class VideoFile:
    """The frames of a video, upright (the container's rotation is applied).

    Each iteration decodes from the beginning. `frame(k)` is the k-th of these frames, bit by bit,
    `len` their number; the first call of either decodes the video once, unless it was iterated to
    its end. `size_hw` is the size of the first one; `length` is what the container says of their
    number, no more than a hint. One object serves several iterations at once, but `frame` one
    thread at a time. It may be pickled; a process that was forked makes its own, for the threads of
    FFmpeg are not forked with it.

    Raises FrameError for a file that is no video or gives no frame, and in iterating
    SourceEndedEarly for one that is cut off or damaged."""

    def __init__(self, path: Path) -> None:
        import cv2

        self.path = path
        self._times: tuple[float, ...] = ()
        self._reader: _Reader | None = None
        self.name = path.stem
        capture = _open(path)
        try:
            rate = capture.get(cv2.CAP_PROP_FPS)
            self.frame_rate = rate if 0 < rate <= HIGHEST_FRAME_RATE else DEFAULT_FRAME_RATE
            # nonsense, such as -1.9e14, where it is not known
            count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            self.length: int | None = int(count) if 0 < count < 2**31 else None
            there, image = capture.read()
            if not there:
                raise FrameError(_no_frame(path, capture))
            self.size_hw: tuple[int, int] = image.shape[:2]
        finally:
            capture.release()

    def __iter__(self) -> Iterator[Frame]:
        import cv2

        capture = _open(self.path)
        try:
            times = []
            while True:
                there, image = capture.read()
                if not there:
                    break
                times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
                yield as_frame(image, "bgr")
            if not times:
                raise FrameError(_no_frame(self.path, capture))
        finally:
            capture.release()
        self._times = self._times or tuple(times)
        self._refuse_incomplete(len(times), times[-1] / 1000)

    def check_complete(self) -> None:
        """Raises SourceEndedEarly where fewer frames can be decoded than the file announces, as
        iterating does at its end."""
        times = self._noted_times()
        self._refuse_incomplete(len(times), times[-1] / 1000)

    def _refuse_incomplete(self, done: int, seconds: float) -> None:
        if self.length is not None and self._is_incomplete(done, seconds):
            raise SourceEndedEarly(
                f"video {self.path} stopped after {done} of {self.length} frames: "
                "it is cut off or damaged, fetch it again"
            )

    def __len__(self) -> int:
        """The number of frames that can be decoded. Raises FrameError where there is none."""
        return len(self._noted_times())

    def frame(self, number: int) -> Frame:
        """Frame `number`, from 0. Raises IndexError beyond the last one, FrameError where the file
        is not what it was."""
        times = self._noted_times()
        if not 0 <= number < len(times):
            raise IndexError(f"video {self.path} has {len(times)} frames, not one {number}")
        if self._reader is None:
            self._reader = _Reader(self.path, times)
        return self._reader.frame(number)

    def close(self) -> None:
        """Close the file that `frame` reads from, until it is called again; what is known of the
        frames stays."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def note_times(self, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Decode the video once, unless that was done before, so that `frame` and `len` need not.
        Gives up, and returns False, as soon as `wanted` says so. Raises FrameError where there is
        no frame."""
        import cv2

        if not self._times:
            capture = _open(self.path)
            try:
                times = []
                while capture.grab():
                    if not wanted():
                        return False
                    times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
                if not times:
                    raise FrameError(_no_frame(self.path, capture))
            finally:
                capture.release()
            self._times = tuple(times)
        return True

    def _noted_times(self) -> tuple[float, ...]:
        self.note_times()
        return self._times

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_reader": None}  # an open file is of one process

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


class _Reader:
    """An open video that knows which frame it decoded last.

    times: of all frames in order, as OpenCV tells them, in milliseconds."""

    def __init__(self, path: Path, times: tuple[float, ...]) -> None:
        self._path = path
        self._times = times
        increasing = all(a < b for a, b in pairwise(times))
        self._numbers = {time: k for k, time in enumerate(times)} if increasing else {}
        self._capture = _open(path)
        self._at = -1

    def frame(self, number: int) -> Frame:
        """Frame `number`. Raises FrameError where decoding from the beginning does not lead to
        it."""
        near = self._at < number <= self._at + NEAR
        if not (near and self._decode_to(number)) and not self._seek(number):
            self._capture.release()
            self._capture, self._at = _open(self._path), -1
            if not self._decode_to(number):
                raise FrameError(f"video {self._path} has changed: its frame {number} is not there")
        there, image = self._capture.retrieve()
        if not there:
            raise FrameError(f"video {self._path} is damaged: its frame {number} is not there")
        return as_frame(image, "bgr")

    def close(self) -> None:
        self._capture.release()

    def _seek(self, number: int) -> bool:
        """Go to a frame by OpenCV's seeking, with one frame before it at the least, so that two
        times in a row say where we are. Whether that went well."""
        import cv2

        for before in BEFORE if self._numbers else ():
            if number - before <= 0:
                return False
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, number - before)
            there = self._capture.grab()
            at = self._numbers.get(self._capture.get(cv2.CAP_PROP_POS_MSEC)) if there else None
            if at is None:
                return False
            self._at = at
            if at < number:
                return self._decode_to(number)
        return False

    def _decode_to(self, number: int) -> bool:
        """Decode the frames up to `number`. Whether they have the times that they should."""
        import cv2

        while self._at < number:
            self._at += 1
            if not self._capture.grab():
                return False
            if self._capture.get(cv2.CAP_PROP_POS_MSEC) != self._times[self._at]:
                return False
        return True


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
    # the last two: a size past what a file offset can be
    except (OSError, ValueError, OverflowError):
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
    """An opened capture. Raises FrameError.

    OpenCV is silent. FFmpeg is where OPENCV_FFMPEG_LOGLEVEL is -8, as our command lines set it: to
    set it here would silence a host program's own videos too."""
    import cv2

    try:
        with open_regular(path) as file:
            empty = not file.read(1)
    except OSError as error:
        reason = error.strerror or error
        raise FrameError(
            f"cannot read video {path} ({reason}): check its path and permissions"
        ) from None
    if empty:
        raise FrameError(f"video {path} is an empty file: fetch it again")
    # With all backends OpenCV takes a damaged frame_01.mp4 for an image sequence, and its AVI
    # reader prints.
    backend = cv2.CAP_FFMPEG if cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG) else cv2.CAP_ANY
    with quiet_opencv(), utf8_name(path) as name:
        # Absolute, for FFmpeg takes "a:b.mp4" for a protocol.
        capture = cv2.VideoCapture(name, backend)
    if not capture.isOpened():
        raise FrameError(
            f"video {path} cannot be opened: it is no video, or cut off or damaged, fetch it again"
        )
    if int(capture.get(cv2.CAP_PROP_FOURCC)) == cv2.VideoWriter.fourcc(*"ansi"):
        capture.release()  # FFmpeg paints what a .txt holds, line by line, as a film
        raise FrameError(f"{path} is a text, no video: give the video that belongs to it")
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
        f"is damaged; re-encode it: {command}"
    )
