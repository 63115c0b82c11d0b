"""--visdom and `pytracking visdom`: a run that loses its server, none at all, and what is refused."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest
from demo_video import write_demo_video
from visdom_server import DEADLINE, VisdomServer, require_visdom, until

from pytracking.apps import serve
from pytracking.apps import visdom as app
from pytracking.cli import main
from pytracking.debug import visdom_client
from pytracking.debug.gate import Gate

BOX = "--box=290,153,59,53"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Attentive(Gate):
    """Lets a few frames pass, and the others when a person has paused the run."""

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0
        self.paused = Event()

    def pause(self) -> None:
        super().pause()
        self.paused.set()

    def wait(self) -> None:
        self.frames += 1
        assert self.frames < 4 or self.paused.wait(DEADLINE)
        super().wait()


def test_serve_shows_what_its_tracker_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    require_visdom()
    server = VisdomServer(tmp_path / "environments")
    shown: list[set[str]] = []

    def track(host: str, port: int, token: str | None) -> str:
        address = f"http://127.0.0.1:{port}/api"
        until(lambda: httpx.get(f"{address}/frame").status_code == 200, "the first frame")
        given = {"source": "synthetic", "box": [145, 76, 30, 27]}
        assert httpx.post(f"{address}/add", json=given, timeout=60).status_code == 200
        until(lambda: {"frame", "score_map", "controls"} <= server.windows().keys(), "windows")
        shown.append(set(server.windows()))
        server.click(0)
        until(lambda: httpx.get(f"{address}/status").json()["paused"], "paused from there")
        raise KeyboardInterrupt

    monkeypatch.setattr(serve, "_greeting", track)
    words = ["serve", "synthetic", "--port", "0", "--size", "320x180", "--rate", "5"]
    try:
        assert main([*words, "--visdom", f"127.0.0.1:{server.port}"]) == 130
    finally:
        server.end()
    assert shown
    assert "Traceback" not in capfd.readouterr().err


def test_a_server_that_stops_in_mid_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require_visdom()
    write_demo_video(tmp_path / "clip.mp4", 12)
    assert main(["track", "clip.mp4", BOX, "--output", "plain"]) == 0
    capfd.readouterr()
    server, gate = VisdomServer(tmp_path / "environments"), Attentive()
    monkeypatch.setattr("pytracking.apps.track.Gate", lambda: gate)

    def stop() -> None:
        until(lambda: "controls" in server.windows(), "the first frame")
        server.click(0)
        assert gate.paused.wait(DEADLINE)
        server.end()

    thread = Thread(target=stop)
    thread.start()
    words = ["track", "clip.mp4", BOX, "--output", "seen", "--visdom", f"127.0.0.1:{server.port}"]
    try:
        assert main(words) == 0
        thread.join()
    finally:
        server.end()
    out, err = capfd.readouterr()
    boxes = [(tmp_path / folder / "boxes.txt").read_text() for folder in ("plain", "seen")]
    assert boxes[0] == boxes[1]
    assert "then         11 frames" in out
    lines = [line for line in err.splitlines() if line.startswith("pytracking")]
    assert "shows this run" in lines[0]
    assert "is gone (" in lines[1]
    assert "% of the tracker's" in lines[2]
    assert len(lines) == 3
    assert "Traceback" not in out + err


def test_no_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    require_visdom()
    write_demo_video(tmp_path / "clip.mp4", 3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert main(["track", "clip.mp4", BOX, "--visdom", f"127.0.0.1:{port}"]) == 0
    assert capfd.readouterr().err == (
        f"pytracking: no visdom server answers at 127.0.0.1:{port} (Connection refused): tracking goes on without; "
        "`pytracking visdom` starts one\n"
    )


def test_evaluate_shows_each_sequence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    require_visdom()
    (tmp_path / "data").mkdir()
    for name in ("one", "two"):
        write_demo_video(tmp_path / "data" / f"{name}.mp4", 4)
        (tmp_path / "data" / f"{name}.txt").write_text("290,153,59,53\n" * 4)
    server = VisdomServer(tmp_path / "environments")
    try:
        words = ["evaluate", "data", "--output", "o", "--visdom", f"127.0.0.1:{server.port}"]
        assert main(words) == 0
        status = until(lambda: server.windows().get("status"), "what was left to be sent")
    finally:
        server.end()
    assert "<td>one</td>" in str(status) or "<td>two</td>" in str(status)
    assert "visdom was sent" in capfd.readouterr().err


def test_camera_is_shown_and_steered(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    require_visdom()
    server = VisdomServer(tmp_path / "environments")
    steered: list[str] = []

    def steer() -> None:
        until(lambda: "controls" in server.windows(), "the first frame")
        server.click(0)
        server.click(1)
        until(lambda: "<td>cat</td>" in str(server.windows().get("status")), "the target")
        server.click(2)
        steered.append("played")

    thread = Thread(target=steer)
    thread.start()
    words = ["camera", "synthetic", "--no-window", f"{BOX.replace('=', '=cat=')}", "--seconds", "9"]
    try:
        assert main([*words, "--visdom", f"127.0.0.1:{server.port}"]) == 0
        thread.join()
    finally:
        server.end()
    assert steered
    err = capfd.readouterr().err
    assert "is gone" not in err
    assert "Traceback" not in err
    assert "visdom was sent" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["track", "--visdom", "clip.mp4"],
            "--visdom is 'clip.mp4': give HOST:PORT, or, for 127.0.0.1:8097, nothing and the option last",
        ),
        (
            ["track", "clip.mp4", "--visdom", "host:0"],
            "--visdom is 'host:0': give HOST:PORT, or, for 127.0.0.1:8097, nothing and the option last",
        ),
        (
            ["evaluate", "data", "--workers", "2", "--visdom"],
            "--visdom shows one sequence at a time: leave out --batch, --workers and --ray",
        ),
        (
            ["evaluate", "data", "--batch", "2", "--visdom"],
            "--visdom shows one sequence at a time: leave out --batch, --workers and --ray",
        ),
        (
            ["evaluate", "vot2018", "--visdom"],
            "--visdom does not show runs with restarts: leave it out, or give another --protocol",
        ),
    ],
)
def test_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    require_visdom()
    assert main(words) == 2
    assert capsys.readouterr().err == f"pytracking: {said}\n"


@pytest.mark.parametrize(
    "words", [["track", "x.mp4", BOX, "--visdom"], ["evaluate", "x", "--visdom"], ["visdom"]]
)
def test_without_the_package(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "pytracking: the package visdom is not installed: pip install 'setuptools<81' wheel"
    )
    assert "--debug-dir" in said
    assert said.count("\n") == 1


def test_addresses() -> None:
    assert visdom_client.page_of(("127.0.0.1", 9000)) == "http://127.0.0.1:9000/env/pytracking"
    assert visdom_client.page_of(("::1", 9000)) == "http://[::1]:9000/env/pytracking"


# --- the server


def test_a_server_on_this_machine_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_visdom()
    server = VisdomServer(tmp_path / "environments")
    try:
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", server.port), timeout=5)
        assert main(["visdom", "--port", str(server.port)]) == 2
    finally:
        server.end()
    assert (
        server.greeting[-2]
        == f"then: pytracking track video.mp4 --visdom 127.0.0.1:{server.port}\n"
    )
    assert (tmp_path / "environments").is_dir()
    assert capsys.readouterr().err == (
        f"pytracking: port {server.port} cannot be listened on (Address already in use): "
        "give another --port, or end what has it\n"
    )


def test_scripts_that_are_missing_and_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    require_visdom()
    import visdom
    import visdom.server.build as build

    static = tmp_path / "static"
    (static / "js").mkdir(parents=True)
    names = [
        "js/there.js",
        "js/away.js",
        "css/away.css",
        "js/mathjax/MathJax.js",
        "../user/style.css",
    ]
    (static / "index.html").write_text(
        "".join(f'{{{{ static_url("{name}") }}}}\n' for name in names)
    )
    (static / "js" / "there.js").touch()
    monkeypatch.setattr(visdom, "__file__", str(tmp_path / "__init__.py"))
    assert app.missing_scripts() == ["js/away.js", "css/away.css"]
    said = app._greeting(8097, fetch=False)
    assert "lacks scripts: away.js, away.css; `pytracking visdom --fetch` gets them once" in said
    assert "--debug-dir shows the same without a server" in said
    assert said.splitlines()[2] == "then: pytracking track video.mp4 --visdom"

    def offline() -> None:
        print("Checking for scripts.")
        logging.error("Error while downloading")
        raise ConnectionError("no network")

    monkeypatch.setattr(build, "download_scripts", offline)
    before = socket.getdefaulttimeout()
    app._fetch()
    assert socket.getdefaulttimeout() == before
    assert not caplog.records
    assert "they could not be fetched" in app._greeting(8097, fetch=True)
    for name in ("js/away.js", "css/away.css"):
        (static / name).parent.mkdir(exist_ok=True)
        (static / name).touch()
    assert "scripts" not in app._greeting(8097, fetch=True)
