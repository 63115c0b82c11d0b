"""What viewers see: the newest view of each source, and waiting for a newer one."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ltr.drawing import Colour
from pytracking.live.rates import Rates
from pytracking.sources.feed import Condition, Shot
from pytracking.tracker.prediction import Box, Prediction

if TYPE_CHECKING:
    from pytracking.debug.seen import Array


@dataclass(frozen=True)
class View:
    """All that there is to show of a source. Nobody writes into it."""

    source: str
    sequence: int
    """Greater than that of every view before it, of whichever source."""
    shot: Shot
    predictions: Mapping[str, Prediction]
    """Of the targets that were tracked in this frame."""
    given: Mapping[str, Box]
    """Of the targets that begin: their first prediction in a frame that is shown is yet to come."""
    colours: Mapping[str, Colour]
    """Of all of these."""
    seconds: float
    """What the tracker took for the frame, all sources of its batch together; 0 if it was not
    asked."""
    rates: Rates
    condition: Condition
    paused: bool
    """Whether this source stands still until `play`, `step`, or, of a file that has not begun, its
    first target."""
    recording: Path | None
    """The folder that is recorded into."""
    seen: Mapping[str, Array] | None
    """What the tracker saw of the watched target in this frame, by the names of
    `pytracking.debug.seen`."""
    frames_dropped: int
    """Frames of a live source that came while the tracker was at another one."""


class Views:
    """The newest view of each source. A viewer that is slow misses those in between, and costs
    nobody anything."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: dict[str, View] = {}
        self._sequence = 0
        self._ended = False

    def publish(self, view: View) -> None:
        """Show `view`, whose sequence is set here."""
        with self._changed:
            self._sequence += 1
            self._newest[view.source] = replace(view, sequence=self._sequence)
            self._changed.notify_all()

    def forget(self, source: str) -> None:
        """The source is closed."""
        with self._changed:
            self._newest.pop(source, None)
            self._changed.notify_all()

    def end(self) -> None:
        """No view will come any more: nobody waits."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def newest(self, source: str) -> View | None:
        """None before the first frame of a source, and where there is no such source."""
        with self._changed:
            return self._newest.get(source)

    def wait(self, source: str, after: int, seconds: float) -> View | None:
        """The newest view with a sequence above `after`; None where none comes within `seconds`,
        and at the end of the session."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._newer(source, after), seconds)
            return self._newer(source, after)

    def _newer(self, source: str, after: int) -> View | None:
        view = self._newest.get(source)
        return view if view is not None and view.sequence > after else None
