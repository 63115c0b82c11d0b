"""Frames of a sequence, decoded by threads before they are asked for."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path
from threading import Condition
from time import perf_counter, thread_time

from ltr.data.annotated import Frames, UnopenedFrames
from ltr.errors import DataError, FrameError
from ltr.images import Frame


class _InOrder:
    """The frames of a video file, which are asked for in order: none is sought, each decoded
    once."""

    def __init__(self, frames: Frames, length: int) -> None:
        self._path, self._length, self._frames = frames.path, length, iter(frames)

    def frame(self, number: int) -> Frame:
        """The next frame. Raises DataError where there are not `length` of them."""
        frame = next(self._frames, None)
        if frame is None:
            raise _mismatch(self._length, f"only {number}", self._path)
        if number + 1 == self._length and next(self._frames, None) is not None:
            raise _mismatch(self._length, "more", self._path)
        return frame


class FramesAhead:
    """The `length` frames of a sequence, each once and in order.

    Up to `depth` of them wait, decoded by the threads of `pool`, which open the source too. Images
    are decoded by up to `lanes` threads at once, a video file by one: its frames follow from one
    another. After `close` nothing more is decoded."""

    def __init__(
        self,
        pool: Executor,
        frames: Frames,
        length: int,
        lanes: int,
        depth: int,
    ) -> None:
        self.seconds_decoding = 0.0
        """Processor time of the threads."""
        self.seconds_waiting = 0.0
        """Of whoever asked for frames."""
        self._pool, self._length, self._lanes, self._depth = pool, length, lanes, depth
        self._frames: Frames | _InOrder | None = None
        self._decoded: dict[int, Frame | Exception] = {}
        self._given = self._begun = 0
        self._running = 1
        self._changed = Condition()
        pool.submit(self._open, frames)

    def __len__(self) -> int:
        return self._length

    def frame(self) -> Frame:
        """The next frame. Raises what opening or decoding raised: DataError, FrameError or
        SourceEndedEarly."""
        begin = perf_counter()
        with self._changed:
            self._changed.wait_for(lambda: self._given in self._decoded)
            frame = self._decoded.pop(self._given)
            self._given += 1
            self._submit()
        self.seconds_waiting += perf_counter() - begin
        if isinstance(frame, Exception):
            raise frame
        return frame

    def close(self) -> None:
        """Wait for what is being decoded, and forget it."""
        with self._changed:
            self._begun = self._length
            self._changed.wait_for(lambda: not self._running)
            self._decoded.clear()
            self._frames = None

    def _submit(self) -> None:
        """Begin to decode what there is room for; the lock is held."""
        lanes = 1 if isinstance(self._frames, _InOrder) else self._lanes
        last = min(self._length, self._given + self._depth)
        while self._frames is not None and self._running < lanes and self._begun < last:
            self._running += 1
            self._pool.submit(self._decode, self._frames, self._begun)
            self._begun += 1

    def _open(self, frames: Frames) -> None:
        begin = thread_time()
        try:
            self._frames = _opened(frames, self._length)
        except Exception as error:  # whoever asks for the first frame gets it
            self._decoded[0] = error
        self._end(begin)

    def _decode(self, frames: Frames | _InOrder, number: int) -> None:
        begin = thread_time()
        try:
            self._decoded[number] = frames.frame(number)
        except IndexError as error:
            self._decoded[number] = FrameError(str(error))
        except Exception as error:  # whoever asks for this frame gets it
            self._decoded[number] = error
        self._end(begin)

    def _end(self, begin: float) -> None:
        with self._changed:
            self.seconds_decoding += thread_time() - begin
            self._running -= 1
            self._submit()
            self._changed.notify_all()


def _opened(frames: Frames, length: int) -> Frames | _InOrder:
    if isinstance(frames, UnopenedFrames) and frames.path.is_file():
        return _InOrder(frames, length)
    # of a benchmark fewer frames may be annotated than there are; a plain folder is whole
    if len(frames) < length or (isinstance(frames, UnopenedFrames) and len(frames) > length):
        raise _mismatch(length, str(len(frames)), frames.path)
    return frames


def _mismatch(boxes: int, frames: str, path: Path) -> DataError:
    return DataError(f"there are {boxes} boxes, but {frames} frames in {path}")
