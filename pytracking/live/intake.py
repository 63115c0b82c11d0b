"""One source in a session: when a frame is taken of it, and what was last seen there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pytracking.live.kept_frames import EvenFrames, KeptFrames
from pytracking.live.rates import RateMeter
from pytracking.live.targets import Target
from pytracking.live.views import View
from pytracking.sources.feed import Feed, Shot

if TYPE_CHECKING:
    from pytracking.debug.seen import Array


class Intake:
    """A feed under a name of its own. The tracking thread alone changes it; the feed's thread may
    call `hear`."""

    def __init__(self, name: str, feed: Feed, clock: Callable[[], float]) -> None:
        self.name = name
        self.feed = feed
        self.kept = KeptFrames(clock)
        self.meter = RateMeter(clock)
        self.shot: Shot | None = None
        self.waits = not feed.live
        """A file stands on its first frame until it is needed."""
        self.due = 1
        """Frames that are shown although the source stands still."""
        self.sought = False
        """The next frame is one that somebody went to: shown, not tracked."""
        self.seconds = 0.0
        self.dropped = 0
        self._stood = False
        self._hearing = threading.Lock()
        self._gathers = False
        self._gathered = EvenFrames()
        self.condition = feed.condition
        self.watched: str | None = None
        """The key of the target whose values are kept."""
        self.seen: Mapping[str, Array] | None = None

    def hear(self) -> None:
        """The feed may have a shot: of a live one it is kept, where shots are gathered."""
        with self._hearing:
            if self._gathers and (shot := self.feed.take()) is not None:
                self._gathered.add(shot)

    def gather(self, begin: bool) -> None:
        """Begin, or end, not to leave out what a live feed gives while the tracker is busy."""
        with self._hearing:
            self._gathers = begin and self.feed.live

    def take(self, paused: bool) -> Shot | None:
        """The next frame, where one is to be taken and there."""
        self._stood = self._stood or paused  # what comes then is not missed by the tracker
        if (paused or self.waits) and not self.due:
            return None
        gathered, self._gathered = self._gathered.all, EvenFrames()
        shot = self.feed.take() or (gathered.pop() if gathered else None)
        if shot is not None:
            self.due = max(self.due - 1, 0)
            if self.feed.live and self.shot is not None and not self._stood:
                self.dropped += max(shot.number - self.shot.number - 1, 0)
            self._stood = paused
            for earlier in gathered:
                self.kept.keep(earlier)
            self.kept.keep(shot)
            self.shot = shot
        return shot

    def ask_for_one(self) -> None:
        """One further frame, although the source stands still; of a file that has ended none."""
        if self.feed.live:
            self.due = 1
        elif self.feed.condition.word != "ended":
            self.due += 1

    def changed(self) -> bool:
        """Whether the feed has another condition than before, which is then noted."""
        before, self.condition = self.condition, self.feed.condition
        return self.condition != before

    def shows(self, target: Target) -> bool:
        """Whether what is known of one of its targets belongs to the frame that is shown."""
        assert self.shot is not None
        return target.prediction is None or target.frame == self.shot.number

    def view(self, targets: list[Target], paused: bool, recording: Path | None) -> View | None:
        """What there is to show now; None before the first frame."""
        if self.shot is None:
            return None
        shown = [target for target in targets if self.shows(target)]
        predictions = {t.name: t.prediction for t in shown if t.prediction is not None}
        return View(
            source=self.name,
            sequence=0,
            shot=self.shot,
            predictions=predictions,
            given={t.name: t.box for t in shown if t.prediction is None},
            colours={t.name: t.colour for t in shown},
            seconds=self.seconds,
            rates=self.meter.rates(),
            condition=self.condition,
            paused=paused or self.waits,
            recording=recording,
            seen=self.seen,
            frames_dropped=self.dropped,
        )
