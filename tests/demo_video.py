"""The demo clip's first frames: each is drawn once, for many tests."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2

from ltr.images import Frame
from pytracking.sources.demo_clip import DemoClip

demo_clip = lru_cache(DemoClip)
"""By its seed."""


@lru_cache(maxsize=128)
def demo_frame(number: int, seed: int = 0) -> Frame:
    """Read only."""
    frame = demo_clip(seed).frame(number)
    frame.flags.writeable = False
    return frame


def write_demo_image(path: Path, number: int, seed: int = 0) -> None:
    """In the format of its name."""
    path.write_bytes(_encoded(path.suffix, number, seed))


@lru_cache(maxsize=128)
def _encoded(suffix: str, number: int, seed: int) -> bytes:
    return cv2.imencode(suffix, demo_frame(number, seed)[:, :, ::-1])[1].tobytes()


def write_demo_video(path: Path, frames: int) -> Path:
    """At 25 frames a second, by OpenCV alone."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (640, 360))
    for number in range(frames):
        writer.write(demo_frame(number)[:, :, ::-1])
    writer.release()
    return path


def write_demo_folder(path: Path, frames: int) -> Path:
    """The same as a folder of images."""
    path.mkdir()
    for k in range(frames):
        write_demo_image(path / f"{k + 1:05d}.png", k)
    return path
