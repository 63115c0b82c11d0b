"""The session: sources, targets, a recording and their clock, with one thread that tracks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from ltr.files import safe_name
from ltr.signals import postponed
from pytracking.api import MultiTracker
from pytracking.debug.probe import Probe
from pytracking.debug.probed_tracker import ProbedTracker
from pytracking.debug.seen import KNOWN
from pytracking.live.batch import BatchTracker
from pytracking.live.commands import CommandQueue
from pytracking.live.pictures import new_picture
from pytracking.live.status import status_of
from pytracking.live.tracking import Tracking
from pytracking.live.views import View
from pytracking.sources.feed import Feed
from pytracking.sources.opening import open_feed
from pytracking.tracker.engine import TrackerEngine

R = TypeVar("R")

PATIENCE = 30.0
"""Seconds that a command waits for its turn: a first frame on a slow processor takes a few."""


class Choice(Protocol):
    """Which tracker."""

    @property
    def network(self) -> str: ...

    @property
    def preset(self) -> str | None: ...

    def engine(self) -> TrackerEngine:
        """Raises ConfigError or CheckpointError."""


class Session:
    """Tracks targets of several sources while others look on and command.

        with Session(tracker, [feed], recordings=Path("outputs/recordings")) as session:
            name = session.add(feed.name, (x, y, w, h))
            view = session.wait(feed.name, after=0, seconds=1)

    A thread of its own has the tracker: nobody else may touch it. Every method may be called from
    any thread. Commands are carried out between two frames; they return when they are, or raise
    TrackingError: BoxError for a target, FrameError for a source or frame that there is not. What
    happens to one source or target in between is said (`status`, `View.condition`) and ends
    nothing. The end of the block finishes the recording and ends sources and threads.

    A live source always runs. A file shows its first frame and waits there until its first target
    is added, or `play` is called.

    recordings: the folder that recordings and snapshots go into, made when there is one.
    choice: what the tracker was made by, for `status`. seen: the values that are kept of watched
    targets, by default all that `pytracking.debug.seen` knows. probe: is told of every step of a
    `MultiTracker`; the thread that tracks calls it."""

    def __init__(
        self,
        tracker: BatchTracker,
        feeds: Iterable[Feed],
        *,
        recordings: Path = Path("outputs") / "live",
        clock: Callable[[], float] = time.monotonic,
        seen: Collection[str] | None = None,
        choice: Choice | None = None,
        probe: Probe | None = None,
    ) -> None:
        self._probe = probe
        self._recordings = recordings
        self._choice = choice
        self._stirred = threading.Event()
        self._commands = CommandQueue(self._stirred.set)
        wanted = KNOWN if seen is None else seen
        self._tracking = Tracking(self._probed(tracker), self._stirred.set, wanted, clock)
        self._ending = False
        self.failed = threading.Event()
        """Set where the thread that tracks met an error that nothing foresees: the session has
        ended then, and the end of the block raises it."""
        self._failure: Exception | None = None
        self._loading = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)
        for feed in feeds:
            self._tracking.take_in(feed)

    def __enter__(self) -> Session:
        self._commands.begin()
        for intake in self._tracking.intakes:
            self._tracking.start(intake)
        self._stirred.set()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with postponed():  # a second Ctrl-C waits for the recording
            self._ending = True
            self._stirred.set()
            self._thread.join()
            with self._loading:  # torch aborts a process that ends while it loads a network
                pass
        if self._failure is not None and error is None:
            raise self._failure

    def _run(self) -> None:
        tracking = self._tracking
        try:
            while not self._ending:
                self._stirred.wait()
                self._stirred.clear()
                if self._ending:
                    break
                self._commands.carry_out()
                if tracking.go_on():
                    self._stirred.set()  # there may be more
        except Exception as error:
            self._failure = error
        finally:
            self._commands.end()
            tracking.end()
            if self._failure is not None:
                self.failed.set()

    def _ask(self, function: Callable[[], R]) -> R:
        return self._commands.ask(function, PATIENCE)

    # --- what others see

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources, in order."""
        return tuple(intake.name for intake in self._tracking.intakes)

    def view(self, source: str) -> View | None:
        """The newest view; None before the first frame, and where there is no such source."""
        return self._tracking.views.newest(source)

    def wait(self, source: str, after: int, seconds: float) -> View | None:
        """The newest view whose sequence is above `after`, as soon as there is one; None if none
        came within `seconds`, and at the end."""
        return self._tracking.views.wait(source, after, seconds)

    def status(self) -> dict[str, Any]:
        """All that is known but pixels, as JSON can hold it: `sources`, `targets`, `messages`,
        `paused`, `recording`, `network`, `preset`."""
        choice = self._choice
        names = (choice.network, choice.preset) if choice else (None, None)
        return {**status_of(self._tracking), "network": names[0], "preset": names[1]}

    # --- targets

    def add(
        self,
        source: str,
        box: Sequence[float],
        name: str | None = None,
        number: int | None = None,
    ) -> str:
        """Begin to track what lies in `box` (x, y, w, h) of frame `number`, without it the newest
        one; it is tracked from the next frame on. With what has passed since it catches up: until
        then it is one of those that begin (`View.given`). Returns its name, by default target,
        target2, ... Raises BoxError, also where the frame is gone (see `hold`); ConfigError where
        memory is short."""
        return self._ask(lambda: self._tracking.add(source, box, name, number))

    def redraw(self, name: str, box: Sequence[float], number: int | None = None) -> None:
        """Begin anew with a target that is tracked, as `add`. Where the box is refused it goes
        on."""
        self._ask(lambda: self._tracking.redraw(name, box, number))

    def rename(self, old: str, new: str) -> None:
        """Call a target otherwise. Its random draws stay those of its first name."""
        self._ask(lambda: self._tracking.rename(old, new))

    def remove(self, name: str) -> None:
        """Forget a target."""
        self._ask(lambda: self._tracking.remove([self._tracking.targets.named(name)]))

    def reset(self) -> None:
        """Forget all targets."""
        self._ask(lambda: self._tracking.remove(self._tracking.targets.all))

    def hold(self, source: str, number: int) -> None:
        """Keep a frame for a minute, to draw on it; without that it is gone after seconds. Of each
        source 8 are held, the first one makes room. Raises BoxError where it is gone."""
        self._ask(lambda: self._tracking.intake(source).kept.hold(number))

    def watch(self, source: str, name: str | None) -> None:
        """Whose search area, score map and so on come with the views of a source: one target's, or
        nobody's, and then nothing is computed for it."""
        self._ask(lambda: self._tracking.watch(source, name))

    def choose(self, choice: Choice) -> None:
        """Another network or preset: the targets begin anew at their boxes in the newest frames.
        Raises ConfigError or CheckpointError, and then nothing changes."""
        with self._loading:
            tracker = MultiTracker(choice.engine())

        def change() -> None:
            self._tracking.begin_anew(self._probed(tracker))
            self._choice = choice

        self._ask(change)

    def _probed(self, tracker: BatchTracker) -> BatchTracker:
        if self._probe is None or not isinstance(tracker, MultiTracker):
            return tracker
        return ProbedTracker(tracker, self._probe)

    # --- sources

    def open(self, source: Feed | str) -> str:
        """A further source, also as `open_feed` takes it: a camera, an address, a file or a folder;
        returns its name. Raises FrameError."""
        feed = open_feed(source) if isinstance(source, str) else source

        def start() -> str:
            intake = self._tracking.take_in(feed)
            self._tracking.start(intake)
            return intake.name

        return self._ask(start)

    def close(self, source: str) -> None:
        """Forget a source with its targets."""
        self._ask(lambda: self._tracking.let_go(source)).close()

    def seek(self, source: str, number: int) -> None:
        """Go to a frame of a file, from 1. It is shown, not tracked: targets go on from there in
        the frame after it. Raises FrameError beyond the end, and for live sources."""
        self._ask(lambda: self._tracking.seek(source, number))

    # --- time

    def pause(self) -> None:
        """All sources stand still; of live ones the frames that come are left out."""
        self._ask(lambda: self._tracking.let_run(paused=True))

    def play(self) -> None:
        """All sources run, files that wait for a target as well."""
        self._ask(lambda: self._tracking.let_run(paused=False))

    def step(self) -> None:
        """One further frame of each source, as soon as it comes, and then all stand still."""
        self._ask(self._tracking.step)

    # --- what is kept

    def start_recording(self) -> Path:
        """Record all sources into a new folder, which is returned: video.mp4 with what is drawn on
        the frames (video.avi without PyAV), and boxes.csv; with the names of the sources where
        there are several. Whatever ends the program, they can be read up to the last second. Raises
        ResultError; what hinders it later is said, and tracking goes on."""
        return self._ask(lambda: self._tracking.start_recording(self._recordings))

    def stop_recording(self) -> Path:
        """Finish the recording; returns its folder. What is missing there is said. Raises
        ResultError where nothing is recorded."""
        recording = self._ask(self._tracking.stop_recording)
        if lines := recording.close():
            self._ask(lambda: self._tracking.say_all(lines))
        return recording.folder

    def snapshot(self, source: str) -> Path:
        """Write what a source shows as a picture, PNG, among the recordings; returns its path.
        Raises ResultError, FrameError where there is no frame."""
        view = self._ask(lambda: self._tracking.view_of(source))
        return new_picture(view, self._recordings, safe_name(source))
