"""A window of OpenCV, with its keys and mouse."""

from __future__ import annotations

from collections.abc import Sequence

from ltr.images import Frame
from pytracking.live.keys import ESCAPE as GIVE_UP
from pytracking.live.keys import Closed, Event, Key, Mouse
from pytracking.sinks.display import ESCAPE, Sight, quiet_qt


class OpenCVScreen:
    """Ask `window_refusal` first: without a display some builds of OpenCV end the process.

    with OpenCVScreen("title") as screen:
        screen.show(picture)
        events = screen.events()
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._sight = Sight()
        self._events: list[Event] = []

    def __enter__(self) -> OpenCVScreen:
        import cv2

        quiet_qt()
        # without a menu at the right button
        cv2.namedWindow(self._title, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)
        cv2.setMouseCallback(self._title, self._on_mouse)
        return self

    def __exit__(self, *_: object) -> None:
        import cv2

        cv2.destroyAllWindows()

    def show(self, picture: Frame) -> None:
        """The next picture, RGB."""
        import cv2

        cv2.imshow(self._title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def events(self) -> Sequence[Event]:
        """What a person did since the last call, in order."""
        import cv2

        code = cv2.waitKey(1)
        if code >= 0:
            self._events.append(Key(GIVE_UP if code & 0xFF == ESCAPE else chr(code & 0xFF)))
        if self._sight.lost(self._title):
            self._events.append(Closed())
        done, self._events = self._events, []
        return done

    def _on_mouse(self, what: int, x: int, y: int, flags: int, _: object) -> None:
        import cv2

        at = (float(x), float(y))
        if what == cv2.EVENT_LBUTTONDOWN:
            self._events.append(Mouse("press", at))
        elif what == cv2.EVENT_LBUTTONUP:
            self._events.append(Mouse("release", at))
        elif what in (cv2.EVENT_RBUTTONDOWN, cv2.EVENT_MBUTTONDOWN):
            self._events.append(Mouse("cancel", at))
        elif what == cv2.EVENT_MOUSEMOVE and flags & cv2.EVENT_FLAG_LBUTTON:
            self._events.append(Mouse("move", at))
