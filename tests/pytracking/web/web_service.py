"""A web server upon a session that stands still: its views come when a test says so."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ltr.drawing import PALETTE
from ltr.errors import BoxError
from pytracking.live.rates import Rates
from pytracking.live.session import Session
from pytracking.live.views import View
from pytracking.sources.feed import Condition, Shot
from pytracking.web.access import Access, access_of
from pytracking.web.application import Service, web_application
from pytracking.web.commands import Offered
from pytracking.web.server import listening_socket, serving
from pytracking.web.uploads import Uploads


class StandIn:
    """What the web application asks of a session."""

    def __init__(self) -> None:
        self.sources = ["clip"]
        self.views: dict[str, View] = {}
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self._news = threading.Condition()

    def publish(self, number: int, size: tuple[int, int] = (36, 64), **more: Any) -> None:
        """A frame of noise, which no JPEG makes small."""
        noise = np.random.default_rng(number).integers(0, 255, (*size, 3), np.uint8)
        with self._news:
            last = self.views.get("clip")
            sequence = last.sequence + 1 if last else 1
            values: dict[str, Any] = {
                "source": "clip",
                "sequence": sequence,
                "shot": Shot(number, noise, 0.0),
                "predictions": {},
                "given": {},
                "colours": {"left": PALETTE[0]},
                "seconds": 0.01,
                "rates": Rates(25.0, float("nan")),
                "condition": Condition("running"),
                "paused": False,
                "recording": None,
                "seen": None,
                "frames_dropped": 0,
            }
            self.views["clip"] = View(**{**values, **more})
            self._news.notify_all()

    def view(self, source: str) -> View | None:
        return self.views.get(source)

    def wait(self, source: str, after: int, seconds: float) -> View | None:
        with self._news:
            self._news.wait_for(lambda: self._newer(source, after), seconds)
            return self._newer(source, after)

    def _newer(self, source: str, after: int) -> View | None:
        view = self.views.get(source)
        return view if view and view.sequence > after else None

    def status(self) -> dict[str, Any]:
        still = {"paused": False, "watched": "left", "condition": {"word": "running", "line": ""}}
        sources = [{"name": name, "length": None, "live": True, **still} for name in self.sources]
        return {
            "sources": sources,
            "targets": [],
            "paused": False,
            "recording": None,
            "network": "net",
            "preset": "plain",
            "messages": [],
        }

    def open(self, what: Any) -> str:
        name = Path(what).stem if isinstance(what, str) else what.name
        self.sources.append(name)
        self.calls.append(("open", (what,)))
        return name

    def close(self, source: str) -> None:
        self.sources.remove(source)

    def add(self, source: str, box: Any, name: str | None = None, number: int | None = None) -> str:
        if box[2] < 1:
            raise BoxError("a box needs at least a pixel")
        self.calls.append(("add", (source, box, name, number)))
        return name or "target1"

    def hold(self, source: str, number: int) -> None:
        self.calls.append(("hold", (source, number)))

    def watch(self, source: str, name: str | None) -> None:
        self.calls.append(("watch", (source, name)))

    def pause(self) -> None:
        self.calls.append(("pause", ()))


@dataclass(frozen=True)
class Served:
    session: StandIn
    """Or the one that was given."""
    service: Service
    address: str
    """host:port."""

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def socket(self, path: str, **options: Any) -> Any:
        """A WebSocket's client."""
        from websockets.sync.client import connect

        return connect(f"ws://{self.address}{path}", proxy=None, **options)


OFFERED = Offered(
    ("synthetic",), {"net": "plain"}, {"plain": "all"}, lambda feed: feed, lambda *choice: choice
)


@contextlib.contextmanager
def served(
    recordings: Path,
    access: Access | None = None,
    most: int = 10**6,
    clock: Callable[[], float] = time.monotonic,
    session: Session | None = None,
    offered: Offered = OFFERED,
) -> Iterator[Served]:
    shown: Any = StandIn() if session is None else session
    with contextlib.ExitStack() as stack:
        uploads = stack.enter_context(Uploads(most))
        service = Service(shown, offered, uploads, recordings, clock)
        bound = listening_socket("127.0.0.1", 0)
        application = web_application(service, access or access_of("127.0.0.1"))
        stack.enter_context(serving(application, service.end, bound))
        yield Served(shown, service, f"127.0.0.1:{bound.getsockname()[1]}")


def opened(message: bytes) -> tuple[dict[str, Any], bytes]:
    """What a message of the stream says, and its picture."""
    length = int.from_bytes(message[:4], "big")
    return json.loads(message[4 : 4 + length]), message[4 + length :]
