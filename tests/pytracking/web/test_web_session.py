"""The web page's endpoints upon a real session."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from demo_video import write_demo_video
from web_service import OFFERED, Served, opened, served

from ltr.errors import FrameError
from ltr.images import Frame
from ltr.models.folding import InferenceNet
from pytracking.api import MultiTracker
from pytracking.live.session import Session
from pytracking.sources.opening import open_feed
from pytracking.sources.pushed_feed import PushedFeed
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Prediction
from pytracking.tracker.presets import preset_named
from pytracking.web import browser_camera
from pytracking.web.commands import Offered
from pytracking.web.pictures import jpeg

NET = "imagenet_mobile"
BOX = [230.0, 150.0, 60.0, 60.0]


class SleepingTracker:
    """Finds every target where it was, after a while."""

    observer: Any = None

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._boxes: dict[str, Any] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._boxes)

    def add(self, frame: Frame, box: Sequence[float], name: str) -> None:
        self._boxes[name] = tuple(box)

    def remove(self, name: str) -> None:
        del self._boxes[name]

    def track(
        self, frame: Mapping[str, Frame], names: Collection[str] | None = None
    ) -> dict[str, Prediction]:
        time.sleep(self._seconds)
        return {
            name: Prediction(self._boxes[name], 1.0, "found", self._boxes[name]) for name in frame
        }


def until(true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while not (value := true()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value


@pytest.fixture
def server(tmp_path: Path, inference_net: Callable[[str], InferenceNet]) -> Iterator[Served]:
    """Upon a clip of six frames and a real tracker."""
    engine = TrackerEngine(inference_net(NET), preset_named(NET), 0)

    class Choice:
        network, preset = NET, NET

        def engine(self) -> TrackerEngine:
            return engine

    offered = Offered((), {NET: NET}, {}, open_feed, lambda *names: Choice())
    video = write_demo_video(tmp_path / "clip.mp4", 6)
    recordings = tmp_path / "recordings"
    with (
        Session(MultiTracker(engine), [open_feed(video)], recordings=recordings) as session,
        served(recordings, session=session, offered=offered) as made,
    ):
        until(lambda: session.view("clip"))
        yield made


def post(server: Served, command: str, /, **fields: Any) -> Any:
    answer = httpx.post(server.url(f"/api/{command}"), json=fields, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def source(server: Served) -> Any:
    return httpx.get(server.url("/api/status")).json()["sources"][0]


def test_all_that_a_person_does(server: Served) -> None:
    """Every command, in an order in which it makes sense."""
    post(server, "pause")
    folder = post(server, "start_recording")
    post(server, "hold", source="clip", number=1)
    assert post(server, "add", source="clip", box=BOX, number=1) == "target"
    post(server, "watch", source="clip", name="target")
    assert httpx.get(server.url("/api/panels/score_map")).status_code == 404, "nothing was searched"
    gone = httpx.get(server.url("/api/panels/score_map"), params={"sequence": 1})
    assert (gone.status_code, gone.content) == (204, b""), "the page asks for what may be gone"
    post(server, "step")
    until(lambda: source(server)["number"] == 2)
    for panel in ("search_area", "score_map"):
        data = httpx.get(server.url(f"/api/panels/{panel}")).content
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert min(picture.shape[:2]) > 200
    assert httpx.get(server.url("/api/panels/energies")).status_code == 404
    post(server, "watch", source="clip")
    assert source(server)["watched"] is None
    post(server, "rename", old="target", new="the cat")
    post(server, "redraw", name="the cat", box=BOX)
    post(server, "choose", network=NET)
    post(server, "seek", source="clip", number=4)
    until(lambda: source(server)["number"] == 4)
    assert post(server, "snapshot", source="clip").endswith(".png")
    post(server, "play")
    until(lambda: source(server)["number"] == 6)
    files = httpx.get(server.url("/api/files")).json()["files"]
    assert not [file for file in files if file["name"].startswith(folder)], "not finished"
    assert post(server, "stop_recording") == folder
    names = {file["name"] for file in httpx.get(server.url("/api/files")).json()["files"]}
    assert f"{folder}/boxes.csv" in names
    assert any(name.startswith(f"{folder}/video.") for name in names)
    assert any(name.endswith(".png") for name in names)
    post(server, "remove", name="the cat")
    post(server, "reset")
    post(server, "close", source="clip")
    assert httpx.get(server.url("/api/status")).json()["sources"] == []


def test_a_refusal_of_the_session_is_a_line(server: Served) -> None:
    for name, fields, line in (
        ("remove", {"name": "x"}, "no target 'x' is tracked: there are none"),
        ("add", {"source": "clip", "box": [0, 0, 0, 9]}, "box"),
        ("seek", {"source": "clip", "number": 99}, "99"),
        ("hold", {"source": "nothing", "number": 1}, "there is no source 'nothing'"),
        ("stop_recording", {}, "record"),
    ):
        answer = httpx.post(server.url(f"/api/{name}"), json=fields)
        assert answer.status_code == 400
        assert line in answer.json()["error"]
        assert "\n" not in answer.json()["error"]


def test_a_camera_of_a_browser(server: Served) -> None:
    """It goes and comes back as the same source; what is no picture ends it, and so does its closing."""
    picture = jpeg(np.full((48, 64, 3), 200, np.uint8), 64)
    for count in range(2):
        with server.socket("/api/camera?viewer=me") as camera:
            assert camera.recv(timeout=30) == '{"source":"camera of viewer 1"}'
            camera.send(picture)
            assert camera.recv(timeout=30) == '{"got":1}'
            view = until(lambda: server.session.view("camera of viewer 1"))
            assert view.shot.frame.shape == (48, 64, 3)
        until(lambda: sources(server)["camera of viewer 1"] == "lost")
        assert len(sources(server)) == 2, count
    with server.socket("/api/camera?viewer=me") as camera:
        camera.recv(timeout=30)
        camera.send(b"no picture")
        assert "sent no JPEG picture" in camera.recv(timeout=30)
    with server.socket("/api/camera?viewer=you") as camera:
        assert "viewer 1 steers" in camera.recv(timeout=30)
    with server.socket("/api/camera?viewer=me") as camera:
        camera.recv(timeout=30)
        closing = {"X-Viewer": "me"}
        fields = {"source": "camera of viewer 1"}
        assert httpx.post(server.url("/api/close"), json=fields, headers=closing).status_code == 200
        camera.send(picture)
        assert camera.recv(timeout=30) == '{"error":"camera of viewer 1 was closed"}'


def test_a_file_whose_name_is_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"odd\xff.mp4")
    write_demo_video(tmp_path / "clip.mp4", 2).rename(path)
    offered = dataclasses.replace(OFFERED, sources=(str(path),))
    feeds = [open_feed(path)]
    with (
        Session(SleepingTracker(0), feeds) as session,
        served(tmp_path, session=session, offered=offered) as server,
    ):
        assert list(sources(server)) == ["odd\\udcff"]
        assert httpx.get(server.url("/api/choices")).json()["sources"] == [str(path)]
        assert httpx.get(server.url("/api/files")).json() == {"files": []}
        name = urllib.parse.quote("odd\\udcff")
        until(lambda: httpx.get(server.url(f"/api/frame?source={name}")).status_code == 200)


def test_a_browser_that_goes_while_its_picture_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is there any more to be told of a bad picture, which is no error of the server."""
    sent, gone = threading.Event(), threading.Event()

    def decoded(data: bytes, name: str) -> Frame:
        sent.set()
        gone.wait(30)
        time.sleep(0.2)  # until the server has seen it too
        raise FrameError(f"{name} sent no picture")

    monkeypatch.setattr(browser_camera, "decoded", decoded)
    with Session(SleepingTracker(0), []) as session, served(tmp_path, session=session) as server:
        camera = server.socket("/api/camera?viewer=me").__enter__()
        camera.recv(timeout=30)
        camera.send(b"picture")
        assert sent.wait(30)
        camera.socket.shutdown(socket.SHUT_RDWR)
        gone.set()
        until(lambda: sources(server)["camera of viewer 1"] == "lost")
    assert not caplog.records


def sources(server: Served) -> dict[str, str]:
    known = httpx.get(server.url("/api/status")).json()["sources"]
    return {one["name"]: one["condition"]["word"] for one in known}


def test_fifty_viewers_that_stop_do_not_slow_the_tracker(tmp_path: Path) -> None:
    feed, ended = PushedFeed("eye", "the eye"), threading.Event()

    def push() -> None:
        frame = np.random.default_rng(0).integers(0, 255, (180, 320, 3), np.uint8)
        while not ended.wait(0.02):
            feed.push(frame.copy())

    def tracked() -> int:
        """Frames within a second and a half."""
        before = session.view("eye").shot.number  # type: ignore[union-attr]
        time.sleep(1.5)
        return session.view("eye").shot.number - before  # type: ignore[union-attr]

    pushing = threading.Thread(target=push)
    pushing.start()
    with contextlib.ExitStack() as stack:
        stack.callback(pushing.join)
        stack.callback(ended.set)
        tracker = SleepingTracker(0.005)
        session = stack.enter_context(Session(tracker, [feed], recordings=tmp_path))
        server = stack.enter_context(served(tmp_path, session=session, offered=OFFERED))
        until(lambda: session.view("eye"))
        session.add("eye", (10, 10, 30, 30))
        alone = tracked()
        viewers = [
            stack.enter_context(server.socket("/api/stream", close_timeout=0.1)) for _ in range(50)
        ]
        for viewer in viewers:
            assert "you" in viewer.recv(timeout=30)
            assert opened(viewer.recv(timeout=30))[0]["status"]
        watched = tracked()
        assert server.service.broadcast.viewers == 50
    assert watched > 0.6 * alone, (watched, alone)
