"""Track what a camera, a stream or a file shows while it comes in: in a window, or without one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ltr.signals import ending_of
from pytracking.api import MultiTracker
from pytracking.apps.tracker_choice import TrackerChoice
from pytracking.debug.visdom_board import VisdomBoard
from pytracking.debug.visdom_client import Address, require_visdom
from pytracking.live.screen import OpenCVScreen
from pytracking.live.session import Session
from pytracking.live.views import View
from pytracking.live.window import Window
from pytracking.live.words import News, statement
from pytracking.sources.opening import open_feed
from pytracking.tracker.prediction import Box

INTERVAL = 1.0
"""Seconds between two lines without a window."""
PATIENCE = 0.1
"""Seconds that are waited for a view before it is asked whether all is over."""


@dataclass(frozen=True)
class CameraRequest:
    """What is tracked live, and how it ends."""

    sources: Sequence[str]
    targets: Mapping[str, Box] = field(default_factory=dict)
    """In the first frame of the first source."""
    size: tuple[int, int] | None = None
    """Width and height that cameras are asked for."""
    frame_rate: float | None = None
    window: bool = True
    record: bool = False
    """A recording begins at once."""
    frames: int | None = None
    """The end: a source has come to this frame."""
    seconds: float | None = None
    """The end: so long after the beginning."""
    visdom: Address | None = None
    """Of a server that shows what the tracker sees."""


def run_camera(request: CameraRequest, choice: TrackerChoice, output: Path | None) -> int:
    """Track until a person ends it, the sources or the request do. Recordings and snapshots go into
    `output`. Returns the exit status: 130 after Ctrl-C; recordings are finished then as well, and
    what was kept is said. Raises TrackingError."""
    if request.visdom:
        require_visdom()
    feeds = [
        open_feed(source, size=request.size, frame_rate=request.frame_rate)
        for source in request.sources
    ]
    folder = output or Path("outputs") / "camera"
    tracker = MultiTracker(choice.engine())
    tracker.check_room(len(request.targets))
    status, why, kept = 0, "", list[Path]()
    with ExitStack() as stack:
        board = stack.enter_context(VisdomBoard(request.visdom)) if request.visdom else None
        session = stack.enter_context(
            Session(tracker, feeds, recordings=folder, choice=choice, probe=board)
        )
        if board is not None:
            board.steering = session
        over, news = _end(session, request), News(session)
        try:
            _begin(session, request, over, news, kept)
            if request.window:
                _show(session, over, kept)
            else:
                _tell(session, over, news)
        except KeyboardInterrupt as error:
            status, why = ending_of(error)
    if why:
        print(f"pytracking: {why}", file=sys.stderr)
    for path in kept:
        print(f"kept {path}")
    return status


def _end(session: Session, request: CameraRequest) -> Callable[[], bool]:
    """Whether all is over: the sources have ended, or the request is fulfilled."""
    begin = time.monotonic()

    def over() -> bool:
        if session.failed.is_set():
            return True
        if request.seconds is not None and time.monotonic() - begin >= request.seconds:
            return True
        views = [session.view(source) for source in session.sources]
        numbers = [view.shot.number for view in views if view]
        if request.frames is not None and max(numbers, default=0) >= request.frames:
            return True
        # a window stays, so that one can look at the last frame
        return not request.window and all(_has_ended(session, s) for s in session.sources)

    return over


def _has_ended(session: Session, source: str) -> bool:
    """Whether the last frame of a source was shown."""
    view = session.view(source)
    if view is not None:
        return view.condition.word == "ended"
    facts = next(facts for facts in session.status()["sources"] if facts["name"] == source)
    return bool(facts["condition"]["word"] == "ended")


def _begin(
    session: Session,
    request: CameraRequest,
    over: Callable[[], bool],
    news: News,
    kept: list[Path],
) -> None:
    """Wait for the first frame, with the targets in it let all run."""
    if request.targets:
        session.pause()  # all targets begin in one frame
        source = session.sources[0]
        view = _first_view(session, source, over, news)
        if view is None:
            return
        for name, box in request.targets.items():
            session.add(source, box, name, view.shot.number)
    if request.record:
        kept.append(session.start_recording())
    if request.targets or not request.window:
        session.play()


def _first_view(session: Session, source: str, over: Callable[[], bool], news: News) -> View | None:
    """The first view of a source; None if all is over before."""
    while not over():
        view = session.wait(source, 0, PATIENCE)
        if view is not None:
            return view
        news.tell()
    return None


def _show(session: Session, over: Callable[[], bool], kept: list[Path]) -> None:
    """The window, until a person closes it or all is over."""
    title = ", ".join(session.sources)
    with OpenCVScreen(f"{title}: h shows the keys") as screen:
        window = Window(session, session.sources, screen)
        try:
            with window:
                while window.turn() and not over():
                    pass
        finally:
            kept += [path for path in window.kept if path not in kept]


def _tell(session: Session, over: Callable[[], bool], news: News) -> None:
    """A line a second and source that gives frames, and what is wrong once, until all is over."""
    due, sequence = time.monotonic() + INTERVAL, 0
    while not over():
        view = session.wait(session.sources[0], sequence, PATIENCE)
        sequence = view.sequence if view else sequence
        news.tell()
        if time.monotonic() >= due:
            due += INTERVAL
            _tell_all(session)
    _tell_all(session)


def _tell_all(session: Session) -> None:
    for source in session.sources:
        view = session.view(source)
        if view is not None:
            print(statement(view), flush=True)
