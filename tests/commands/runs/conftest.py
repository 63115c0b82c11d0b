"""Each test runs in a folder of its own, with something to track."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo_video import write_demo_video
from run_line import FAST, N, Run, sequence

from pytracking.cli import main as pytracking


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_video(tmp_path_factory.mktemp("clip") / "cat.mp4", N)


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
