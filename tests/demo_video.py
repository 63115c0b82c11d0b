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


def write_demo_folder(path: Path, frames: int) -> Path:
    """The same as a folder of images."""
    path.mkdir()
    for k in range(frames):
        cv2.imwrite(str(path / f"{k + 1:05d}.png"), DemoClip(0).frame(k)[:, :, ::-1])
    return path
