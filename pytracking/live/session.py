"""The session: sources, targets, a recording and their clock, with one thread that tracks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ltr.errors import BoxError, FrameError
from ltr.geometry import checked_box
from ltr.signals import postponed
from pytracking.live.batch import BatchTracker, track_batch
from pytracking.live.commands import CommandQueue
from pytracking.live.intake import Intake
from pytracking.live.messages import Messages
from pytracking.live.status import status_of
from pytracking.live.targets import Target, Targets
from pytracking.live.views import View, Views
from pytracking.sources.feed import Feed, Shot

R = TypeVar("R")

PATIENCE = 30.0
"""Seconds that a command waits for its turn: a first frame on a slow processor takes a few."""


class Session:
    """Tracks targets of several sources while others look on and command.

        with Session(tracker, [feed], recordings=Path("outputs/recordings")) as session:
            name = session.add(feed.name, (x, y, w, h))
            view = session.wait(feed.name, after=0, seconds=1)

    A thread of its own has the tracker: nobody else may touch it. Every method may be called from
    any thread. Commands are carried out between two frames; they return when they are, or raise
    TrackingError: BoxError for a target, FrameError for a source or frame that there is not. What
    happens to one source or target in between is said (`status`, `View.condition`) and ends
    nothing. The end of the block ends sources and thread.

    A live source always runs. A file shows its first frame and waits there until its first target
    is added, or `play` is called."""

    def __init__(
        self,
        tracker: BatchTracker,
        feeds: Iterable[Feed],
        *,
        recordings: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tracker = tracker
        self._recordings = recordings
        self._clock = clock
        self._stirred = threading.Event()
        self._commands = CommandQueue(self._stirred.set)
        self._views = Views()
        self._messages = Messages()
        self._targets = Targets()
        self._intakes: tuple[Intake, ...] = ()
        self._paused = False
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)
        for feed in feeds:
            self._take_in(feed)

    def __enter__(self) -> Session:
        self._commands.begin()
        for intake in self._intakes:
            intake.feed.start(self._stirred.set)
        self._stirred.set()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with postponed():
            self._ending = True
            self._stirred.set()
            self._thread.join()
            _close_all([intake.feed for intake in self._intakes])

    # --- what others see

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources, in order."""
        return tuple(intake.name for intake in self._intakes)

    def view(self, source: str) -> View | None:
        """The newest view; None before the first frame, and where there is no such source."""
        return self._views.newest(source)

    def wait(self, source: str, after: int, seconds: float) -> View | None:
        """The newest view whose sequence is above `after`, as soon as there is one; None if none
        came within `seconds`, and at the end."""
        return self._views.wait(source, after, seconds)

    def status(self) -> dict[str, Any]:
        """All that is known but pixels, as JSON can hold it."""
        return status_of(self._intakes, self._targets.all, self._messages.all, self._views) | {
            "paused": self._paused,
            "recording": None,
        }

    # --- targets

    def add(
        self,
        source: str,
        box: Sequence[float],
        name: str | None = None,
        number: int | None = None,
    ) -> str:
        """Begin to track what lies in `box` (x, y, w, h) of frame `number`, without it the newest
        one; it is tracked from the next frame on. Returns its name, by default target, target2,
        ... Raises BoxError, also where the frame is gone (see `hold`); ConfigError where memory is
        short."""
        return self._ask(lambda: self._add(source, box, name, number))

    def remove(self, name: str) -> None:
        """Forget a target."""
        self._ask(lambda: self._remove([self._targets.named(name)]))

    def reset(self) -> None:
        """Forget all targets."""
        self._ask(lambda: self._remove(self._targets.all))

    # --- time

    def pause(self) -> None:
        """All sources stand still; of live ones the frames that come are left out."""
        self._ask(lambda: self._let_run(paused=True))

    def play(self) -> None:
        """All sources run, files that wait for a target as well."""
        self._ask(lambda: self._let_run(paused=False))

    def step(self) -> None:
        """One further frame of each source, and then all stand still."""
        self._ask(self._step)

    # --- carried out by the tracking thread

    def _ask(self, function: Callable[[], R]) -> R:
        return self._commands.ask(function, PATIENCE)

    def _run(self) -> None:
        try:
            while True:
                self._stirred.wait()
                self._stirred.clear()
                if self._ending:
                    break
                self._commands.carry_out()
                taken = [(i, shot) for i in self._intakes if (shot := i.take(self._paused))]
                if taken:
                    self._track(taken)
                    self._stirred.set()  # there may be more
                for intake in self._intakes:
                    if intake.changed():
                        self._say_condition(intake)
        finally:
            self._commands.end()
            self._views.end()

    def _track(self, taken: Sequence[tuple[Intake, Shot]]) -> None:
        frames = {
            intake.name: {target.key: shot.frame for target in self._targets.of(intake.name)}
            for intake, shot in taken
        }
        frames = {source: own for source, own in frames.items() if own}
        begin = self._clock()
        predictions = track_batch(self._tracker, frames, self._refused)
        took = self._clock() - begin
        for intake, shot in taken:
            for target in self._targets.of(intake.name):
                if target.key in predictions:
                    self._targets.put(target.tracked(shot.number, predictions[target.key]))
            intake.seconds = took if intake.name in frames else 0.0
            intake.meter.note(intake.seconds)
            self._publish(intake)

    def _refused(self, source: str, error: Exception) -> None:
        self._messages.say(f"{source}: a frame was not tracked: {error}", source)

    def _say_condition(self, intake: Intake) -> None:
        if intake.condition.line:
            self._messages.say(intake.condition.line, intake.name)
        self._publish(intake)

    def _publish(self, intake: Intake) -> None:
        view = intake.view(self._targets.of(intake.name), self._paused, None)
        if view is not None:
            self._views.publish(view)

    def _publish_all(self) -> None:
        for intake in self._intakes:
            self._publish(intake)

    def _intake(self, source: str) -> Intake:
        for intake in self._intakes:
            if intake.name == source:
                return intake
        known = ", ".join(self.sources)
        raise FrameError(f"there is no source {source!r}: there are {known or 'none'}")

    def _take_in(self, feed: Feed) -> Intake:
        name, number = feed.name, 2
        while name in self.sources:
            name, number = f"{feed.name} {number}", number + 1
        intake = Intake(name, feed, self._clock)
        self._intakes = (*self._intakes, intake)
        return intake

    def _add(self, source: str, box: Sequence[float], name: str | None, number: int | None) -> str:
        intake = self._intake(source)
        if intake.shot is None:
            raise BoxError(f"{source} has given no frame yet: wait for its first one")
        shot = intake.shot if number is None else intake.kept.find(number)
        chosen = self._targets.free_name(name)
        given = checked_box(box, shot.frame.shape[:2])
        key = self._targets.free_key(chosen)
        self._tracker.add(shot.frame, given, key)
        colour = self._targets.colour(key)
        self._targets.put(Target(key, chosen, source, colour, shot.number, shot.number, given))
        intake.waits = False
        self._publish(intake)
        return chosen

    def _remove(self, targets: Sequence[Target]) -> None:
        for target in targets:
            self._tracker.remove(target.key)
        self._targets.remove({target.key for target in targets})
        self._publish_all()

    def _let_run(self, paused: bool) -> None:
        self._paused = paused
        for intake in self._intakes:
            intake.waits = intake.waits and paused
        self._publish_all()

    def _step(self) -> None:
        for intake in self._intakes:
            intake.due += 1
        self._let_run(paused=True)


def _close_all(feeds: Sequence[Feed]) -> None:
    """Close feeds at once: each may take a second."""
    threads = [threading.Thread(target=feed.close) for feed in feeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
