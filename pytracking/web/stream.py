"""Views to one viewer: over a WebSocket with back-pressure, or as MJPEG."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pytracking.web.broadcast import Broadcast, Channel

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

IN_FLIGHT = 2
"""Messages that a viewer may not have acknowledged yet: one on the way while one is shown."""
HEARTBEAT = 1.0
"""Seconds after which something is said even where nothing is new."""
BOUNDARY = b"frame"


async def show(
    websocket: WebSocket, broadcast: Broadcast, channel: Channel, width: int, label: str
) -> None:
    """Send a viewer the newest view, as often as he acknowledges one by a message of his own, until
    he goes, which may raise WebSocketDisconnect, or the broadcast ends. The first message is a text
    that tells him who he is."""
    flow = _Flow()
    await websocket.send_text(json.dumps({"you": label}))
    reader = asyncio.create_task(flow.read(websocket))
    writer = asyncio.create_task(flow.write(websocket, broadcast, channel, width))
    await asyncio.wait({reader, writer}, return_when=asyncio.FIRST_COMPLETED)
    gone = reader.done()
    for task in (reader, writer):
        task.cancel()
    await asyncio.wait({reader, writer})
    if not gone:
        await websocket.close(1001)
    if not writer.cancelled():
        writer.result()


class _Flow:
    """What is on its way to one viewer."""

    def __init__(self) -> None:
        self._messages = 0
        self._room = asyncio.Event()
        self._room.set()

    async def read(self, websocket: WebSocket) -> None:
        """Count acknowledgements until the viewer goes."""
        while (await websocket.receive())["type"] != "websocket.disconnect":
            self._messages = max(0, self._messages - 1)
            self._room.set()

    async def write(
        self, websocket: WebSocket, broadcast: Broadcast, channel: Channel, width: int
    ) -> None:
        seen, shot = -1, None
        while True:
            await self._room.wait()
            await channel.changed(seen, HEARTBEAT)
            if broadcast.ended:
                return
            seen, view = channel.changes, channel.view
            words, picture = channel.words(), b""
            if view is not None and view.shot is not shot:
                shot, picture = view.shot, await channel.picture(view, width)
            self._messages += 1
            if self._messages >= IN_FLIGHT:
                self._room.clear()
            await websocket.send_bytes(words + picture)


async def mjpeg(broadcast: Broadcast, source: str, width: int) -> AsyncIterator[bytes]:
    """The parts of a multipart answer: pictures with boxes and labels, the newest ones as fast as
    they are taken."""
    async with broadcast.watching(source) as channel:
        seen, last = -1, None
        while True:
            await channel.changed(seen, HEARTBEAT)
            if broadcast.ended:
                return
            seen, view = channel.changes, channel.view
            if view is None or view is last:
                continue
            last = view
            picture = await channel.picture(view, width, boxes=True)
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
            yield b"--" + BOUNDARY + b"\r\n" + head + picture + b"\r\n"
