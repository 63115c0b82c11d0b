"""A visdom client that raises where it fails, prints nothing, waits for no answer for long, and
asks for what a person did on the page when it is told to."""

from __future__ import annotations

import json
import logging
import socket
import warnings
from typing import Any

from ltr.errors import ConfigError

DEFAULT_ADDRESS = ("127.0.0.1", 8097)
ENVIRONMENT = "pytracking"
PATIENCE = 5.0
"""Seconds that an answer may take."""

Address = tuple[str, int]
"""Host and port."""
Event = dict[str, Any]
"""What a person did: "event_type", the window as "target", and more by the kind of the event."""


def page_of(address: Address) -> str:
    """Where a browser finds what is sent to a server."""
    return f"{_server(address[0])}:{address[1]}/env/{ENVIRONMENT}"


def require_visdom() -> None:
    """Raises ConfigError where the package visdom is not installed."""
    from importlib.util import find_spec

    if find_spec("visdom") is None:
        raise ConfigError(
            "the package visdom is not installed: pip install 'setuptools<81' wheel, then pip "
            "install --no-build-isolation visdom 'tornado<6.6'; without it --debug-dir shows the "
            "same as files"
        )


def refusal_of(address: Address) -> str:
    """Why nobody can be reached at an address; nothing where somebody listens."""
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


class Client:
    """A client of one environment. Whatever fails is raised, by what ever class visdom raises."""

    def __init__(self, address: Address) -> None:
        self.visdom = _visdom(address)
        self._events = f"{_server(address[0])}:{address[1]}/vis_socket_wrap"
        self._listener = ""

    def events(self) -> list[Event]:
        """What was done on the page since the last call, oldest first.

        The client's own back channel is a thread that cannot be ended and reports every fault on
        the terminal; this is the server's other one, which is asked."""
        if not self._listener:
            self._listener = self._ask({})["sid"]
        answer = self._ask({"message_type": "query", "sid": self._listener})
        if not answer["success"]:  # it forgets those that do not ask for a quarter of a minute
            self._listener = ""
            return []
        return [json.loads(message) for message in reversed(answer["messages"])]

    def _ask(self, question: dict[str, str]) -> Any:
        return json.loads(self.visdom._handle_post(self._events, data=json.dumps(question)))


def _visdom(address: Address) -> Any:
    logging.getLogger("visdom").disabled = True
    warnings.filterwarnings("ignore", module=r"visdom(\.|$)")  # the command line tells warnings
    from visdom import Visdom

    class Patient(Visdom):
        def _handle_post(self, url: str, data: Any = None) -> str:
            """What the package offers to be replaced: it waits for ever, and for proxies."""
            session: Any = self.session  # type: ignore[attr-defined]
            session.trust_env = False
            answer = session.post(url, data=data or {}, timeout=PATIENCE)
            answer.raise_for_status()
            return str(answer.text)

    host, port = address
    return Patient(
        server=_server(host),
        port=port,
        env=ENVIRONMENT,
        raise_exceptions=True,
        use_incoming_socket=False,
    )


def _server(host: str) -> str:
    return f"http://[{host}]" if ":" in host else f"http://{host}"
