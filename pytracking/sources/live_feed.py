"""A device or stream as a feed: the newest frame only, a watchdog, and opening again.

Two threads: the reader opens the device and blocks in its reading; the keeper says what has
changed, and replaces a reader whose device is gone, hangs or repeats. A reading that never returns
cannot be ended from outside, so its reader is left alone: it closes its device when the reading
returns, if ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from ltr.errors import FrameError
from ltr.images import Frame
from pytracking.sources.feed import Condition, Shot
from pytracking.sources.newest_shot import NewestShot
from pytracking.sources.watchdog import LIMITS, NEVER, Device, Limits

BLOCKED_READERS = 3
"""So many readings that do not return are put up with at a time; then no more are begun until one
of them returns."""
CLOSING = 0.8
"""Seconds that `close` waits for its threads at the most."""


class Capture(Protocol):
    """An opened device. One thread uses it."""

    @property
    def frame_rate(self) -> float:
        """Frames a second; 0 where it is not known."""

    @property
    def note(self) -> str:
        """What is to be said while it runs, such as a size other than the one asked for."""

    def read(self) -> Frame | None:
        """Wait for the next frame. None or FrameError: there was none, and the device must be
        opened again. EOFError: this is the end."""

    def close(self) -> None: ...


class LiveSource(Protocol):
    """A device that can be opened."""

    @property
    def name(self) -> str: ...

    @property
    def frame_rate(self) -> float:
        """Frames a second that are to be expected before it is opened."""

    @property
    def device(self) -> Device: ...

    def open(self) -> Capture:
        """Raises FrameError."""


class LiveFeed:
    """The feed of a live source: see `Feed`."""

    live = True
    length: int | None = None

    def __init__(
        self,
        source: LiveSource,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = source.name
        self.frame_rate = source.frame_rate
        self._source = source
        self._limits = limits
        self._clock = clock
        self._newest = NewestShot(source.device, limits, clock)
        self._lock = threading.Lock()
        self._closed = False
        self._reader: _Reader | None = None
        self._began = -NEVER
        self._readers: set[_Reader] = set()
        self._keeper = threading.Thread(target=self._keep, name=f"keeper {self.name}", daemon=True)

    @property
    def condition(self) -> Condition:
        return self._newest.condition

    @property
    def blocked(self) -> int:
        """How many readers hang in a reading that was given up."""
        with self._lock:
            return len(self._readers - {self._reader})

    def start(self, wake: Callable[[], None]) -> None:
        self._newest.start(wake)
        self._keeper.start()

    def take(self) -> Shot | None:
        return self._newest.take()

    def seek(self, number: int) -> None:
        raise FrameError(
            f"{self._source.device.title} is live: there is no going to frame {number}"
        )

    def close(self) -> None:
        with self._lock:
            self._closed = True
            threads = [self._keeper]
            if self._reader is not None:
                self._reader.wanted = False
                threads.append(self._reader.thread)
        self._newest.close()
        join(threads)

    def _keep(self) -> None:
        while not self._closed:
            self._newest.stir.clear()
            pause = min(self._newest.look(), self._tend())
            self._newest.stir.wait(None if pause == NEVER else max(0.0, pause))

    def _tend(self) -> float:
        """Begin, leave or ask back a reader where it is time. Returns the seconds until it is."""
        condition, now, limits = self.condition, self._clock(), self._limits
        with self._lock:
            reader = self._reader
            if condition.word == "ended" or self._closed:
                return NEVER
            if reader is not None and now - reader.sign >= limits.patience:
                reader.wanted, reader = False, None
            if reader is None:
                self._reader = None
                due = self._began + limits.retry
                if len(self._readers) >= BLOCKED_READERS:
                    return NEVER
                if now < due:
                    return due - now
                self._began = now
                self._reader = reader = _Reader(self._read, now, self.name)
                self._readers.add(reader)
                reader.thread.start()
            due = reader.sign + limits.patience
            if condition.word == "repeating" and reader.wanted:
                # At once, unless it has been opened again and repeats still.
                again = self._newest.fresh_at < self._began
                open_again = self._began + (limits.repeating_retry if again else limits.retry)
                reader.wanted = now < open_again
                due = min(due, open_again) if reader.wanted else due
        return due - now

    def _read(self, reader: _Reader) -> None:
        """What a reader does: open the device and hand over its frames while it is wanted."""
        try:
            capture = self._source.open()
            try:
                self.frame_rate = capture.frame_rate or self.frame_rate
                while reader.wanted:
                    frame = capture.read()
                    reader.sign = self._clock()
                    if not reader.wanted:
                        break
                    if frame is None:
                        self._newest.stop()
                        break
                    self._newest.put(frame, capture.note)
            finally:
                capture.close()
        except EOFError:
            if reader.wanted:
                self._newest.end()
        except FrameError as error:
            self._fail(reader, str(error))
        except Exception as error:  # a reader that dies unseen would be a feed that hangs
            why = " ".join(str(error).split())[:200]
            self._fail(reader, f"{self._source.device.title} failed ({why}): it is tried again")
        finally:
            with self._lock:
                self._readers.discard(reader)
                if self._reader is reader:
                    self._reader = None
            self._newest.stir.set()

    def _fail(self, reader: _Reader, line: str) -> None:
        if reader.wanted:
            self._newest.fail(line)


def join(threads: Iterable[threading.Thread]) -> None:
    """Wait until threads have ended, but no longer than a feed may take to close."""
    until = time.monotonic() + CLOSING
    for thread in threads:
        if thread.is_alive() and thread is not threading.current_thread():
            thread.join(max(0.0, until - time.monotonic()))


class _Reader:
    """A thread that reads a device while it is wanted. sign: when it last showed that it lives."""

    def __init__(self, read: Callable[[_Reader], None], now: float, name: str) -> None:
        self.wanted = True
        self.sign = now
        self.thread = threading.Thread(
            target=read, args=(self,), name=f"reader {name}", daemon=True
        )
