"""What viewers are sent: the newest view, as often as they take one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import websockets.exceptions
from web_service import Served, opened, served

import pytracking.web.broadcast as broadcast
from pytracking.sources.feed import Condition
from pytracking.tracker.prediction import Prediction
from pytracking.web import application
from pytracking.web.pictures import jpeg, plain, width_for

LEFT = Prediction((1.5, 2, 10, 12), 0.875, "uncertain", (0, 0, 30, 30))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as made:
        yield made


def next_view(stream: Any, number: int) -> tuple[dict[str, Any], bytes]:
    """The message of frame `number`; those before it are acknowledged."""
    while True:
        message = stream.recv(timeout=30)
        said, picture = opened(message)
        stream.send("shown")
        if said["view"] and said["view"]["number"] == number:
            return said, picture


def test_a_message_says_all_and_shows_the_frame(server: Served) -> None:
    with server.socket("/api/stream?source=clip&viewer=me") as stream:
        assert stream.recv(timeout=30) == '{"you": "viewer 1"}'
        more = {"predictions": {"left": LEFT}, "condition": Condition("stalled", "plug it in")}
        server.session.publish(7, **more)
        said, picture = next_view(stream, 7)
    view, status = said["view"], said["status"]
    assert (view["source"], view["number"], view["size"]) == ("clip", 7, [64, 36])
    assert view["condition"] == {"word": "stalled", "line": "plug it in"}
    assert view["targets"] == [
        {
            "name": "left",
            "box": [1.5, 2, 10, 12],
            "status": "uncertain",
            "score": 0.875,
            "colour": "#56b4e9",
            "ink": "#10141a",
            "line": [4.5, 4.5],
        }
    ]
    assert status["viewers"] == 1
    assert status["steering"] == {"holder": None, "idle": None}
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    frame = server.session.views["clip"].shot.frame
    assert image.shape == frame.shape
    assert abs(image.astype(int) - jpeg_round_trip(frame)).max() == 0, "nothing is drawn into it"


def jpeg_round_trip(frame: np.ndarray) -> np.ndarray:
    data = np.frombuffer(jpeg(frame, frame.shape[1]), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def test_a_picture_is_sent_once(server: Served) -> None:
    with server.socket("/api/stream") as stream:
        stream.recv(timeout=30)
        server.session.publish(1)
        assert next_view(stream, 1)[1]
        httpx.post(server.url("/api/pause"))  # everybody is told, of the same frame
        assert next_view(stream, 1)[1] == b""


def test_a_viewer_that_stops_reading_is_sent_no_more(server: Served) -> None:
    """And another one, beside it, loses nothing."""
    with server.socket("/api/stream") as stopped, server.socket("/api/stream") as other:
        for stream in (stopped, other):
            stream.recv(timeout=30)
        for number in range(1, 40):
            server.session.publish(number)
            assert next_view(other, number)[1]
        assert stopped.recv(timeout=30)
        assert stopped.recv(timeout=30)
        with pytest.raises(TimeoutError):  # two is the most that may be on the way
            stopped.recv(timeout=1.5)  # longer than the heartbeat
        stopped.send("shown")
        said, _ = opened(stopped.recv(timeout=30))
        assert said["view"]["number"] == 39, "the newest one, not those in between"


def test_a_viewer_that_does_not_even_read_its_socket(server: Served) -> None:
    """What a stopped process is: its kernel takes what fits, the server goes on for the others."""
    with (
        server.socket("/api/stream", max_queue=1, close_timeout=0.1) as frozen,
        server.socket("/api/stream") as other,
    ):
        other.recv(timeout=30)
        for number in range(1, 30):
            server.session.publish(number, (720, 1280))
            next_view(other, number)
        assert frozen.recv(timeout=30)
        assert server.service.broadcast.viewers == 2


def test_fifty_viewers(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture is coded once for all; whoever publishes never waits."""
    from websockets.asyncio.client import connect

    coded: list[int] = []
    real = broadcast.jpeg

    def counted(frame: np.ndarray, width: int) -> bytes:
        coded.append(width)
        return real(frame, width)

    monkeypatch.setattr(broadcast, "jpeg", counted)
    last, took = 25, list[float]()
    ready = threading.Barrier(2)

    async def view() -> int:
        async with connect(f"ws://{server.address}/api/stream", proxy=None) as stream:
            await stream.recv()
            count = 0
            while True:
                said, picture = opened(await stream.recv())  # type: ignore[arg-type]
                await stream.send("shown")
                count += bool(picture)
                if said["view"] and said["view"]["number"] == last:
                    return count

    async def all_view() -> list[int]:
        viewers = [asyncio.create_task(view()) for _ in range(50)]
        while server.service.broadcast.viewers < 50:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(ready.wait)
        return await asyncio.wait_for(asyncio.gather(*viewers), 60)

    def publish() -> None:
        ready.wait()
        for number in range(1, last + 1):
            begin = time.perf_counter()
            server.session.publish(number)
            took.append(time.perf_counter() - begin)
            time.sleep(0.02)

    publisher = threading.Thread(target=publish)
    publisher.start()
    counts = asyncio.run(all_view())
    publisher.join()
    assert len(counts) == 50
    assert min(counts) >= 1
    assert len(coded) <= last, "once a frame, for all"
    assert sorted(took)[len(took) // 2] < 0.02, "publishing waits for no viewer"


def test_viewers_that_go_leave_nothing(server: Served) -> None:
    for _ in range(5):
        with server.socket("/api/stream") as stream:
            stream.recv(timeout=30)
    until(lambda: server.service.broadcast.viewers == 0)
    until(lambda: not [t for t in threading.enumerate() if t.name == "views of clip"])


def test_nobody_looks_inside_after_the_last_viewer(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application, "COMING_BACK", 0.01)
    looked_away = ("watch", ("clip", None))
    with server.socket("/api/stream") as first:
        with server.socket("/api/stream") as second:
            for stream in (first, second):
                stream.recv()
        until(lambda: server.service.broadcast.viewers == 1)
        assert looked_away not in server.session.calls
    until(lambda: looked_away in server.session.calls)


def test_the_end_of_the_server_ends_its_streams(tmp_path: Path) -> None:
    with contextlib.ExitStack() as clients, contextlib.ExitStack() as servers:
        server = servers.enter_context(served(tmp_path))
        stream = clients.enter_context(server.socket("/api/stream"))
        stream.recv(timeout=30)
        server.session.publish(1)
        video = clients.enter_context(httpx.stream("GET", server.url("/api/video"), timeout=30))
        next(video.iter_raw())
        begin = time.monotonic()
        servers.close()
        assert time.monotonic() - begin < 5
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            while True:
                stream.recv(timeout=30)
        assert stream.close_code in (1001, 1012), "going away, or restarting: as the server may say"
    until(
        lambda: (
            not [
                t
                for t in threading.enumerate()
                if t.name.startswith(("views of", "web server", "pictures"))
            ]
        )
    )


def until(true: Any) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_mjpeg_shows_the_boxes(server: Served) -> None:
    black = {"predictions": {"left": LEFT}}
    server.session.publish(1, (360, 640), **black)
    with httpx.stream("GET", server.url("/api/video?width=640"), timeout=30) as video:
        assert video.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
        data = b""
        for chunk in video.iter_raw():
            data += chunk
            head, _, rest = data.partition(b"\r\n\r\n")
            length = int(head.rpartition(b": ")[2] or 0)
            if rest and len(rest) >= length:
                break
    image = cv2.imdecode(np.frombuffer(rest[:length], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    frame = server.session.views["clip"].shot.frame
    difference = abs(image.astype(int) - jpeg_round_trip(frame)).max(axis=2)
    assert difference[:60, :120].max() > 60, "a box and its label"
    assert np.median(difference[200:, 300:]) < 3


def test_one_frame_with_boxes_or_without(server: Served) -> None:
    assert httpx.get(server.url("/api/frame")).status_code == 404
    server.session.publish(1, (360, 640), predictions={"left": LEFT})
    small = httpx.get(server.url("/api/frame?boxes=0&width=300"))
    image = cv2.imdecode(np.frombuffer(small.content, np.uint8), cv2.IMREAD_COLOR)
    assert (small.headers["content-type"], image.shape) == ("image/jpeg", (180, 320, 3))
    assert httpx.get(server.url("/api/frame?boxes=1")).content != small.content
    answer = httpx.get(server.url("/api/frame?source=clap"))
    assert answer.json() == {"error": "no source 'clap': did you mean clip?"}


@pytest.mark.parametrize(
    ("asked", "frame", "width"),
    [(1, 1280, 320), (641, 1280, 960), (960, 1280, 960), (9999, 640, 640), (9999, 7680, 3840)],
)
def test_widths_are_few_and_never_above_the_frame(asked: int, frame: int, width: int) -> None:
    assert width_for(asked, frame) == width


def test_nothing_that_is_not_finite_is_said() -> None:
    value = {"a": float("nan"), "b": (np.float32("inf"), 1.5, np.int64(2)), "c": Path("x")}
    assert plain(value) == {"a": None, "b": [None, 1.5, 2], "c": "x"}
