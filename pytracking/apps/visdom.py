"""A visdom server on this machine alone, which needs no network."""

from __future__ import annotations

import logging
import re
import socket
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from ltr.errors import ConfigError
from ltr.files import make_folder
from pytracking.debug.visdom_client import page_of, require_visdom

HOST = "127.0.0.1"
LARGEST = 1024**3
"""Bytes that a client may send at once, as of visdom's own start."""
SECONDS_TO_FETCH = 20
"""Without an answer, of each file."""


def run_visdom(port: int, environments: Path | None, fetch: bool) -> int:
    """Serve until Ctrl-C, which is raised. Raises ConfigError without the package, and for a port
    that is taken.

    The package's own start fetches scripts each time and ends where it cannot; it listens to all
    the world unless told otherwise."""
    require_visdom()
    sockets = _listening(port)
    from tornado.httpserver import HTTPServer
    from tornado.ioloop import IOLoop
    from visdom.server.app import Application
    from visdom.server.defaults import DEFAULT_ENV_PATH

    if fetch and missing_scripts():
        _fetch()
    port = sockets[0].getsockname()[1]
    folder = Path(DEFAULT_ENV_PATH) if environments is None else environments
    make_folder(folder)
    logging.getLogger("tornado.access").setLevel(logging.CRITICAL)
    application = Application(port=port, env_path=str(folder))
    HTTPServer(application, max_buffer_size=LARGEST).add_sockets(sockets)
    print(_greeting(port, fetch), flush=True)
    IOLoop.current().start()
    return 0


def missing_scripts() -> list[str]:
    """What the package's page asks for and is not there; MathJax draws formulas alone."""
    import visdom

    static = Path(visdom.__file__).parent / "static"
    asked = re.findall(r"""static_url\(["']([^"']*)""", (static / "index.html").read_text())
    wanted = (name for name in asked if "mathjax" not in name and ".." not in name)
    return [name for name in dict.fromkeys(wanted) if not (static / name).is_file()]


def _listening(port: int) -> list[socket.socket]:
    from tornado.netutil import bind_sockets

    try:
        return bind_sockets(port, HOST)
    except OSError as error:
        raise ConfigError(
            f"port {port} cannot be listened on ({error.strerror or error}): give another --port, "
            f"or end what has it"
        ) from None


def _fetch() -> None:
    """Ask for all of them once; what did not come is seen by its absence."""
    from visdom.server.build import download_scripts

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_TO_FETCH)
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            download_scripts()
    except Exception:  # no network, no room, no right to write: whatever it raises
        pass
    finally:
        logging.disable(logging.NOTSET)
        socket.setdefaulttimeout(before)


def _greeting(port: int, fetch: bool) -> str:
    lines = [f"open {page_of((HOST, port))}"]
    if missing := missing_scripts():
        names = ", ".join(Path(name).name for name in missing)
        again = (
            "they could not be fetched" if fetch else "`pytracking visdom --fetch` gets them once"
        )
        lines.append(
            f"the page will stay empty, for the package lacks scripts: {names}; {again}, and "
            "--debug-dir shows the same without a server"
        )
    option = "--visdom" if port == 8097 else f"--visdom {HOST}:{port}"
    return "\n".join([*lines, f"then: pytracking track video.mp4 {option}", "Ctrl-C ends it"])
