"""Each test runs in a folder of its own, with something to track."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from run_line import FAST, N, Run, sequence

from pytracking.cli import main as pytracking
from pytracking.sources.demo_clip import DemoClip


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, clip = tmp_path_factory.mktemp("clip") / "cat.mp4", DemoClip(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (640, 360))
    for k in range(N):
        writer.write(clip.frame(k)[:, :, ::-1])
    writer.release()
    return path


@pytest.fixture
def video(clip: Path) -> Path:
    """A video named cat.mp4 where the test runs."""
    Path("cat.mp4").write_bytes(clip.read_bytes())
    return Path("cat.mp4")


@pytest.fixture
def frames() -> Path:
    """A sequence g/Girl of images, with true boxes."""
    return sequence(Path("g/Girl"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line in one string: its status and what it said of an error."""

    def call(line: str) -> tuple[int, str]:
        name, *rest = line.split()
        status = pytracking([name, *FAST, *rest])
        return status, capsys.readouterr().err

    return call
