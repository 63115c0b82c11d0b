"""`pytracking vot`: workspaces, and TraX as the toolkit speaks it."""

from __future__ import annotations

import configparser
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from pytracking.apps.vot import box_of
from pytracking.cli import main
from pytracking.sources.demo_clip import DemoClip

ROOT = Path(__file__).resolve().parents[2]
HAS_TRAX = importlib.util.find_spec("trax") is not None
DIAMOND = [(100.0, 50.0), (120.0, 70.0), (100.0, 90.0), (80.0, 70.0)]


class Polygon(list[tuple[float, float]]):
    type = "polygon"


def test_init_writes_a_workspace_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("size.interval = 1\n")
    options = ["--net", "imagenet_mobile", "--settings", "mine.toml", "--set", "search.area=6"]
    assert main(["vot", "init", "w", *options, "--stack", "vot2019/shortterm"]) == 0
    ini = configparser.ConfigParser()
    ini.read("w/trackers.ini")
    tracker = ini["pytracking"]
    assert tracker["protocol"] == "traxpython"
    assert tracker["python"] == sys.executable
    assert tracker["paths"] == str(ROOT)
    chosen = ["vot", "--net", "imagenet_mobile", "--settings", str(tmp_path / "mine.toml")]
    chosen += [
        "--device",
        "auto",
        "--seed",
        "0",
        "--polygons",
        "enclosing",
        "--set",
        "search.area=6",
    ]
    assert tracker["command"] == f"from pytracking.cli import main; sys.exit(main({chosen}))"
    assert "stack: vot2019/shortterm\n" in Path("w/config.yaml").read_text()
    capsys.readouterr()
    assert main(["vot", "init", "w"]) == 2
    assert (
        capsys.readouterr().err
        == "pytracking: w/trackers.ini is there already: give another folder\n"
    )
    assert main(["vot", "init"]) == 2
    assert "init needs a folder: pytracking vot init DIR" in capsys.readouterr().err


@pytest.mark.skipif(HAS_TRAX, reason="vot-trax is installed")
def test_without_vot_trax_it_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vot"]) == 2
    wanted = (
        "pytracking: `pytracking vot` needs the package vot-trax: pip install 'pytracking[vot]'\n"
    )
    assert capsys.readouterr().err == wanted


def test_boxes_of_regions() -> None:
    assert box_of(Polygon(DIAMOND), "enclosing") == (80, 50, 40, 40)
    side = 40 / np.sqrt(2) + 1  # a diamond has half the area of the box around it; a pixel is added
    left, top = 100 - (side - 1) / 2, 70 - (side - 1) / 2
    np.testing.assert_allclose(box_of(Polygon(DIAMOND), "area"), (left, top, side, side))
    rectangle = SimpleNamespace(type="rectangle", bounds=lambda: (1, 2, 30, 40))
    assert box_of(rectangle, "area") == (1, 2, 30, 40)


def converse(requests: list[str], *options: str) -> tuple[list[str], int, str]:
    """The lines of TraX that the command answers to requests, its exit status and standard error."""
    command = [
        sys.executable,
        "-m",
        "pytracking",
        "vot",
        "--net",
        "imagenet_mobile",
        "--device",
        "cpu",
    ]
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    )
    done = subprocess.run(
        [*command, *options],
        input="".join(f"@@TRAX:{request}\n" for request in requests),
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = [line[7:] for line in done.stdout.splitlines() if line.startswith("@@TRAX:")]
    return lines, done.returncode, done.stderr


@pytest.fixture
def frames(tmp_path: Path) -> list[str]:
    """The first frames of the demo clip, as TraX names them."""
    clip = DemoClip(0)
    for k in range(4):
        cv2.imwrite(str(tmp_path / f"{k}.png"), clip.frame(k)[:, :, ::-1])
    return [f'"file://{tmp_path / str(k)}.png"' for k in range(4)]


def numbers(line: str) -> list[float]:
    """The region of an answer."""
    found = re.match(r'state "([-\d.,]+)"', line)
    assert found, line
    return [float(v) for v in found[1].split(",")]


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TRAX, reason="vot-trax is not installed (extra `vot`)")
def test_a_conversation_with_a_rectangle_and_a_polygon(frames: list[str]) -> None:
    truth = DemoClip(0).boxes_xywh
    x, y, w, h = truth[0]
    rectangle = f'"{x:.2f},{y:.2f},{w:.2f},{h:.2f}"'
    corners = [(x + w / 2, y), (x + w, y + h / 2), (x + w / 2, y + h), (x, y + h / 2)]
    polygon = '"' + ",".join(f"{a:.2f},{b:.2f}" for a, b in corners) + '"'
    # the frame that the region of an `initialize` is in comes after it; an empty one forgets the target before
    requests = [f"initialize {rectangle}", *(f"frame {name}" for name in frames)]
    requests += [
        "initialize",
        f"initialize {polygon}",
        *(f"frame {name}" for name in frames[:2]),
        "quit",
    ]
    (hello, *answers), status, errors = converse(requests)
    assert (status, errors) == (0, "")
    assert hello.startswith("hello ")
    assert '"trax.region=rectangle;polygon;"' in hello
    assert len(answers) == 6
    for k, answer in enumerate(answers[:4]):
        np.testing.assert_allclose(numbers(answer), truth[k], atol=6)
    assert [("confidence=" in answer) for answer in answers] == [
        False,
        True,
        True,
        True,
        False,
        True,
    ]
    np.testing.assert_allclose(
        numbers(answers[4]), truth[0], atol=0.01
    )  # the box around the corners
    # as if the first target had not been
    np.testing.assert_allclose(numbers(answers[5]), numbers(answers[1]), atol=0.01)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TRAX, reason="vot-trax is not installed (extra `vot`)")
def test_the_toolkit_is_told_why_it_ends(frames: list[str]) -> None:
    (_, end), status, errors = converse(['initialize "10,10,1,1"', f"frame {frames[0]}"])
    assert status == 2
    assert "is smaller than 2 pixels a side" in errors
    assert len(errors.splitlines()) == 1
    assert end.startswith("quit ")
    assert "is smaller than 2 pixels a side" in end
