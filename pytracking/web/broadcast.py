"""The newest view of each source for any number of viewers: one thread a source waits for it, and
each picture is coded once for all who want it so wide."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pytracking.web.pictures import header, jpeg, overlaid, packed, width_for

if TYPE_CHECKING:
    from pytracking.live.session import Session
    from pytracking.live.views import View

PATIENCE = 0.25
"""Seconds that a thread waits for a view before it looks whether anybody is there."""


class Channel:
    """One source, while somebody watches it. Its methods are the event loop's alone."""

    def __init__(
        self,
        session: Session,
        source: str,
        status: Callable[[], Mapping[str, Any]],
        coders: ThreadPoolExecutor,
    ) -> None:
        self.source = source
        self.viewers = 0
        self.view: View | None = None
        self.changes = 0
        """Counts what there is to be said: views, and what `touch` was called for."""
        self._changed = asyncio.Event()
        self._session = session
        self._status = status
        self._coders = coders
        self._coded: dict[tuple[int, bool], tuple[object, asyncio.Future[bytes]]] = {}
        self._said: tuple[int, bytes] = (-1, b"")
        self._loop = asyncio.get_running_loop()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._wait, name=f"views of {source}", daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        after = -1
        while not self._ended.is_set():
            view = self._session.wait(self.source, after, PATIENCE)
            if view is None:  # time is up; or no view will ever come, of which we are told at once
                self._ended.wait(PATIENCE / 10)
                continue
            after = view.sequence
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._publish, view)

    def _publish(self, view: View) -> None:
        self.view = view
        self.touch()

    def touch(self) -> None:
        """Have all viewers look again."""
        self.changes += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def changed(self, seen: int, seconds: float) -> None:
        """Until there is more than the `seen` changes, or time is up."""
        if self.changes == seen:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)

    def words(self) -> bytes:
        """What is to be said of the newest view and of the whole, packed, for all viewers."""
        if self._said[0] != self.changes:
            self._said = self.changes, packed(header(self.view, self._status()))
        return self._said[1]

    async def picture(self, view: View, asked_width: int, boxes: bool = False) -> bytes:
        """The view's frame as JPEG, coded once for all; with boxes in it, or without."""
        width = width_for(asked_width, view.shot.frame.shape[1])
        # without boxes the picture is that of the frame, whatever else is new in the view
        stamp = view if boxes else view.shot
        known = self._coded.get((width, boxes))
        if known is None or known[0] is not stamp:
            frame: Callable[[], Any] = (
                (lambda: overlaid(view)) if boxes else (lambda: view.shot.frame)
            )
            work = self._loop.run_in_executor(self._coders, lambda: jpeg(frame(), width))
            known = self._coded[width, boxes] = (stamp, work)
        return await asyncio.shield(known[1])

    def end(self) -> None:
        """Let the thread go; whoever waits looks again."""
        self._ended.set()
        self.touch()


class Broadcast:
    """The channels that are watched."""

    def __init__(self, session: Session, status: Callable[[], Mapping[str, Any]]) -> None:
        self.ended = False
        self.viewers = 0
        self._session = session
        self._status = status
        self._channels: dict[str, Channel] = {}
        self._coders = ThreadPoolExecutor(2, "pictures")

    @contextlib.asynccontextmanager
    async def watching(self, source: str) -> AsyncIterator[Channel]:
        """The channel of a source, which lives as long as somebody watches."""
        channel = self._channels.get(source)
        if channel is None:
            channel = Channel(self._session, source, self._status, self._coders)
            self._channels[source] = channel
        channel.viewers += 1
        self.viewers += 1
        self.touch()
        try:
            yield channel
        finally:
            channel.viewers -= 1
            self.viewers -= 1
            if channel.viewers == 0:
                self._channels.pop(source, None)
                channel.end()
            self.touch()

    def watches(self, source: str) -> bool:
        """Whether somebody watches a source."""
        return source in self._channels

    def touch(self) -> None:
        """Have all viewers of all sources look again."""
        for channel in self._channels.values():
            channel.touch()

    def end(self) -> None:
        """All viewers are to go. The event loop's, as the rest."""
        self.ended = True
        for channel in list(self._channels.values()):
            channel.end()
        self._coders.shutdown(wait=False, cancel_futures=True)
