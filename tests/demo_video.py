"""A video of the demo clip's first frames."""

from __future__ import annotations

from pathlib import Path

import cv2

from pytracking.sources.demo_clip import DemoClip


def write_demo_video(path: Path, frames: int) -> Path:
    """At 25 frames a second, by OpenCV alone."""
    clip = DemoClip(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 360))
    for number in range(frames):
        writer.write(clip.frame(number)[:, :, ::-1])
    writer.release()
    return path
