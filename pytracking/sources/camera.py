"""A camera of this machine, read by OpenCV."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ltr.errors import FrameError
from ltr.images import DEFAULT_FRAME_RATE, quiet_opencv
from pytracking.sources.opencv_capture import OpenCVCapture, usable
from pytracking.sources.watchdog import Device

SAME_RATE = 0.5
"""Frames a second by which a camera may differ from what it was asked for: 29.97 is 30."""


class Camera:
    """A live source for `LiveFeed`. number: as in /dev/video0.

    size: (width, height) in pixels and frame_rate that it is asked for; where it gives something
    else the feed's condition says so."""

    def __init__(
        self,
        number: int,
        size: tuple[int, int] | None = None,
        frame_rate: float | None = None,
    ) -> None:
        self.number = number
        self.name = f"video{number}"
        self.frame_rate = frame_rate or DEFAULT_FRAME_RATE
        self.device = Device(f"camera /dev/video{number}", "check its cable")
        self._size = size
        self._asked_rate = frame_rate

    def open(self) -> OpenCVCapture:
        import cv2

        linux = sys.platform == "linux"
        if linux:
            refuse_unusable(Path(f"/dev/video{self.number}"))
        with quiet_opencv():
            capture = cv2.VideoCapture(self.number, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
            if not capture.isOpened():
                raise FrameError(
                    f"{self.device.title} cannot be opened: see whether another program uses it, "
                    "or whether it is a camera at all (v4l2-ctl --list-devices)"
                )
            if self._size or self._asked_rate:
                # Only so do most cameras give large frames fast; others do not mind.
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            if self._size:
                capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._size[0])
                capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._size[1])
            if self._asked_rate:
                capture.set(cv2.CAP_PROP_FPS, self._asked_rate)
            size = (
                int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
                int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            )
            rate = usable(capture.get(cv2.CAP_PROP_FPS))
        note = difference(self._size, self._asked_rate, size, rate)
        return OpenCVCapture(capture, f"{self.device.title} {note}" if note else "")


def difference(
    asked_size: tuple[int, int] | None,
    asked_rate: float | None,
    size: tuple[int, int],
    rate: float,
) -> str:
    """What a camera gives other than it was asked for; empty where it does as asked. A rate of 0 is
    not known."""
    parts = []
    if asked_size and asked_size != size:
        parts.append(f"{size[0]}x{size[1]} pixels instead of {asked_size[0]}x{asked_size[1]}")
    if asked_rate and rate and abs(rate - asked_rate) > SAME_RATE:
        parts.append(f"{rate:g} frames/s instead of {asked_rate:g}")
    return f"gives {' and '.join(parts)}: it has no such mode" if parts else ""


def refuse_unusable(device: Path) -> None:
    """Raises FrameError for a camera that is not there or may not be read."""
    if not device.exists():
        there = sorted(str(path) for path in device.parent.glob("video[0-9]*"))
        known = f"there are {', '.join(there)}" if there else "there is none on this machine"
        raise FrameError(
            f"there is no camera {device}: connect it, or give another source ({known})"
        )
    if not os.access(device, os.R_OK | os.W_OK):
        raise FrameError(
            f"camera {device} may not be read by you: join its group and log in again "
            "(sudo usermod -aG video $USER)"
        )
