"""An opened camera or stream of OpenCV, whose own lines are silenced: ours say it better."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ltr.images import Frame, as_frame, quiet_opencv
from ltr.video import HIGHEST_FRAME_RATE

if TYPE_CHECKING:
    import cv2


class OpenCVCapture:
    """A `Capture` of `LiveFeed` upon an opened cv2.VideoCapture.

    A recorded video at an address, which has a number of frames, is read at its own pace and has an
    end."""

    def __init__(self, capture: cv2.VideoCapture, note: str = "") -> None:
        import cv2

        self.note = note
        self.frame_rate = usable(capture.get(cv2.CAP_PROP_FPS))
        self._recorded = self.frame_rate > 0 and 0 < capture.get(cv2.CAP_PROP_FRAME_COUNT) < 2**31
        self._capture = capture
        self._due = time.monotonic()

    def read(self) -> Frame | None:
        with quiet_opencv():
            there, image = self._capture.read()
        if self._recorded:
            if not there:
                raise EOFError
            time.sleep(max(0.0, self._due - time.monotonic()))
            self._due = max(self._due, time.monotonic()) + 1 / self.frame_rate
        return as_frame(image, "bgr") if there else None

    def close(self) -> None:
        with quiet_opencv():
            self._capture.release()


def usable(frame_rate: float) -> float:
    """A frame rate, or 0 for the nonsense that is given where it is not known."""
    return frame_rate if 0 < frame_rate <= HIGHEST_FRAME_RATE else 0.0
