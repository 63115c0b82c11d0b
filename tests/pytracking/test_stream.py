"""Streams of the network, over a real one on loopback: they stall, hang up, come back; or have an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest
from fake_devices import FAST, Listener, listening, wait_until
from mjpeg_server import MjpegServer, mjpeg_server
from numbered_clip import index_of, write_video

from pytracking.sources import stream
from pytracking.sources.live_feed import LiveFeed
from pytracking.sources.opening import open_feed
from pytracking.sources.stream import Stream

pytestmark = pytest.mark.skipif(
    not cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG), reason="this OpenCV has no FFmpeg"
)
LIMITS = replace(FAST, patience=5.0)


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    with mjpeg_server() as running:
        yield running


def open_quickly(monkeypatch: pytest.MonkeyPatch, address: str) -> LiveFeed:
    monkeypatch.setattr(stream, "READ_SECONDS", 0.5)
    return LiveFeed(Stream(address), LIMITS)


def test_frames_come_and_the_newest_is_given(server: MjpegServer) -> None:
    with listening(open_feed(server.address)) as listener:
        assert (listener.feed.live, listener.feed.length) == (True, None)
        listener.until_it_is("running")
        for _ in range(3):
            shot = listener.shot()
            assert index_of(shot.frame) == (shot.number - 1) % 40


def test_a_stream_that_stalls_comes_back(
    server: MjpegServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with listening(open_quickly(monkeypatch, server.address)) as listener:
        listener.until_it_is("running")
        server.state = "stalls"
        listener.until_it_is("stalled")
        assert listener.feed.condition.line == (
            f"stream {server.address} gives no frames: check its address, its sender and the network; "
            "it is tried again until it does"
        )
        wait_until(lambda: server.connections > 1)
        server.state = "streams"
        wait_until(lambda: listener.feed.condition.word == "running")
    assert "timeout" not in "".join(capfd.readouterr())


def test_a_stream_that_hangs_up_comes_back(
    server: MjpegServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    descriptors = open_descriptors()
    with listening(open_quickly(monkeypatch, server.address)) as listener:
        listener.until_it_is("running")
        server.state = "hangs up"
        listener.until_it_is("lost")
        wait_until(lambda: server.connections > 4)
        assert listener.feed.condition.line == (
            f"stream {server.address} cannot be opened: check its address, its sender and the network; "
            "it is tried again until it can"
        )
        server.state = "streams"
        wait_until(lambda: listener.feed.condition.word == "running")
    assert "VIDEOIO" not in "".join(capfd.readouterr())
    wait_until(lambda: open_descriptors() <= descriptors)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
def test_a_stall_of_five_seconds_by_the_true_limits(server: MjpegServer) -> None:
    with listening(open_feed(server.address)) as listener:
        listener.until_it_is("running")
        server.state, since = "stalls", time.monotonic()
        listener.until_it_is("stalled")
        assert time.monotonic() - since < 3  # two, and what a loaded machine takes
        time.sleep(max(0.0, since + 5 - time.monotonic()))
        server.state = "streams"
        listener.until_it_is("running")
        assert time.monotonic() - since < 15


def test_a_recorded_video_goes_at_its_pace_to_its_end(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", "MJPG", frames=12)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    try:
        began = time.monotonic()
        with listening(open_feed(f"http://127.0.0.1:{served.server_address[1]}/clip.avi")) as heard:
            last = last_before_the_end(heard)
            assert time.monotonic() - began > 11 / 25
        assert last == 12
        assert heard.feed.condition.line == ""
    finally:
        served.shutdown()
        served.server_close()
        thread.join()


def last_before_the_end(listener: Listener) -> int:
    numbers = [0]

    def ended() -> bool:
        over = listener.feed.condition.word == "ended"
        if shot := listener.feed.take():
            numbers.append(shot.number)
        return over

    listener.until(ended)
    return numbers[-1]


@pytest.mark.parametrize(
    ("address", "title", "name"),
    [
        ("rtsp://me:secret@cam.local:554/door/1", "stream rtsp://cam.local:554/door/1", "cam.local_554_door_1"),
        ("udp://@:1234", "stream udp://@:1234", "1234"),
        ("udp://", "stream udp://", "udp"),
    ],
)  # fmt: skip
def test_a_password_is_never_said(address: str, title: str, name: str) -> None:
    feed = LiveFeed(Stream(address))
    assert feed.name == name
    assert Stream(address).device.title == title


def test_without_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda _: False)
    with listening(LiveFeed(Stream("rtsp://cam/1"), FAST)) as listener:
        listener.until_it_is("lost")
        assert listener.feed.condition.line == (
            "stream rtsp://cam/1 cannot be opened: this OpenCV has no FFmpeg; install the one of "
            "`pip install opencv-python`"
        )
