"""Windows on a display: boxes drawn with the mouse, and a preview while tracking."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import TracebackType

from ltr.drawing import resized
from ltr.images import Frame
from pytracking.sinks.overlays import enlarged, magnification, scaled
from pytracking.tracker.prediction import Box

LARGEST = (1280, 720)
"""Width and height that a window's picture has at the most."""
SECONDS = 30.0
"""After which a display that does not answer is given up."""
HEADLESS = 3
PROBE = f"""
import cv2
try:
    cv2.namedWindow("pytracking")
    cv2.destroyAllWindows()
except cv2.error:
    raise SystemExit({HEADLESS})
"""
"""Tried in a process of its own, since Qt ends the process where it finds no display."""
ESCAPE = 27

Selector = Callable[[Frame], Sequence[Sequence[float]]]
"""Shows a picture and gives the boxes (x, y, w, h) that were drawn in it, in its pixels."""


def window_refusal() -> str | None:
    """Why no window can be opened, found out by trying; None where one can."""
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    if sys.platform == "linux" and not display:
        return "there is no display"
    try:
        run = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"the display {display} does not answer"
    if run.returncode == HEADLESS:
        return "this build of OpenCV has no windows, opencv-python has"
    return f"the display {display} cannot be opened" if run.returncode else None


def select_boxes(frame: Frame, selector: Selector) -> list[Box]:
    """The boxes, in pixels of the frame, that are drawn in it as it fits a window."""
    picture, by = fitted(frame)
    boxes = []
    for rectangle in selector(picture):
        x, y, w, h = (float(value) for value in rectangle)
        boxes.append(scaled((x, y, w, h), 1 / by))
    return boxes


def opencv_selector(picture: Frame) -> Sequence[Sequence[float]]:
    """OpenCV's selector of several boxes. Ctrl-C ends the process, for nothing is there to be
    saved and OpenCV's loop does not look."""
    import cv2

    quiet_qt()
    print(
        "pytracking: draw a box around the target, then press Enter; so for each target; Esc when "
        "done",
        file=sys.stderr,
    )
    title = "draw a box, Enter; Esc when done"
    handler = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        boxes = cv2.selectROIs(
            title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), False, False, printNotice=False
        )
    finally:
        signal.signal(signal.SIGINT, handler)
        while cv2.pollKey() >= 0:  # else a preview would take the last Esc for its own
            pass
        cv2.destroyAllWindows()
    return [[float(value) for value in box] for box in boxes]


def fitted(frame: Frame, room: tuple[int, int] = LARGEST) -> tuple[Frame, float]:
    """A frame as it fits a window, or a width and height of it, and by how much it is enlarged."""
    by = min(room[0] / frame.shape[1], room[1] / frame.shape[0])
    times = magnification(frame)
    if by >= times:
        return enlarged(frame, times), float(times)
    width, height = (max(1, round(by * side)) for side in (frame.shape[1], frame.shape[0]))
    return resized(frame, width, height), by


class Preview:
    """A window that shows pictures as they come; none, and no pictures, without a title.

        with Preview("title") as preview:
            preview.show(picture)

    Raises KeyboardInterrupt where q or Esc is pressed or the window closed."""

    def __init__(self, title: str | None) -> None:
        self._title = title and f"{title} (q ends)"
        self._open = False
        self._sight = Sight()

    def __enter__(self) -> Preview:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import cv2

        if self._open:
            cv2.destroyAllWindows()

    def show(self, picture: Frame) -> None:
        """The next picture, RGB."""
        if self._title is None:
            return
        import cv2

        if not self._open:
            quiet_qt()
        elif self._sight.lost(self._title):
            raise KeyboardInterrupt
        cv2.imshow(self._title, cv2.cvtColor(fitted(picture)[0], cv2.COLOR_RGB2BGR))
        self._open = True
        if cv2.waitKey(1) & 0xFF in (ESCAPE, ord("q")):
            raise KeyboardInterrupt


class Sight:
    """Whether a person has closed a window."""

    def __init__(self) -> None:
        self._seen = False

    def lost(self, title: str) -> bool:
        """Whether it is no longer seen. Some builds never say that a window is seen."""
        import cv2

        if cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) >= 1:
            self._seen = True
            return False
        return self._seen


def quiet_qt() -> None:
    """Qt's warnings about fonts, of which the wheels of OpenCV carry none."""
    os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
