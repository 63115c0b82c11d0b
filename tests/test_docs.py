"""Every code block of the documents runs as a user would run it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest

from pytracking.sources.demo_clip import DemoClip

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")
BLOCKS = [
    (name, language, text)
    for name in DOCUMENTS
    for language, text in re.findall(r"```(\w+)\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
]
ELSEWHERE = ("bash setup.sh ", "source .venv/bin/activate")
"""Run by the project's own checks: they make the environment that this test runs in."""


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents speak of: video.mp4, and DATA with the sequence NAME."""
    clip = DemoClip(0)
    video = cv2.VideoWriter(str(tmp_path / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 360))
    (tmp_path / "DATA" / "NAME").mkdir(parents=True)
    for k in range(4):
        video.write(clip.frame(k)[:, :, ::-1])
        cv2.imwrite(str(tmp_path / "DATA" / "NAME" / f"{k}.png"), clip.frame(k)[:, :, ::-1])
    video.release()
    np.savetxt(tmp_path / "DATA" / "NAME" / "groundtruth.txt", clip.boxes_xywh[:4], delimiter=",")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("document", "language", "text"), BLOCKS)
def test_block(document: str, language: str, text: str, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if language == "python":
        exec(compile(text, document, "exec"), {"__name__": "__main__"})
        assert capsys.readouterr().out
        return
    assert language == "bash", f"{document}: a block in {language} is run by nothing"
    from ltr.cli import main as ltr
    from pytracking.cli import main as pytracking

    for line in text.strip().splitlines():
        if line.startswith(ELSEWHERE):
            continue
        program, *arguments = shlex.split(line)
        run = {"pytracking": pytracking, "ltr": ltr}[program]
        try:
            status = run(arguments)
        except SystemExit as done:  # --help
            status = done.code or 0  # type: ignore[assignment]
        assert status == 0, line


def test_blocks_are_found() -> None:
    assert {language for _, language, _ in BLOCKS} == {"python", "bash"}
    assert len(BLOCKS) >= 5


def test_files_that_are_named_exist() -> None:
    for document in DOCUMENTS:
        for name in re.findall(
            r"`((?:ltr|pytracking|benchmarks|tests|checkpoints)/[\w./]+)`", (ROOT / document).read_text()
        ):
            assert (ROOT / name).exists(), f"{document} names {name}"
