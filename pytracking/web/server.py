"""The server: its socket, its thread, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import threading
from collections.abc import Callable, Iterator

from ltr.errors import ConfigError
from pytracking.web.access import EVERYWHERE, Application
from pytracking.web.browser_camera import LARGEST_PICTURE

PATIENCE = 0.3
"""Seconds that answers under way have when the server ends: Ctrl-C is to end all within one."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises ConfigError."""
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    try:
        return socket.create_server(("" if name in EVERYWHERE else name, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} of {host} is taken, perhaps by another `pytracking serve`: end that "
                "one, or give --port with another number (0 takes a free one)"
            ) from None
        raise ConfigError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; give --host an "
            "address of this machine and --port a number from 1024"
        ) from None


def address_of(host: str, port: int, token: str | None) -> str:
    """The address to open."""
    name = socket.gethostname() if host in EVERYWHERE else host
    name = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def own_addresses(family: socket.AddressFamily) -> list[str]:
    """The addresses of this machine that others may reach, as far as it knows them."""
    found = dict.fromkeys([_outgoing(family)])
    with contextlib.suppress(OSError):
        found.update(
            (str(info[4][0]), None) for info in socket.getaddrinfo(socket.gethostname(), 0, family)
        )
    return [a for a in found if a and not a.startswith(("127.", "fe80:")) and a != "::1"]


def _outgoing(family: socket.AddressFamily) -> str:
    """The address from which this machine would send to the net; nothing is sent."""
    elsewhere = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.connect((elsewhere, 9))
        return str(asked.getsockname()[0])
    return ""


@contextlib.contextmanager
def serving(
    application: Application, end: Callable[[], None], bound: socket.socket
) -> Iterator[None]:
    """Answers come from a thread of their own until the end of the block, so that signals are the
    caller's. There it calls `end`, which is to end streams; other answers have PATIENCE."""
    import uvicorn

    config = uvicorn.Config(
        application,
        log_config=None,
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        ws_max_size=LARGEST_PICTURE,
        ws_max_queue=2,
        ws_per_message_deflate=False,  # pictures are compressed already
        timeout_graceful_shutdown=PATIENCE,  # type: ignore[arg-type]  # it waits for parts too
    )
    server = uvicorn.Server(config)
    loop = asyncio.new_event_loop()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(server.serve(sockets=[bound]))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run, name="web server", daemon=True)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(end)
        # An answer that is cut off now is no error to be told of; the next server sets it again.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
        server.should_exit = True
        thread.join()
        bound.close()
