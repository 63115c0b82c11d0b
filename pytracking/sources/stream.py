"""A stream of the network, read by the FFmpeg of OpenCV."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ltr.errors import FrameError
from ltr.files import safe_name
from ltr.images import DEFAULT_FRAME_RATE, quiet_opencv
from pytracking.sources.opencv_capture import OpenCVCapture
from pytracking.sources.watchdog import Device

OPEN_SECONDS, READ_SECONDS = 4.0, 3.0
"""How long FFmpeg waits. Shorter than the patience of the feed, so that a reader of a stream is
always freed again; a silence is said earlier."""


class Stream:
    """A live source for `LiveFeed`. address: whatever FFmpeg opens, such as rtsp://, http://,
    udp://. A password in it is passed on, but never said."""

    frame_rate = DEFAULT_FRAME_RATE

    def __init__(self, address: str) -> None:
        self._address = address
        parts = urlsplit(without_login(address))
        self.name = safe_name(f"{parts.netloc}{parts.path}".strip("/*@.:") or parts.scheme)
        self.device = Device(
            f"stream {without_login(address)}", "check its address, its sender and the network"
        )

    def open(self) -> OpenCVCapture:
        import cv2

        if not cv2.videoio_registry.hasBackend(cv2.CAP_FFMPEG):
            raise FrameError(
                f"{self.device.title} cannot be opened: this OpenCV has no FFmpeg; install the one "
                "of `pip install opencv-python`"
            )
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            int(1000 * OPEN_SECONDS),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            int(1000 * READ_SECONDS),
        ]
        with quiet_opencv():
            capture = cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, limits)
        if not capture.isOpened():
            raise FrameError(
                f"{self.device.title} cannot be opened: {self.device.advice}; it is tried again "
                "until it can"
            )
        return OpenCVCapture(capture)


def without_login(address: str) -> str:
    """An address as it may be shown: without name and password."""
    return re.sub(r"//[^/@]+@", "//", address)
