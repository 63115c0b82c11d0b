"""The camera of a visitor's browser as a source: its pictures come over a WebSocket, one at a
time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ltr.errors import FrameError
from ltr.images import Frame, decode_image

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from pytracking.sources.pushed_feed import PushedFeed

LARGEST_PICTURE = 4 << 20
"""Bytes of a picture; a 1280 x 720 frame takes a tenth of it."""
MOST_PIXELS = 3840 * 2160
SIZES = frozenset({0xC0, 0xC1, 0xC2})
"""JPEG's segments that begin a picture and say its size: baseline, extended, progressive."""
SKIPPED = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""Tables, comments and what applications add, which may stand before it."""


def decoded(data: bytes, name: str) -> Frame:
    """A JPEG picture of the browser. Raises FrameError for anything else, before memory is taken
    for a picture that is absurdly large."""
    height, width = jpeg_size(data)
    if not 0 < height * width <= MOST_PIXELS:
        raise FrameError(
            f"{name} sent no JPEG picture of at most {MOST_PIXELS / 1e6:.1f} megapixels: reload "
            "the page"
        )
    return decode_image(data, f"of {name}")


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Height and width that the header of a JPEG says; zeros where there is none, and where it has
    what browsers do not write and decoders may read otherwise than we do."""
    at = 2
    while data[:2] == b"\xff\xd8" and at + 9 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind in SIZES:
            return (
                int.from_bytes(data[at + 5 : at + 7], "big"),
                int.from_bytes(data[at + 7 : at + 9], "big"),
            )
        if kind not in SKIPPED:
            break
        at += 2 + length
    return 0, 0


async def receive(
    websocket: WebSocket, feed: PushedFeed, is_open: Callable[[], bool], call: Any
) -> None:
    """Push what the browser sends, and answer each picture, upon which it sends its newest one,
    until it goes. Raises FrameError for what is no picture, and where the source was closed."""
    count = 0
    try:
        while (message := await websocket.receive())["type"] != "websocket.disconnect":
            frame = await call(decoded, message.get("bytes") or b"", feed.name)
            if not is_open():
                raise FrameError(f"{feed.name} was closed")
            feed.push(frame)
            count += 1
            await websocket.send_json({"got": count})
    finally:
        feed.lose(f"{feed.name} has gone: open it again on the page, or close this source")
