"""What can be done over HTTP: commands and their checks, who steers, uploads, files, cameras."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from demo_video import write_demo_video
from numbered_clip import cut
from web_service import Served, served

from ltr.errors import FrameError
from pytracking.web import uploads
from pytracking.web.browser_camera import MOST_PIXELS, decoded, jpeg_size
from pytracking.web.pictures import jpeg
from pytracking.web.recordings import finished_files
from pytracking.web.steering import IDLE, SteeringError, Wheel

ANNA, BERT = {"X-Viewer": "anna"}, {"X-Viewer": "bert"}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(tmp_path: Path, clock: Clock) -> Iterator[Served]:
    with served(tmp_path / "recordings", most=200_000, clock=clock) as made:
        yield made


def post(server: Served, path: str, given: Any = None, headers: Any = None) -> tuple[int, Any]:
    answer = httpx.post(server.url(path), json={} if given is None else given, headers=headers)
    said = answer.json()
    return answer.status_code, said.get("error", said.get("result"))


def test_a_command_reaches_the_session(server: Served) -> None:
    given = {"source": "clip", "box": [1, 2, 3.5, 4], "number": 7, "name": None}
    assert post(server, "/api/add", given) == (200, "target1")
    assert server.session.calls == [("add", ("clip", (1.0, 2.0, 3.5, 4.0), None, 7))]
    answer = httpx.post(server.url("/api/pause"))
    assert answer.json()["status"]["steering"] == {"holder": "viewer 1", "idle": 0.0}


@pytest.mark.parametrize(
    ("path", "given", "status", "line"),
    [
        ("add", {"source": "clip"}, 400, "add lacks the field box: it takes source, box, name, number"),
        ("add", {"source": 1, "box": [1, 2, 3, 4]}, 400, "source is 1: give a text"),
        ("add", {"source": "clip", "box": [1, 2, 3]}, 400, "box is [1, 2, 3]: give four numbers [x, y, w, h]"),
        ("add", {"source": "clip", "box": [1, 2, 3, True]}, 400, "box is [1, 2, 3, True]: give four numbers [x, y, w, h]"),
        ("add", {"source": "clip", "box": [10**400, 2, 3, 4]}, 400, "box is [10000000000000000000000000000000000000000000000000000000000: give four numbers [x, y, w, h]"),
        ("add", {"source": "clip", "box": [1, 2, 0, 4]}, 400, "a box needs at least a pixel"),
        ("seek", {"source": "clip", "number": 0}, 400, "number is 0: give a frame number, 1 or more"),
        ("pause", {"sauce": 1}, 400, "pause knows no field 'sauce': none is known"),
        ("rename", {"odl": "a", "new": "b"}, 400, "rename knows no field 'odl': did you mean old?"),
        ("rename", {"old": "a", "new": "n" * 41}, 400, "new has 41 characters: give at most 40"),
        ("add", {"source": "clip", "box": [1, 2, 3, 4], "name": "n" * 41}, 400, "name has 41 characters: give at most 40"),
        ("pause", [], 400, "pause got []: give a JSON object"),
        ("wheel", {"action": "spin"}, 400, "action is 'spin': give 'take' or 'give'"),
        ("open", {"source": "/etc/passwd"}, 400, "source '/etc/passwd' is not offered here: known: synthetic"),
        ("open", {"source": "http://10.0.0.1/"}, 400, "source 'http://10.0.0.1/' is not offered here: known: synthetic"),
        ("choose", {"network": "/tmp/x.pth"}, 400, "network '/tmp/x.pth' is not offered here: known: net"),
        ("choose", {"network": "net", "preset": "plane"}, 400, "preset 'plane' is not offered here: did you mean plain?"),
        ("pauze", {}, 404, "no command 'pauze': did you mean pause?"),
        ("__init__", {}, 404, "no command '__init__': known: add, choose, close, hold, open, pause, play, redraw, remove, rename, reset, seek, snapshot, start_recording, step, stop_recording, watch"),
    ],
)  # fmt: skip
def test_bad_commands_are_one_line(
    server: Served, path: str, given: Any, status: int, line: str
) -> None:
    assert post(server, f"/api/{path}", given) == (status, line)
    assert not server.session.calls


def test_bodies_that_are_no_commands(server: Served) -> None:
    for body, line in (
        (b"{", "the body is no JSON: send an object, such as {}"),
        (b"[" * 60_000, "the body is no JSON: send an object, such as {}"),
        (b" " * 70_000, "a command has at most 65536 bytes: send less"),
    ):
        answer = httpx.post(server.url("/api/pause"), content=body)
        assert (answer.status_code, answer.json()) == (400, {"error": line})
    assert httpx.get(server.url("/api/pause")).status_code == 405


# --- steering


def test_two_people_steering_at_once(server: Served, clock: Clock) -> None:
    assert post(server, "/api/pause", headers=ANNA)[0] == 200
    clock.now += 5
    status, line = post(server, "/api/pause", headers=BERT)
    assert status == 409
    assert (
        line
        == "viewer 1 steers: ask them to let go, or take the wheel after 15 s without a command"
    )
    assert post(server, "/api/wheel", {"action": "take"}, BERT)[0] == 409
    assert post(server, "/api/upload?name=a.mp4", headers=BERT)[0] == 409
    assert len(server.session.calls) == 1, "nothing of the other's was done"
    clock.now += 15
    assert post(server, "/api/pause", headers=BERT) == (
        409,
        "viewer 1 steers: take the wheel first",
    )
    assert post(server, "/api/wheel", {"action": "take"}, BERT)[0] == 200
    assert post(server, "/api/pause", headers=ANNA)[0] == 409
    assert post(server, "/api/wheel", {"action": "give"}, BERT)[0] == 200
    assert post(server, "/api/pause", headers=ANNA)[0] == 200


def test_whoever_leaves_lets_go(server: Served) -> None:
    with server.socket("/api/stream?viewer=anna") as stream:
        stream.recv(timeout=30)
        assert post(server, "/api/pause", headers=ANNA)[0] == 200
        assert post(server, "/api/pause", headers=BERT)[0] == 409
    for _ in range(500):
        if server.service.wheel.holder is None:
            break
        httpx.get(server.url("/api/status"))
    assert post(server, "/api/pause", headers=BERT)[0] == 200


def test_wheel() -> None:
    clock = Clock()
    wheel = Wheel(clock)
    wheel.take("a")
    with pytest.raises(SteeringError):
        wheel.give("b")
    clock.now += IDLE
    wheel.take("b")
    assert wheel.holder == "b"
    wheel.leave("a")
    assert wheel.holder == "b"
    assert [wheel.label(who) for who in "abac"] == ["viewer 1", "viewer 2", "viewer 1", "viewer 3"]


# --- uploads


def upload(server: Served, name: str, data: bytes) -> tuple[int, Any]:
    answer = httpx.put(server.url("/api/upload"), params={"name": name}, content=data)
    return answer.status_code, answer.json().get("error", answer.json().get("result"))


def kept(server: Served) -> list[str]:
    return sorted(path.name for path in server.service.uploads.folder.iterdir())


def test_an_upload_becomes_a_source(server: Served, tmp_path: Path) -> None:
    data = write_demo_video(tmp_path / "clip.mp4", 3).read_bytes()
    assert upload(server, "../../etc/my clip!.mp4", data) == (200, "my_clip_")
    assert upload(server, "C:\\videos\\my clip!.mp4", data) == (200, "my_clip_-2")
    assert kept(server) == ["my_clip_-2.mp4", "my_clip_.mp4"]
    assert (server.service.uploads.folder / "my_clip_.mp4").read_bytes() == data
    assert post(server, "/api/close", {"source": "my_clip_"})[0] == 200
    assert kept(server) == ["my_clip_-2.mp4"], "an upload goes with its source"


def test_uploads_go_with_the_server(tmp_path: Path) -> None:
    data = write_demo_video(tmp_path / "clip.mp4", 3).read_bytes()
    with served(tmp_path) as server:
        assert upload(server, "clip.mp4", data)[0] == 200
        folder = server.service.uploads.folder
    assert not folder.exists()


def test_what_is_no_video_is_refused(server: Served, tmp_path: Path) -> None:
    """A text named .mp4, a truncated video, no video by its name, nothing at all: a line each, nothing is left."""
    video = cut(write_demo_video(tmp_path / "clip.mp4", 12), 0.6).read_bytes()
    for name, data, line in (
        ("text.mp4", b"a text\n" * 50, "video text.mp4 is no video, whatever its name says: give one"),
        ("cut.mp4", video, "video cut.mp4 cannot be opened: it is no video, or cut off or damaged, fetch it again"),
        ("empty.mp4", b"", "video empty.mp4 is an empty file: fetch it again"),
        ("page.html", b"<p>", "page.html is no video by its name: give one of .avi, .m4v, .mkv, .mov, .mp4, .mpeg, .mpg, .webm"),
        ("", b"", "what has no ?name=NAME is no video by its name: give one of .avi, .m4v, .mkv, .mov, .mp4, .mpeg, .mpg, .webm"),
        (".mp4", b"", "mp4 is no video by its name: give one of .avi, .m4v, .mkv, .mov, .mp4, .mpeg, .mpg, .webm"),
    ):  # fmt: skip
        assert upload(server, name, data) == (400, line)
        assert kept(server) == []
    assert not server.session.calls


def test_a_list_of_other_files_is_no_video(server: Served, tmp_path: Path) -> None:
    """FFmpeg would play what it names."""
    data = write_demo_video(tmp_path / "clip.mp4", 3).read_bytes()
    assert upload(server, "clip.mp4", data)[0] == 200
    line = "video list.mp4 is no video, whatever its name says: give one"
    assert upload(server, "list.mp4", b"ffconcat version 1.0\nfile 'clip.mp4'\n") == (400, line)
    assert kept(server) == ["clip.mp4"]


def test_two_uploads_of_one_name_at_once(server: Served, tmp_path: Path) -> None:
    data = write_demo_video(tmp_path / "clip.mp4", 3).read_bytes()
    both = threading.Barrier(2)

    def chunks() -> Iterator[bytes]:
        yield data[:100]
        both.wait(30)
        yield data[100:]

    with ThreadPoolExecutor(2) as threads:
        url = server.url("/api/upload?name=clip.mp4")
        answers = [threads.submit(httpx.put, url, content=chunks(), timeout=60) for _ in range(2)]
        names = sorted(answer.result().json()["result"] for answer in answers)
    assert names == ["clip", "clip-2"]
    assert kept(server) == ["clip-2.mp4", "clip.mp4"]


def test_an_upload_that_is_checked_when_the_server_ends(server: Served, tmp_path: Path) -> None:
    data = write_demo_video(tmp_path / "clip.mp4", 3).read_bytes()
    server.service.end()
    line = "video clip.mp4 was not checked to its end: the server ends"
    assert upload(server, "clip.mp4", data) == (400, line)
    assert kept(server) == []


def test_a_video_whose_end_is_missing_is_refused(server: Served, tmp_path: Path) -> None:
    """One whose index lies in front: it opens, and says how long it should be."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for k in range(40):
        writer.write(np.full((48, 64, 3), k, np.uint8))
    writer.release()
    status, line = upload(server, "clip.avi", cut(path, 0.5).read_bytes())
    assert status == 400
    assert line.startswith("video clip.avi stopped after ")
    assert kept(server) == []


def test_an_upload_over_the_limit(server: Served) -> None:
    line = "the video has more than 0.2 MB: cut or shrink it, or start the server with a larger --max-upload"
    assert upload(server, "large.mp4", bytes(200_001)) == (413, line)
    chunks = (bytes(50_000) for _ in range(5))  # its size is not said before
    answer = httpx.put(server.url("/api/upload?name=large.mp4"), content=chunks)
    assert (answer.status_code, answer.json()) == (413, {"error": line})
    assert kept(server) == []


# --- files


def test_uploads_are_no_more_than_so_many(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST", 1)
    video = write_demo_video(tmp_path / "clip.mp4", 2).read_bytes()
    assert upload(server, "first.mp4", video) == (200, "first")
    line = "there are 1 uploads: close the source of one of them first"
    assert upload(server, "second.mp4", video) == (413, line)
    assert post(server, "/api/close", {"source": "first"})[0] == 200
    assert upload(server, "second.mp4", video) == (200, "second")


def test_finished_recordings_are_listed_and_given(server: Served) -> None:
    folder = server.service.recordings
    time = "2026-01-31_23-59-59"
    (folder / time).mkdir(parents=True)
    (folder / time / "boxes_hall.csv").write_text("1,2,3,4")
    (folder / time / "video_hall.mp4.0123456789abcdef.partial.mp4").write_text("")
    (folder / time / "video.mp4").symlink_to(folder.parent / "secret.txt")
    (folder / "synthetic_000012_2.png").write_text("picture")
    for others in ("notes.txt", "thesis.csv", f"{time}/letter.txt", "holiday.png"):
        (folder / others).write_text("mine")
    (folder.parent / "secret.txt").write_text("no")
    told = [f"{time}/boxes_hall.csv", "synthetic_000012_2.png"]
    listed = httpx.get(server.url("/api/files")).json()["files"]
    assert sorted(listed, key=lambda file: file["name"]) == [
        {"name": name, "bytes": 7} for name in told
    ]
    answer = httpx.get(server.url(f"/api/files/{told[0]}"))
    assert answer.text == "1,2,3,4"
    assert answer.headers["content-disposition"] == 'attachment; filename="boxes_hall.csv"'
    for path in (
        "..%2Fsecret.txt",
        f"{time}%2F..%2F..%2Fsecret.txt",
        f"{time}/video.mp4",
        "thesis.csv",
        "one",
        "%2Fetc%2Fpasswd",
    ):
        assert httpx.get(server.url(f"/api/files/{path}")).status_code == 404
    assert list(finished_files(folder, [folder / time])) == told[1:]
    assert finished_files(folder / "nothing") == {}


def test_files_may_go_while_they_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a_000001.png", "b_000001.png"]
    for name in names:
        (tmp_path / name).write_text(name)
    look = Path.lstat

    def gone(path: Path) -> Any:
        if path.name == names[0]:
            path.unlink()
        return look(path)

    monkeypatch.setattr(Path, "lstat", gone)
    assert list(finished_files(tmp_path)) == names[1:]


# --- the camera of a browser


def test_pictures_of_a_browser_are_checked() -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    data = jpeg(frame, 64)
    assert jpeg_size(data) == (48, 64)
    assert decoded(data, "eye").shape == (48, 64, 3)
    large = bytearray(data)
    at = large.index(b"\xff\xc0")
    large[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    assert MOST_PIXELS < 65535**2
    shifted = b"\xff\xd8\xff" + bytes(large[2:])  # a byte that decoders skip, and behind it,
    at = 4 + int.from_bytes(shifted[4:6], "big")  # where a segment would end by it, a harmless size
    hidden = shifted[:6] + bytes(at - 6) + bytes(data[data.index(b"\xff\xc0") :])
    for bad in (b"", b"\xff\xd8", b"\x89PNG", bytes(large), hidden, b"\xff\xd8" + b"\xff" * 99):
        with pytest.raises(FrameError, match="^eye sent no JPEG picture of at most 8.3 megapixels"):
            decoded(bad, "eye")
    with pytest.raises(FrameError, match="cut off"):
        decoded(data[:-20], "eye")
