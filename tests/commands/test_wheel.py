"""The wheel carries the networks and tracks a video from outside the checkout, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

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


@pytest.mark.slow
def test_wheel(tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--outdir", tmp_path / "dist", ROOT, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "imagenet18.safetensors",
        "imagenet_mobile.safetensors",
        "models.json",
        "LICENSE.md",
    ):
        assert f"pytracking/checkpoints/{name}" in names
    assert "pytracking/sources/photographs/cat.jpg" in names
    assert {"ltr/py.typed", "pytracking/py.typed"} <= set(names)

    run(sys.executable, "-m", "venv", "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    # the constraints are those of the checks: the same torch, found where the environment's own came from
    constraints = ROOT / "constraints.txt"
    run(
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "torch",
        "--constraint",
        constraints,
        cwd=tmp_path,
    )
    run(python, "-m", "pip", "install", "--quiet", wheel, "--constraint", constraints, cwd=tmp_path)

    clip = DemoClip(0)
    video = cv2.VideoWriter(
        str(tmp_path / "video.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 360)
    )
    for k in range(6):
        video.write(clip.frame(k)[:, :, ::-1])
    video.release()
    command = tmp_path / "venv" / "bin" / "pytracking"
    box = ",".join(f"{v:.1f}" for v in clip.boxes_xywh[0])
    for network in ("imagenet18", "imagenet_mobile"):
        assert str(tmp_path / "venv") in run(command, "networks", network, cwd=tmp_path)
        run(
            command,
            "track",
            "video.mp4",
            "--box",
            box,
            "--net",
            network,
            "--output",
            network,
            cwd=tmp_path,
        )
        boxes = np.loadtxt(tmp_path / network / "boxes.txt", delimiter=",", usecols=range(4))
        np.testing.assert_allclose(boxes, clip.boxes_xywh[:6], atol=6)
