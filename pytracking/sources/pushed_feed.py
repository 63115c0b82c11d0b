"""Frames that somebody pushes, such as those of a visitor's camera that a browser sends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ltr.errors import FrameError
from ltr.images import DEFAULT_FRAME_RATE, Frame
from pytracking.sources.feed import Condition, Shot
from pytracking.sources.live_feed import join
from pytracking.sources.newest_shot import NewestShot
from pytracking.sources.watchdog import LIMITS, NEVER, Device, Limits


class PushedFeed:
    """The feed of whoever calls `push`, from any one thread: see `Feed`.

    title: what messages call the sender."""

    live = True
    length: int | None = None

    def __init__(
        self,
        name: str,
        title: str,
        frame_rate: float = DEFAULT_FRAME_RATE,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.frame_rate = frame_rate
        self._title = title
        device = Device(title, "look whether its page is open and may use the camera")
        self._newest = NewestShot(device, limits, clock)
        self._closed = False
        self._keeper = threading.Thread(target=self._keep, name=f"keeper {name}", daemon=True)

    @property
    def condition(self) -> Condition:
        return self._newest.condition

    def start(self, wake: Callable[[], None]) -> None:
        self._newest.start(wake)
        self._keeper.start()

    def push(self, frame: Frame) -> None:
        """A frame has come. After `close` it is let go."""
        self._newest.put(frame)

    def lose(self, line: str) -> None:
        """The sender has gone, as `line` says; with the next frame it is there again."""
        self._newest.fail(line)

    def take(self) -> Shot | None:
        return self._newest.take()

    def seek(self, number: int) -> None:
        raise FrameError(f"{self._title} is live: there is no going to frame {number}")

    def close(self) -> None:
        self._closed = True
        self._newest.close()
        join([self._keeper])

    def _keep(self) -> None:
        while not self._closed:
            self._newest.stir.clear()
            pause = self._newest.look()
            if not self._closed:
                self._newest.stir.wait(None if pause == NEVER else pause)
