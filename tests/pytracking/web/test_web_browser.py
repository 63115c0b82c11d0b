"""The whole in a browser: `pytracking serve` with a real tracker, and what a person sees of it."""

from __future__ import annotations

import csv
import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import torch
from demo_video import write_demo_video
from web_browser import Page, page_in_chromium

from ltr.geometry import iou
from pytracking.cli import main
from pytracking.sources.demo_clip import DemoClip
from pytracking.sources.synthetic import clip_index

pytestmark = pytest.mark.slow

CLIP = DemoClip(0)
CALM = [*range(2, 20), *range(90, 96), *range(114, 148)]
"""Indices of the clip from which the target goes on undisturbed for some frames, forward."""
NET = "imagenet_mobile"


@pytest.fixture
def address(tmp_path: Path, signals_not_ignored: None) -> Iterator[str]:
    """Of a server without sources. Four frames a second, so that the slowest machine sees each."""
    words = [sys.executable, "-m", "pytracking", "serve", "--port", "0", "--net", NET]
    words += ["--rate", "4", "--output", str(tmp_path / "recordings")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        assert said.startswith("open http://127.0.0.1:")
        yield said.split()[1]
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 130


@pytest.fixture
def page(tmp_path: Path, address: str) -> Iterator[Page]:
    with page_in_chromium(tmp_path) as page:
        page.open(address)
        page.until(lambda: page.find("#welcome").is_displayed(), "asked what to watch")
        page.screenshot("welcome-1280")
        yield page
        assert not page.complaints()


def truth(number: int) -> np.ndarray:
    """The target's box in frame `number` of the synthetic source."""
    return np.asarray(CLIP.boxes_xywh[clip_index(number)])


def follows(page: Page, name: str, frames: int) -> None:
    """Wait until a target was seen in so many frames, and assert that its box was the true one."""
    seen: dict[int, tuple[str, list[float]]] = {}

    def enough() -> bool:
        number, targets = page.script(
            "return [Number(document.querySelector('#screen').dataset.number), "
            "[...document.querySelectorAll('#targets li')].map((row) => ({...row.dataset}))]"
        )
        for row in targets:
            if row["name"] == name and row["status"] != "given":
                seen[number] = row["status"], [float(v) for v in row["box"].split(",")]
        return len(seen) >= frames

    page.until(enough, f"{name} was seen in {frames} frames", 120)
    assert "found" in {status for status, _ in seen.values()}
    for number, (_, box) in seen.items():
        assert float(iou(torch.tensor(box), torch.tensor(truth(number)))) > 0.5, number


def test_synthetic_source(page: Page, tmp_path: Path) -> None:
    page.press("#demo")
    page.until(lambda: clip_index(page.number) in CALM and page.number % 298 < 149, "calm", 120)
    page.drag_box(truth)
    page.until(lambda: "target" in page.targets(), "tracked")
    follows(page, "target", 8)
    page.until(
        lambda: int(page.script("return document.querySelector('#scores').dataset.points")) > 5,
        "plotted",
    )

    page.press("[aria-label='Look inside the tracker at target']")
    loaded = "return ['search_area', 'score_map'].every((id) => document.getElementById(id).naturalWidth > 100)"
    page.until(lambda: page.script(loaded), "shown the search area and the score map")
    page.drag_box(lambda number: np.array([60.0, 220, 90, 80]))
    page.until(lambda: set(page.targets()) == {"target", "target2"}, "two targets")
    page.until(lambda: page.targets()["target2"][0] not in ("given", "init"), "tracked too")
    page.screenshot("synthetic-1280")
    page.press("#look-away")
    page.until(lambda: not page.find("#inside").is_displayed(), "looked away")
    page.press("#play")
    page.until(lambda: page.text("#play") == "Play", "paused, so that no panel is on its way")
    page.press("[aria-label='Look inside the tracker at target2']")
    page.until(lambda: page.text("#inside-title") == "Inside the tracker: target2", "looked inside")
    assert page.find("#soon").is_displayed(), "nothing is seen while all stands still"
    assert not page.find("#panels").is_displayed()
    page.press("#reset")
    page.until(lambda: not page.find("#inside").is_displayed(), "nothing to look into")
    page.until(lambda: page.targets() == {}, "none")
    assert not page.find("#reset").is_enabled()


def test_boxes_of_an_upload_are_those_of_track(
    page: Page, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, box = 12, (230.5, 150.25, 60, 58)
    video = write_demo_video(tmp_path / "clip.mp4", frames)
    page.find("#file").send_keys(str(video))
    page.until(lambda: page.text("#sources") == "clip" and page.number == 1, "waits at its start")
    page.press("#record")
    page.until(lambda: page.text("#record") == "Stop recording", "recording")
    page.press("#targets ~ details summary")
    for name, value in zip("xywh", box, strict=True):
        page.find(f"#numbers [name={name}]").send_keys(str(value))
    page.press("#numbers button")
    page.until(lambda: page.number == frames, "at its end")
    page.until(lambda: "that was the last frame" in page.text("#condition"), "said so")
    assert page.text("#play") == "Play"
    assert not page.find("#play").is_enabled()
    page.press("#record")
    links = "return [...document.querySelectorAll('#files a')].map((link) => link.href)"
    boxes = page.until(lambda: [h for h in page.script(links) if "boxes.csv" in h], "listed")
    (film,) = [h for h in page.script(links) if "video." in h]
    mine = table(httpx.get(boxes[0]).text)
    (tmp_path / "film").write_bytes(httpx.get(film).content)
    assert int(cv2.VideoCapture(str(tmp_path / "film")).get(cv2.CAP_PROP_FRAME_COUNT)) == frames

    monkeypatch.chdir(tmp_path)
    words = ["--box", ",".join(map(str, box)), "--net", NET, "--format", "csv", "--output", "out"]
    assert main(["track", str(video), *words]) == 0
    assert mine == table((tmp_path / "out" / "results.csv").read_text())
    assert len(mine) == frames

    seek = "const s = document.querySelector('#seek'); s.value = 3; s.dispatchEvent(new Event('input'))"
    page.script(seek)
    page.until(lambda: page.number >= 3 and page.number < frames, "gone back")


def table(text: str) -> list[list[str]]:
    """Frame, target, box, score and status of a table of results, as they are written."""
    columns = ["frame", "target", "x", "y", "w", "h", "score", "status"]
    return [[row[name] for name in columns] for row in csv.DictReader(io.StringIO(text))]


FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.mark.parametrize("with_file", [False, True])
def test_the_camera_of_the_browser(address: str, tmp_path: Path, with_file: bool) -> None:
    switches = list(FAKE)
    if with_file:
        film = tmp_path / "film.mjpeg"
        coded = (cv2.imencode(".jpg", CLIP.frame(k)[..., ::-1])[1].tobytes() for k in range(10))
        film.write_bytes(b"".join(coded))
        switches.append(f"--use-file-for-fake-video-capture={film}")
    with page_in_chromium(tmp_path, (390, 844), switches) as page:
        page.open(address)
        page.press("#welcome [data-open=camera]")
        page.until(lambda: page.number > 3, "seen its pictures", 120)
        assert page.text("#sources") == "camera of viewer 1"
        page.screenshot(f"camera-390-{with_file}")
        if with_file:
            data = httpx.get(f"{address}api/frame?boxes=0&width=640").content
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
            known = [
                abs(cv2.resize(CLIP.frame(k), picture.shape[1::-1]).astype(int) - picture).mean()
                for k in range(10)
            ]
            assert min(known) < 12
            x, y, w, h = CLIP.boxes_xywh[4]
            k = picture.shape[1] / 640
            page.drag((k * x, k * y), (k * (x + w), k * (y + h)))
            page.until(lambda: "found" in str(page.targets().get("target")), "found", 120)
        page.press("#camera")
        page.until(lambda: page.text("#camera") == "Browser’s camera", "off")
        page.until(lambda: "has gone: open it again" in page.text("#condition"), "said so")
        page.press("#close")
        page.until(lambda: page.find("#welcome").is_displayed(), "asked again")
        assert not page.complaints()
