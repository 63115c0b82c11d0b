"""`pytracking camera` without a window: how it begins, what it says, how it ends; its window where there is a display."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from demo_video import write_demo_video

from ltr.video import VideoFile
from pytracking.cli import main
from pytracking.live.keys import KEYS
from pytracking.sources.demo_clip import DemoClip

ROOT = Path(__file__).resolve().parents[2]
BOX = "face=" + ",".join(f"{value:.1f}" for value in DemoClip(0).boxes_xywh[0])
COMMAND = [sys.executable, "-m", "pytracking", "camera"]


@pytest.fixture
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_demo_video(tmp_path / "video.mp4", 4)


def rows(folder: Path) -> list[dict[str, str]]:
    (table,) = folder.glob("*/boxes.csv")
    with table.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_every_frame_of_a_file(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each one is tracked and recorded from the box in the first, though nobody waits for it; the end is the end."""
    twin = "twin=300,20,60,60"
    given = ["--box", BOX, "--box", twin, "--record", "--output", "out"]
    assert main(["camera", str(video), "--no-window", *given]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-2].startswith("video: frame 4  ")
    assert "face found" in said[-2]
    (folder,) = Path("out").iterdir()
    assert said[-1] == f"kept {folder}"
    found = [(row["frame"], row["target"], row["status"]) for row in rows(Path("out"))]
    assert [f[:2] for f in found] == [
        (str(n), name) for n in range(1, 5) for name in ("face", "twin")
    ]
    assert [status for _, _, status in found[:2]] == ["init", "init"]
    (recording,) = folder.glob("video.*")
    assert sum(1 for _ in VideoFile(recording)) == 4


def test_without_targets_it_only_shows(video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["camera", str(video), "--no-window"]) == 0
    assert capsys.readouterr().out.startswith("video: frame 4  ")
    assert sorted(Path.cwd().iterdir()) == [video], "nothing is written that was not asked for"


@pytest.mark.parametrize("end", [["--frames", "6"], ["--seconds", "0.5"]])
def test_an_endless_source_ends_when_it_is_told_to(
    end: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["camera", "synthetic", "synthetic", "--no-window", "--size", "320x180", *end]) == 0
    last = capsys.readouterr().out.splitlines()[-2:]
    assert [line.split(":")[0] for line in last] == ["synthetic", "synthetic 2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.mp4", "--no-window"], "missing.mp4"),
        (["video.mp4", "--no-window", "--box", "900,900,20,20"], "box 900,900,20,20"),
        (["--size", "12by4"], "--size is '12by4': give width and height in pixels, 1280x720"),
        (["--frames", "0"], "--frames takes a whole number of 1 or more, not 0"),
    ],
)
def test_bad_input(
    arguments: list[str], said: str, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["camera", *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_a_camera_that_is_not_there_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["camera", "77", "--no-window", "--seconds", "2.5", "--box", BOX]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("pytracking: note: there is no camera "), (
        "once, though it is tried every second"
    )


def test_no_display(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", "")
    assert main(["camera"]) == 2
    assert capsys.readouterr().err == (
        "pytracking: no window can be opened: there is no display; give --no-window, or see it in a browser with "
        "`pytracking serve`\n"
    )


def test_ctrl_c_keeps_the_recording(tmp_path: Path, signals_not_ignored: None) -> None:
    command = [*COMMAND, "synthetic", "--no-window", "--record", "--box", BOX, "--output", "out"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        assert "synthetic: frame" in run.stdout.readline()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=120)
    assert (run.returncode, err) == (130, "pytracking: interrupted\n")
    (folder,) = (tmp_path / "out").iterdir()
    assert out.splitlines()[-1] == f"kept {folder.relative_to(tmp_path)}"
    (recording,) = folder.glob("video.*")
    assert sum(1 for _ in VideoFile(recording)) >= 2
    assert len(rows(tmp_path / "out")) >= 2


def test_the_window_on_a_display_of_its_own(tmp_path: Path) -> None:
    """The whole program with OpenCV's window; two sources side by side."""
    if shutil.which("xvfb-run") is None:
        pytest.skip("xvfb-run is not installed")
    if not cv2.currentUIFramework():
        pytest.skip("this build of OpenCV has no windows")
    write_demo_video(tmp_path / "video.mp4", 4)
    end = ["--box", BOX, "--frames", "20", "--record"]
    command = ["xvfb-run", "-a", *COMMAND, "video.mp4", "synthetic", *end]
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    (folder,) = (tmp_path / "outputs" / "camera").iterdir()
    assert run.stdout == f"kept {folder.relative_to(tmp_path)}\n"
    assert len(list(folder.glob("video_*"))) == 2


def test_the_table_of_keys_is_that_of_the_program() -> None:
    text = (ROOT / "docs" / "camera.md").read_text(encoding="utf-8")
    lines = [f"| {keys} | {what} |" for keys, what in KEYS.items()]
    assert "\n".join(["| key | what it does |", "|---|---|", *lines]) in text
