"""A session as a web page, until it is interrupted."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ltr.checkpoints import known_networks, printable
from ltr.errors import ConfigError
from ltr.files import make_folder
from ltr.signals import ending_of
from pytracking.api import MultiTracker
from pytracking.apps.tracker_choice import TrackerChoice
from pytracking.debug.visdom_board import VisdomBoard
from pytracking.debug.visdom_client import Address, require_visdom
from pytracking.live.session import Session
from pytracking.live.words import News
from pytracking.sources.feed import Feed
from pytracking.sources.opening import open_feed
from pytracking.tracker.presets import PURPOSES
from pytracking.web.access import EVERYWHERE, access_of
from pytracking.web.application import Service, web_application
from pytracking.web.commands import Offered
from pytracking.web.server import address_of, listening_socket, own_addresses, serving
from pytracking.web.uploads import Uploads

SYNTHETIC = "synthetic"
INTERVAL = 0.25
"""Seconds after which it is looked for what the session has said."""


@dataclass(frozen=True)
class ServeRequest:
    """What is served, and where."""

    sources: Sequence[str]
    host: str
    port: int
    most: int
    """Bytes of an upload."""
    size: tuple[int, int] | None = None
    """(width, height) that cameras are asked for."""
    frame_rate: float | None = None
    visdom: Address | None = None
    """Of a server that shows what the tracker sees."""


def run_serve(request: ServeRequest, choice: TrackerChoice, output: Path | None) -> int:
    """Serve until Ctrl-C, and return its exit status, 130; recordings go into `output`, and one
    that goes on then is finished and named. Raises TrackingError, and what the thread that tracks
    failed with."""
    check_installed()
    if request.visdom:
        require_visdom()
    try:
        access = access_of(request.host)
    except OSError as error:
        raise ConfigError(
            f"--host {request.host} leads nowhere ({error.strerror or error}): give an address of "
            "this machine, or 0.0.0.0 for all of them"
        ) from None
    folder = output or Path("outputs") / "serve"

    def feed(text: str) -> Feed:
        return open_feed(text, size=request.size, frame_rate=request.frame_rate)

    status, why, recording = 1, "", None
    with ExitStack() as stack:
        bound = stack.enter_context(listening_socket(request.host, request.port))
        feeds = [feed(text) for text in request.sources]
        tracker = MultiTracker(choice.engine())
        make_folder(folder)
        uploads = stack.enter_context(Uploads(request.most))
        board = stack.enter_context(VisdomBoard(request.visdom)) if request.visdom else None
        session = stack.enter_context(
            Session(tracker, feeds, recordings=folder, choice=choice, probe=board)
        )
        if board is not None:
            board.steering = session
        service = Service(session, _offered(request, choice, feed), uploads, folder, time.monotonic)
        application = web_application(service, access)
        stack.enter_context(serving(application, service.end, bound))
        port = bound.getsockname()[1]
        try:
            print(_greeting(request.host, port, access.token), flush=True)
            news = News(session)
            while not session.failed.wait(INTERVAL):
                news.tell()
        except KeyboardInterrupt as error:
            status, why = ending_of(error)
            recording = session.status()["recording"]
    print(f"pytracking: {why}", file=sys.stderr)
    if recording:
        print(f"kept {recording}")
    return status


def check_installed() -> None:
    """Raises ConfigError without the packages of the extra `web`."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
        import websockets  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"`pytracking serve` needs the package {error.name}: pip install starlette "
            "uvicorn websockets (the extra web)"
        ) from None


def _offered(request: ServeRequest, choice: TrackerChoice, feed: Callable[[str], Feed]) -> Offered:
    networks = {printable(file.name): file.preset or "" for file in known_networks().values()}
    return Offered(
        tuple(dict.fromkeys((*request.sources, SYNTHETIC))),
        {choice.network: choice.preset or "", **networks},
        PURPOSES,
        feed,
        lambda network, preset: replace(choice, network=network, preset=preset),
    )


def _greeting(host: str, port: int, token: str | None) -> str:
    lines = [f"open {address_of(host, port, token)}"]
    if host in EVERYWHERE:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        lines += [f"or   {address_of(own, port, token)}" for own in own_addresses(family)]
    if token is None and os.environ.get("SSH_CONNECTION"):
        lines.append(
            f"from your own machine: ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}, then "
            f"open http://localhost:{port}/"
        )
    return "\n".join([*lines, "Ctrl-C ends it"])
