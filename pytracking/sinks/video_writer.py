"""Frames out: a video file, in H.264 where PyAV is installed."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import numpy as np

from ltr.errors import ResultError
from ltr.files import AtomicFile
from ltr.images import Frame, quiet_opencv
from ltr.paths import utf8_name

FOURCC = "mp4v"
"""MPEG-4 part 2: what the OpenCV wheels write everywhere; they carry no H.264 encoder."""
H264: Final = "libx264"
H264_OPTIONS = {"preset": "veryfast", "crf": "20"}
"""A quality at which lines and small text stay sharp."""
IN_ORDER = {"tune": "zerolatency", "forced-idr": "1"}
"""No frame waits for later ones."""
FRAGMENT_SECONDS = 0.5
FRAGMENTED = {
    "movflags": "+frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": f"{FRAGMENT_SECONDS * 1e6:.0f}",
    "flush_packets": "1",
}
TICKS = 90_000
"""Of a second, in videos whose frames have times of their own."""
SMPTE_170M, LIMITED_RANGE = 6, 1
"""FFmpeg's numbers of the colour space that frames are converted to, so that players know it."""
LONGEST_SIDE = 8190
"""Pixels of a frame: MPEG-4 part 2 has 13 bits for a side, and few players show more in H.264."""
CHECK_EVERY = 25
"""Frames after which it is looked whether the disk takes more."""


class Encoder(Protocol):
    """Where the frames of one video go. What the system refuses is raised as OSError, where the
    library tells."""

    def write(self, frame: Frame, seconds: float | None = None) -> None:
        """seconds: when the frame is shown, if not one after the other at the frame rate."""

    def close(self) -> None: ...


class VideoWriter:
    """Writes RGB frames to an MP4 file, in the codec that `codec_name` says.

        with VideoWriter(path, frame_rate) as video:
            video.write(frame)

    The first frame fixes the size, later ones of another size are resized. Frames larger than
    codecs take are scaled down, which is warned of once. Frames go to a temporary
    file; at the end of the block, whatever ends it, the file takes its name. Without a frame, or
    where not all of them can be read back, nothing is left, and a former file stays. OpenCV does
    not tell of a full disk: it is asked for, every 25 frames. Raises ResultError."""

    def __init__(self, path: str | os.PathLike[str], frame_rate: float) -> None:
        self.path = Path(path)
        self.frame_rate = frame_rate
        self.frames = 0
        self._file: AtomicFile | None = None
        self._size = (0, 0)
        self._encoder: Encoder | None = None
        self._name = contextlib.ExitStack()

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
            refused = ""
            if self._encoder is not None:
                try:
                    self._encoder.close()
                except OSError as failure:
                    refused = failure.strerror or str(failure)
            written = frame_count(self._file.temporary) if self.frames and not refused else 0
            if self.frames and written == self.frames:
                self._file.commit(error)
            elif self.frames and error is None:  # else the first error is the one to be told of
                self._file.check_room()
                raise ResultError(
                    f"cannot write video {self.path}: "
                    + (refused or f"{written} of {self.frames} frames were written")
                    + "; look whether the disk is full or damaged"
                )
        finally:
            self._name.close()
            self._file.discard()

    def write(self, frame: Frame) -> None:
        """The next frame, RGB."""
        if self._file is None:
            raise ValueError("a VideoWriter is written in a with block")
        if self._encoder is None:
            self._size = encoded_size(self.path, frame)
            self._encoder = self._opened(self._file.temporary)
        try:
            self._encoder.write(fitted(frame, self._size))
        except OSError as error:
            raise ResultError(
                f"cannot write video {self.path}: {error.strerror or error}"
            ) from None
        self.frames += 1
        if self.frames % CHECK_EVERY == 0:
            self._file.check_room()

    def _opened(self, temporary: Path) -> Encoder:
        try:
            name = self._name.enter_context(utf8_name(temporary))
            encoder = H264Encoder if has_h264() else Mpeg4Encoder
            return encoder(name, self.frame_rate, self._size)
        except OSError:
            width, height = self._size
            raise ResultError(
                f"cannot write video {self.path}: no {codec_name()} encoder for {width} x "
                f"{height} pixels at {self.frame_rate:g} frames a second"
            ) from None


def encoded_size(path: Path, frame: Frame) -> tuple[int, int]:
    """Width and height of a video that begins with `frame`; warns where that is scaled down."""
    height, width = frame.shape[:2]
    if max(width, height) <= LONGEST_SIDE:
        return width, height
    factor = LONGEST_SIDE / max(width, height)
    across, down = (max(2, round(factor * side)) for side in (width, height))
    warnings.warn(
        f"video {path} is scaled down to {across} x {down}: codecs take no side over "
        f"{LONGEST_SIDE} pixels; frames of {width} x {height} are tracked as they are",
        stacklevel=4,
    )
    return across, down


def fitted(frame: Frame, size: tuple[int, int]) -> Frame:
    """The frame in this width and height."""
    import cv2

    if (frame.shape[1], frame.shape[0]) == size:
        return frame
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


class H264Encoder:
    """H.264 by PyAV, as browsers play it: yuv420p, even sides, the index in front. `growing`: in
    fragments instead, each with an index of its own, so that the file can be read while it grows:
    all but the last FRAGMENT_SECONDS lie in it."""

    def __init__(
        self, path: str, frame_rate: float, size: tuple[int, int], growing: bool = False
    ) -> None:
        """size: width and height; an odd side has its last pixels twice. Raises OSError."""
        import av

        self._spare = (size[0] % 2, size[1] % 2)
        self._last, self._last_key = -1, -TICKS
        rate = Fraction(frame_rate).limit_denominator(10_000)
        with _as_os_error():
            options = FRAGMENTED if growing else {"movflags": "+faststart"}
            self._container = av.open(path, "w", format="mp4", options=options)
            coding = H264_OPTIONS | (IN_ORDER if growing else {})
            self._stream = self._container.add_stream(H264, rate, options=coding)
            self._stream.width = size[0] + self._spare[0]
            self._stream.height = size[1] + self._spare[1]
            self._stream.pix_fmt = "yuv420p"
            context = self._stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = SMPTE_170M
            context.color_range = LIMITED_RANGE
            if growing:
                context.time_base = Fraction(1, TICKS)
            context.open()

    def write(self, frame: Frame, seconds: float | None = None) -> None:
        """Raises OSError."""
        import av
        from av.video.frame import PictureType

        if any(self._spare):
            across, down = self._spare
            frame = np.pad(frame, ((0, down), (0, across), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        if seconds is not None:
            self._last = max(round(seconds * TICKS), self._last + 1)
            picture.pts, picture.time_base = self._last, Fraction(1, TICKS)
            if self._last - self._last_key >= TICKS:  # players go to key frames
                picture.pict_type, self._last_key = PictureType.I, self._last
        with _as_os_error():
            self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Raises OSError."""
        with _as_os_error():
            try:
                self._container.mux(self._stream.encode())
            finally:
                self._container.close()


class Mpeg4Encoder:
    """MPEG-4 part 2 by OpenCV, which tells of no failure after its opening."""

    def __init__(self, path: str, frame_rate: float, size: tuple[int, int]) -> None:
        """size: width and height. Raises OSError."""
        import cv2

        self._writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*FOURCC), frame_rate, size)
        if not self._writer.isOpened():
            raise OSError

    def write(self, frame: Frame, seconds: float | None = None) -> None:
        import cv2

        with quiet_opencv():
            self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        with quiet_opencv():
            self._writer.release()


def codec_name() -> str:
    """The codec of the videos that are written: H.264, or MPEG-4 part 2 without PyAV."""
    return "H.264" if has_h264() else "MPEG-4 part 2"


def has_h264() -> bool:
    """Whether PyAV is installed, with its H.264 encoder."""
    try:
        import av
    except ImportError:
        return False
    return H264 in av.codecs_available


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    from av.error import FFmpegError

    try:
        yield
    except FFmpegError as error:
        raise OSError(error.errno, error.strerror) from None


def frame_count(path: Path) -> int:
    """The number of frames in the index of an MP4 file, which is written last; 0 where there is
    none."""
    import cv2

    with quiet_opencv(), utf8_name(path) as name:
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    try:
        return int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    finally:
        capture.release()
