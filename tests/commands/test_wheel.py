"""The wheel carries the networks and tracks a video from outside the checkout: in an empty environment, and in one that
brings its own build of OpenCV."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from demo_video import write_demo_video

from pytracking.sources.demo_clip import DemoClip

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTRACKING_CHECKPOINTS")
    }
    environment["XDG_DATA_HOME"] = str(cwd / "data")
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def installed(python: Path, folder: Path) -> set[str]:
    """The packages of an environment."""
    lines = run(python, "-m", "pip", "list", "--format=freeze", cwd=folder).splitlines()
    return {line.partition("==")[0] for line in lines}


def tracks(python: Path, network: str, folder: Path, output: str) -> None:
    """Assert that an environment's own command tracks video.mp4 of the folder."""
    clip = DemoClip(0)
    box = ",".join(f"{v:.1f}" for v in clip.boxes_xywh[0])
    options = ["--box", box, "--net", network, "--output", output]
    run(python.with_name("pytracking"), "track", "video.mp4", *options, cwd=folder)
    boxes = np.loadtxt(folder / output / "boxes.txt", delimiter=",", usecols=range(4))
    np.testing.assert_allclose(boxes, clip.boxes_xywh[:6], atol=6)


@pytest.mark.slow
def test_wheel(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--outdir", tmp_path / "dist", ROOT, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "imagenet18.safetensors",
        "imagenet_mobile.safetensors",
        "nce_plus18.safetensors",
        "nce_plus_mobile.safetensors",
        "proposals18.safetensors",
        "models.json",
        "LICENSE.md",
    ):
        assert f"pytracking/checkpoints/{name}" in names
    assert "pytracking/sources/photographs/cat.jpg" in names
    for path in (ROOT / "pytracking" / "web" / "page").iterdir():
        assert f"pytracking/web/page/{path.name}" in names
    assert {"ltr/py.typed", "pytracking/py.typed"} <= set(names)

    run(sys.executable, "-m", "venv", "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet"]
    # the constraints are those of the checks: the same torch, found where the environment's own came from
    constraints = ["--constraint", ROOT / "constraints.txt"]
    run(*pip, "install", "torch", *constraints, cwd=tmp_path)
    run(*pip, "install", wheel, *constraints, cwd=tmp_path)
    packages = installed(python, tmp_path)
    assert "opencv-python" in packages
    assert not packages & {"matplotlib", "pandas", "av"}

    write_demo_video(tmp_path / "video.mp4", 6)
    for network in ("imagenet18", "imagenet_mobile", "nce_plus18", "nce_plus_mobile"):
        command = python.with_name("pytracking")
        assert str(tmp_path / "venv") in run(command, "networks", network, cwd=tmp_path)
        tracks(python, network, tmp_path, network)
    demo = run(python.with_name("pytracking"), "demo", "--net", "imagenet_mobile", cwd=tmp_path)
    assert demo.splitlines()[-1].endswith(": they need matplotlib, pip install matplotlib")

    # the way that README names for a program that brings its own build of OpenCV
    run(*pip, "uninstall", "--yes", "opencv-python", "pytracking", cwd=tmp_path)
    run(*pip, "install", "opencv-contrib-python-headless", cwd=tmp_path)
    run(*pip, "install", "--no-deps", wheel, cwd=tmp_path)
    assert {p for p in installed(python, tmp_path) if p.startswith("opencv")} == {
        "opencv-contrib-python-headless"
    }
    run(python, "-c", "import cv2; cv2.TrackerCSRT.create", cwd=tmp_path)  # contrib's own
    tracks(python, "imagenet_mobile", tmp_path, "with contrib")
