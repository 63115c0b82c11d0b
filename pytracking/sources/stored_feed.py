"""A file or a folder as a feed: every frame in order, decoded a few ahead, and seeking."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing

from ltr.errors import FrameError
from ltr.frame_folder import FrameFolder
from ltr.images import Frame
from ltr.video import VideoFile
from pytracking.sources.feed import Condition, Shot
from pytracking.sources.live_feed import join

AHEAD = 4
"""So many frames are decoded before they are taken."""


class StoredFeed:
    """The feed of a video file or a folder of images: see `Feed`. Nobody else may use the source
    meanwhile.

    The first seek in a video takes as long as decoding it once, unless it was played to its end;
    the condition says so. A shot is captured when it is taken, not when it is decoded, for it may
    have waited for long."""

    live = False

    def __init__(
        self, source: VideoFile | FrameFolder, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = source.name
        self.frame_rate = source.frame_rate
        self.length = source.length
        self._source = source
        self._clock = clock
        self._changed = threading.Condition()
        self._wake: Callable[[], None] = lambda: None
        self._closed = False
        self._first: int | None = 1
        """The frame to go to; None while the reader is on its way."""
        self._ready: deque[tuple[int, Frame]] = deque()
        self._now = Condition("opening")
        """The condition when all that is ready has been taken."""
        self._reader = threading.Thread(target=self._read, name=f"reader {self.name}", daemon=True)

    @property
    def condition(self) -> Condition:
        with self._changed:
            return Condition("running") if self._ready else self._now

    def start(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._reader.start()

    def take(self) -> Shot | None:
        with self._changed:
            if not self._ready:
                return None
            number, frame = self._ready.popleft()
            at_end = not self._ready and self._now.word == "ended"
            self._changed.notify_all()
        if at_end:
            self._wake()
        return Shot(number, frame, self._clock())

    def seek(self, number: int) -> None:
        last = self.length
        if number < 1 or (last is not None and number > last):
            count = "" if last is None else f": it has {last} frames, counted from 1"
            raise FrameError(f"there is no frame {number} in {self._source.path}{count}")
        with self._changed:
            if not self._closed:
                self._turn(number)
        self._wake()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._ready.clear()
            self._now = Condition("ended")
            self._changed.notify_all()
        join([self._reader])

    def _turn(self, number: int) -> None:
        self._first = number
        self._ready.clear()
        known = number == 1 or isinstance(self._source, FrameFolder)
        line = f"frame {number} of {self._source.path} is looked for, once through the video"
        self._now = Condition("opening", "" if known else line)
        self._changed.notify_all()

    def _wanted(self) -> bool:
        """Whether the reader is to go on as it does."""
        return not self._closed and self._first is None

    def _read(self) -> None:
        """What the reader does: decode from where it is told to go, until there is no more."""
        while (first := self._next_turn()) is not None:
            last, line = first - 1, ""
            try:
                with closing(self._frames_from(first)) as frames:
                    for frame in frames:
                        if not self._offer(last + 1, frame):
                            break
                        last += 1
            except FrameError as error:
                line = str(error)
            with self._changed:
                if self._wanted():
                    self._now = Condition("ended", line)
                    self.length = max(last, 0) if last >= first else self.length
            self._wake()
        if isinstance(self._source, VideoFile):
            self._source.close()

    def _next_turn(self) -> int | None:
        """Wait until there is a frame to go to; None when the feed is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._first is not None)
            first, self._first = self._first, None
            return None if self._closed else first

    def _offer(self, number: int, frame: Frame) -> bool:
        """Wait for room and make a frame ready. False: another one is wanted, or none."""
        with self._changed:
            self._changed.wait_for(lambda: not self._wanted() or len(self._ready) < AHEAD)
            if not self._wanted():
                return False
            self._ready.append((number, frame))
            self._now = Condition("running")
        self._wake()
        return True

    def _frames_from(self, first: int) -> Generator[Frame, None, None]:
        source = self._source
        if first == 1:
            yield from source
            return
        if isinstance(source, VideoFile) and not source.note_times(self._wanted):
            return
        if first > len(source):
            self.length = len(source)
            raise FrameError(f"there is no frame {first}: {source.path} has {len(source)} frames")
        for index in range(first - 1, len(source)):
            yield source.frame(index)
        if isinstance(source, VideoFile):
            source.check_complete()
