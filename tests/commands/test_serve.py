"""What `pytracking serve` refuses before it serves, and what it prints."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from pytracking.apps import serve
from pytracking.cli import main
from pytracking.live.session import Session
from pytracking.live.tracking import Tracking
from pytracking.web.server import address_of, listening_socket, own_addresses


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["serve", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert not list(Path.cwd().iterdir()), "nothing is written"
    return said.err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert refusal(["--port", port], capsys) == (
            f"pytracking: port {port} of 127.0.0.1 is taken, perhaps by another `pytracking serve`: "
            "end that one, or give --port with another number (0 takes a free one)\n"
        )


def test_hosts_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--host no.such.host.invalid leads nowhere (" in refusal(
        ["--host", "no.such.host.invalid"], capsys
    )
    assert "cannot listen on 192.0.2.1, port " in refusal(["--host", "192.0.2.1"], capsys)


def test_sources_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing.mp4" in refusal(["--port", "0", "nothing.mp4"], capsys)


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "websockets"])
def test_without_the_extra(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert refusal([], capsys) == (
        f"pytracking: `pytracking serve` needs the package {package}: pip install starlette uvicorn websockets (the extra web)\n"
    )


def test_the_end_names_the_recording(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: list[str] = []

    def record(host: str, port: int, token: str | None) -> str:
        answer = httpx.post(f"http://127.0.0.1:{port}/api/start_recording", timeout=60)
        kept.append(answer.json()["result"])
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "_greeting", record)
    assert main(["serve", "--port", "0", "--net", "imagenet_mobile"]) == 130
    said = capsys.readouterr()
    assert said.err == "pytracking: interrupted\n"
    assert said.out == f"kept {Path('outputs', 'serve', kept[0])}\n"


class Interrupted(Event):
    """The wait for a failure, which a person ends after a while."""

    turns = 0

    def wait(self, timeout: float | None = None) -> bool:
        Interrupted.turns += 1
        if Interrupted.turns > 12:
            raise KeyboardInterrupt
        return super().wait(timeout)


def test_a_camera_that_is_not_there_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = Session.__init__

    def init(self: Session, *words: Any, **others: Any) -> None:
        begin(self, *words, **others)
        self.failed = Interrupted()

    monkeypatch.setattr(Session, "__init__", init)
    assert main(["serve", "77", "--port", "0", "--net", "imagenet_mobile"]) == 130
    note, end = capsys.readouterr().err.splitlines()
    assert note.startswith("pytracking: note: there is no camera ")
    assert end == "pytracking: interrupted"


def test_a_failure_of_the_tracking_thread_ends_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Tracking) -> bool:
        raise RuntimeError("out of order")

    monkeypatch.setattr(Tracking, "go_on", fail)
    assert main(["serve", "--port", "0", "--net", "imagenet_mobile"]) == 1
    said = capsys.readouterr().err
    assert said == "pytracking: failed: RuntimeError: out of order (--debug shows where)\n"


def test_all_addresses_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "own_addresses", lambda family: ["10.1.2.3"])
    lines = serve._greeting("0.0.0.0", 80, "x").splitlines()
    assert lines[1] == "or   http://10.1.2.3:80/?token=x"
    assert "10.1.2.3" not in serve._greeting("127.0.0.1", 80, None)


def test_own_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(None, None, None, "", (a, 0)) for a in ("127.0.1.1", "10.1.2.3", "10.1.2.3")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    own = own_addresses(socket.AF_INET)
    assert own.count("10.1.2.3") == 1
    assert not [address for address in own if address.startswith("127.")]


def test_addresses() -> None:
    assert address_of("127.0.0.1", 8321, None) == "http://127.0.0.1:8321/"
    assert address_of("::1", 8321, None) == "http://[::1]:8321/"
    everywhere = f"http://{socket.gethostname()}:80/?token=x"
    assert address_of("0.0.0.0", 80, "x") == everywhere


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "::"])
def test_listening(host: str) -> None:
    with listening_socket(host, 0) as bound:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        assert bound.family == family
        assert bound.getsockname()[1] > 0
