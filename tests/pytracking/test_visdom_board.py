"""The visdom board: what a server is sent, how the page steers, and that tracking never waits for it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from observed_step import FRAME, MAP, prediction
from visdom_server import VisdomServer, require_visdom, until

from pytracking.debug import visdom_board
from pytracking.debug.gate import Gate
from pytracking.debug.visdom_board import VisdomBoard
from pytracking.debug.visdom_client import Client, page_of
from pytracking.tracker.observer import Observer

BOXES = {"a": (40.0, 30.0, 20.0, 20.0), "b<": (10.0, 10.0, 9.0, 9.0)}
PICTURES = {"frame", "search_area", "closer", "score_map", "windowed_score_map"}
PLOTS = {"weights", "energies", "score", "time", "filter_norm", "filter_change"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VisdomServer]:
    require_visdom()
    started = VisdomServer(tmp_path_factory.mktemp("environments"))
    yield started
    started.end()


def tell(observer: Observer) -> None:
    """All that an engine tells of two targets."""
    for energy in (0.1, 0.5, 0.7):
        observer.observe("candidate_boxes", torch.tensor([30.0, 30, 20, 20]).expand(2, 3, 4))
        observer.observe("candidate_energies", torch.full((2, 3), energy))
    observer.observe("search_crop", torch.full((2, 3, 80, 80), 200.0))
    observer.observe("score_map", torch.from_numpy(MAP).expand(2, -1, -1))
    observer.observe("windowed_score_map", torch.from_numpy(MAP / 2).expand(2, -1, -1))
    observer.observe("sample_weights", torch.tensor([[0.5, 0.5, 0], [1, 0, 0]]))
    observer.observe("filter_norm", torch.tensor([1.5, 2.5]))
    observer.observe("filter_change", torch.tensor([0.0, 0.02]))


def track(board: VisdomBoard, gate: Gate, numbers: Iterator[int]) -> None:
    """The next frame."""
    gate.wait()
    number = next(numbers)
    if observer := board.observer(number):
        tell(observer)
    board.write(number, FRAME, list(BOXES), [prediction(), prediction("uncertain")], 0.02)


def show_one_more(board: VisdomBoard, gate: Gate, numbers: Iterator[int]) -> None:
    """Track until the server has another frame."""
    before = board.shown
    until(lambda: track(board, gate, numbers) or board.shown > before, "a frame to be sent")


def test_every_window_and_every_control(server: VisdomServer) -> None:
    gate, numbers = Gate(), iter(range(2, 10**9))
    tracked: list[int] = []
    with VisdomBoard(server.address, gate, rate=50) as board:
        board.begin(1, FRAME, BOXES)
        show_one_more(board, gate, numbers)
        windows = server.windows()
        assert {n for n, w in windows.items() if w["type"] == "image"} == PICTURES
        assert {n for n, w in windows.items() if w["type"] == "plot"} == PLOTS
        assert windows["controls"]["type"] == "properties"
        assert windows["status"]["type"] == "text"
        for name in PICTURES:
            assert windows[name]["content"]["src"].startswith("data:image/jpeg")
        bars = windows["weights"]["content"]["data"][0]
        assert (bars["type"], bars["y"]) == ("bar", [0.5, 0.5, 0])
        assert len(windows["energies"]["content"]["data"]) == 3
        assert windows["energies"]["content"]["data"][0]["y"] == pytest.approx([0.1, 0.5, 0.7])
        assert windows["filter_norm"]["content"]["data"][0]["y"][0] == 1.5
        assert "<td>a</td>" in windows["status"]["content"]
        assert set(windows["time"]["content"]["data"][0]["y"]) == {20}
        choice = windows["controls"]["content"][3]
        assert (choice["values"], choice["value"]) == (["a", "b<"], 0)

        server.click(0)
        until(lambda: gate._paused, "the pause")
        loop = Thread(
            target=lambda: [tracked.append(k) or track(board, gate, numbers) for k in range(3)]
        )
        loop.start()
        server.click(3, "1")
        until(lambda: board._chosen == "b<", "the choice")
        for steps in (1, 2):
            server.click(1)
            until(lambda: len(tracked) == steps + 1, "a step")  # noqa: B023
        assert loop.is_alive(), "two steps, and no more"
        until(lambda: "<td>b&lt;</td>" in server.windows()["status"]["content"], "the other target")
        assert server.windows()["weights"]["content"]["data"][0]["y"] == [1, 0, 0]
        server.click(2)
        loop.join(60)
        assert not loop.is_alive()
        assert not gate._paused


def test_no_more_is_looked_at_than_is_sent(
    server: VisdomServer, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, numbers = Gate(), iter(range(2, 10**9))
    with VisdomBoard(server.address, gate, rate=0.001) as board:
        board.begin(1, FRAME, BOXES)
        show_one_more(board, gate, numbers)
        assert board.observer(5) is None, "a thousand seconds have not gone by"
        assert board.seconds_spent < 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"pytracking: {page_of(server.address)} shows this run"
    assert said[1].startswith("pytracking: visdom was sent 1 frame and cost 0.")
    assert said[1].endswith("% of the tracker's")


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = taken.getsockname()
        with VisdomBoard(address, Gate()) as board:
            board.begin(1, FRAME, BOXES)
            assert board.observer(2) is None
            board.write(2, FRAME, list(BOXES), [prediction()] * 2)
    assert capsys.readouterr().err == (
        f"pytracking: no visdom server answers at 127.0.0.1:{address[1]} (Connection refused): "
        "tracking goes on without; `pytracking visdom` starts one\n"
    )


def test_somebody_who_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    require_visdom()
    monkeypatch.setattr(visdom_board, "SECONDS_TO_END", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begin = time.monotonic()
        with VisdomBoard(silent.getsockname(), Gate()) as board:
            board.begin(1, FRAME, BOXES)
            numbers = iter(range(2, 100))
            for _ in range(20):
                track(board, Gate(), numbers)
            assert board.shown == 0
        assert time.monotonic() - begin < 4.5, "less than the client's patience"


def test_a_server_that_ends_while_the_run_is_paused_lets_it_go_on(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    require_visdom()
    server, gate, numbers = VisdomServer(tmp_path), Gate(), iter(range(2, 10**9))
    try:
        with VisdomBoard(server.address, gate, rate=50) as board:
            board.begin(1, FRAME, BOXES)
            show_one_more(board, gate, numbers)
            server.click(0)
            until(lambda: gate._paused, "the pause")
            server.end()
            until(lambda: not gate._paused, "going on")
            track(board, gate, numbers)
            until(lambda: board.observer(10**6) is None, "nothing to be looked at any more")
    finally:
        server.end()
    _, err = capfd.readouterr()
    lines = err.splitlines()
    assert len(lines) == 3, err
    assert lines[1].startswith(
        f"pytracking: the visdom server at 127.0.0.1:{server.port} is gone ("
    )
    assert lines[1].endswith("): tracking goes on without")


def test_events_come_in_their_order(server: VisdomServer) -> None:
    client = Client(server.address)
    client.visdom.text("x", win="controls")
    assert client.events()[0]["command"] == "alive"
    for number in (0, 1, 2):
        server.click(number)
    assert [event["propertyId"] for event in client.events()] == [0, 1, 2]
    client._listener = "unknown"
    assert client.events() == [], "forgotten by the server"
    assert client.events()[0]["command"] == "alive", "and heard again"


def test_gate() -> None:
    gate, passed = Gate(), []
    gate.wait()
    gate.pause()
    thread = Thread(target=lambda: [gate.wait() or passed.append(k) for k in range(5)])
    thread.start()
    for steps in (1, 2):
        gate.step()
        until(lambda: len(passed) == steps, "a step")  # noqa: B023
    thread.join(0.05)
    assert thread.is_alive()
    assert passed == [0, 1]
    gate.play()
    thread.join(60)
    assert passed == [0, 1, 2, 3, 4]


def test_curves_of_scores_that_are_no_numbers(server: VisdomServer) -> None:
    gate, numbers = Gate(), iter(range(2, 10**9))
    with VisdomBoard(server.address, gate, rate=50) as board:
        board.begin(1, FRAME, {"a": BOXES["a"]})

        def track_alone() -> bool:
            number = next(numbers)
            if observer := board.observer(number):
                observer.observe("score_map", torch.full((1, 19, 19), np.nan))
                observer.observe("filter_norm", torch.tensor([np.nan]))
                observer.observe("filter_change", torch.tensor([np.nan]))
            board.write(number, FRAME, ["a"], [prediction("not_found")])
            return board.shown > 1

        until(track_alone, "frames to be sent")
    assert server.windows()["score_map"]["title"] == "scores, peak nan"
