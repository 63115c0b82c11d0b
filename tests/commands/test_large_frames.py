"""Frames larger than video codecs take: tracked at full size, the video scaled down, said once."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pytracking.cli import main
from pytracking.sources.demo_clip import DemoClip

WIDTH = 8400


@pytest.mark.filterwarnings("default")  # a note to the user is no error
def test_frames_over_8191_pixels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, shift = DemoClip(0), WIDTH - 640
    (tmp_path / "clip").mkdir()
    for k in range(3):
        wide = np.pad(clip.frame(k), ((0, 0), (shift, 0), (0, 0)), mode="wrap")
        cv2.imwrite(str(tmp_path / "clip" / f"{k}.png"), wide[:, :, ::-1])
    box = ",".join(f"{v:.1f}" for v in clip.boxes_xywh[0] + (shift, 0, 0, 0))
    out = tmp_path / "out"
    arguments = ["--box", box, "--net", "imagenet_mobile", "--output", str(out)]
    assert main(["track", str(tmp_path / "clip"), *arguments]) == 0
    boxes = np.loadtxt(out / "boxes.txt", delimiter=",", usecols=range(4))
    np.testing.assert_allclose(boxes, np.add(clip.boxes_xywh[:3], (shift, 0, 0, 0)), atol=5)
    notes = [row for row in capsys.readouterr().err.splitlines() if "note: " in row]
    assert notes == [
        f"pytracking: note: video {out / 'video.mp4'} is scaled down to 8190 x 351: codecs take no "
        f"side over 8190 pixels; frames of {WIDTH} x 360 are tracked as they are"
    ]
    capture = cv2.VideoCapture(str(out / "video.mp4"))
    shapes = {capture.read()[1].shape for _ in range(3)}
    assert shapes <= {(351, 8190, 3), (352, 8190, 3)}, "H.264 has even sides"
