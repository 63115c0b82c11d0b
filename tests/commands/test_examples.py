"""Every program of examples/ and its notebook do what they say, with public names alone."""

from __future__ import annotations

import ast
import json
import re
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
from demo_video import write_demo_video

import pytracking
from pytracking.sources.demo_clip import DemoClip

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NOTEBOOK = EXAMPLES / "first_steps.ipynb"
FRAMES = 5
BOX = "{:.1f},{:.1f},{:.1f},{:.1f}".format(*DemoClip(0).boxes_xywh[0])


@pytest.fixture(autouse=True)
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with video.mp4, the first frames of the demo clip."""
    write_demo_video(tmp_path / "video.mp4", FRAMES)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a program of examples/ as a script, and return the lines that it prints."""

    def program(name: str, *arguments: str) -> list[str]:
        monkeypatch.setattr("sys.argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return program


def test_track_video(run) -> None:
    said = run("track_video.py", "video.mp4", BOX, "boxes.txt")
    assert said == ["boxes.txt is written; the target was not found on 0 frames"]
    boxes = np.loadtxt("boxes.txt", delimiter=",")
    np.testing.assert_allclose(boxes, DemoClip(0).boxes_xywh[:FRAMES], atol=6)


def test_many_targets(run, monkeypatch: pytest.MonkeyPatch) -> None:
    said = run("many_targets.py", "video.mp4", f"cat={BOX}", "table=300,60,70,50")
    assert len(said) == 2 * (FRAMES - 1)
    assert said[-2].startswith("cat: ")
    assert said[-1].startswith("table: ")


def test_a_target_that_stays_lost_is_given_up(run, tmp_path: Path) -> None:
    writer = cv2.VideoWriter("gone.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 360))
    for k in range(13):
        writer.write(DemoClip(0).frame(0)[:, :, ::-1] if k == 0 else np.zeros((360, 640, 3), "u1"))
    writer.release()
    said = run("many_targets.py", "gone.mp4", f"cat={BOX}")
    assert said[-1] == "cat: given up"
    assert len(said) == 12


def test_save_and_resume(run) -> None:
    said = run("save_and_resume.py", "video.mp4", BOX)
    assert [line.split()[-1] for line in said] == ["same"] * (FRAMES - 4)


def test_live_loop(run) -> None:
    said = run("live_loop.py", "video.mp4", BOX)
    tracked = [line for line in said if line.startswith("frame ")]
    assert said[-1] == f"tracked {len(tracked)} of {FRAMES - 1} frames"
    assert tracked
    assert re.fullmatch(r"frame 2: centre \d+,\d+ found", said[0])


def code_cells() -> list[str]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_notebook(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict = {"__name__": "__main__"}
    for number, text in enumerate(code_cells(), 1):
        exec(compile(text, f"{NOTEBOOK.name}, code cell {number}", "exec"), names)
    said = capsys.readouterr().out.splitlines()
    errors = [float(match[1]) for line in said if (match := re.search(r"([\d.]+) px off", line))]
    assert len(errors) == 7
    assert max(errors) < 6
    assert "True" in said
    assert said[-1] in ("('right',)", "['right']")


def test_the_notebook_has_no_outputs() -> None:
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs"), cell["source"]
        assert cell.get("execution_count") is None


def test_examples_use_public_names_alone() -> None:
    programs = sorted(EXAMPLES.glob("*.py"))
    assert len(programs) == 4
    for text in [*(path.read_text(encoding="utf-8") for path in programs), *code_cells()]:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                assert node.module == "pytracking" or not node.module.startswith(
                    ("pytracking", "ltr")
                )
                if node.module == "pytracking":
                    assert {alias.name for alias in node.names} <= set(pytracking.__all__)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_without_arguments_each_program_says_how_it_is_called(path: Path, run) -> None:
    with pytest.raises(SystemExit) as caught:
        run(path.name)
    assert f"python examples/{path.name} " in str(caught.value)


def test_each_program_is_of_a_screen_and_shows_its_command() -> None:
    for path in EXAMPLES.glob("*.py"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 40
        assert any(line.startswith(f"python examples/{path.name} ") for line in lines)
