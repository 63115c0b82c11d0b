"""A visdom server as `pytracking visdom` starts it, and a page of it without a browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

DEADLINE = 120.0
"""Seconds: the machine may be loaded."""


def require_visdom() -> None:
    """Skip where visdom is not installed, which in the project's own checks is a failure."""
    if find_spec("visdom") is None:
        if os.environ.get("REQUIRE_SHARED") == "1":
            pytest.fail("visdom is not installed: setup.sh test installs it")
        pytest.skip("visdom is not installed: pip install as setup.sh does")


def until(true: Callable[[], Any], what: str) -> Any:
    """What `true` returns, as soon as that is true."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited too long for {what}")


class VisdomServer:
    """A process of its own on a free port."""

    def __init__(self, folder: Path, *options: str) -> None:
        words = ["visdom", "--port", "0", "--environments", str(folder), *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytracking", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        self.greeting = [self.process.stdout.readline()]
        while self.greeting[-1] and not self.greeting[-1].startswith("Ctrl-C"):
            self.greeting.append(self.process.stdout.readline())
        found = re.search(r"127\.0\.0\.1:(\d+)", self.greeting[0])
        assert found, self.greeting
        self.port = int(found[1])
        self.address = ("127.0.0.1", self.port)
        self._page = ""

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def windows(self) -> dict[str, Any]:
        """All windows by name, as the server holds them."""
        question = {"win": None, "eid": "pytracking"}
        try:
            return json.loads(self._ask("win_data", question))
        except urllib.error.HTTPError:  # nothing was sent yet
            return {}

    def click(self, number: int, value: Any = "clicked") -> None:
        """What a browser sends when a person uses a control."""
        if not self._page:
            self._page = json.loads(self._ask("socket_wrap", None))["sid"]
        event = {"event_type": "PropertyUpdate", "target": "controls", "eid": "pytracking"}
        packet = {**event, "propertyId": number, "value": value}
        message = json.dumps({"cmd": "forward_to_vis", "data": packet})
        words = {"message_type": "send", "sid": self._page, "message": message}
        assert json.loads(self._ask("socket_wrap", words))["success"]

    def _ask(self, endpoint: str, question: Any) -> str:
        data = None if question is None else json.dumps(question).encode()
        url = f"http://127.0.0.1:{self.port}/{endpoint}"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(urllib.request.Request(url, data), timeout=DEADLINE) as answer:
            return answer.read().decode()
