"""Sequences tracked as rows of one batch: a finished one's row goes to the next at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from time import perf_counter

from ltr.errors import BoxError, TrackingError
from ltr.geometry import checked_box
from ltr.images import Frame
from pytracking.debug.probe import Probe, Probes
from pytracking.evaluation.frames_ahead import FramesAhead
from pytracking.evaluation.protocols import first_box
from pytracking.evaluation.trajectories import Trajectory
from pytracking.sequences.sequence import Sequence
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box, Prediction
from pytracking.tracker.state import TrackerState, concatenate, select

AHEAD = 8
"""So many frames of each sequence wait decoded."""


NOBODY = Probes()
"""Looks on."""

Outcome = tuple[Sequence, Trajectory | TrackingError]
"""A sequence and what came of it."""


@dataclass
class Spent:
    """Where the time went, in seconds."""

    decoding: float = 0.0
    """Processor time of the threads that decode."""
    waiting: float = 0.0
    """Until frames were decoded."""
    tracking: float = 0.0


def rounded_start(sequence: Sequence) -> Box:
    """The first box of a sequence, rounded to whole pixels, halves to even."""
    return first_box(sequence.boxes_xywh)


def annotated_start(sequence: Sequence) -> Box:
    """The first box of a sequence as it is annotated, which is what benchmarks give."""
    x, y, w, h = map(float, sequence.boxes_xywh[0])
    return x, y, w, h


def track_sequences(
    engine: TrackerEngine,
    sequences: Iterable[Sequence],
    batch: int = 1,
    threads: int = 2,
    stepped: Callable[[int], None] = lambda frames: None,
    spent: Spent | None = None,
    begins: Callable[[Sequence], Box] = rounded_start,
    probe: Probe = NOBODY,
) -> Iterator[Outcome]:
    """Each sequence from the box that `begins` gives to its last frame, as it is finished, or the
    error that ended it; others go on.

    Up to `batch` of them are tracked at once; sequences are taken as rows are free, and one more,
    whose first frames are decoded early. A target has the name of its sequence, so its draws do not
    depend on what it is tracked with. Frames are decoded by `threads`. `stepped` is told after each
    step how many frames it tracked, `spent` where the time went. `probe` looks on, one sequence at
    a time: with a `batch` of 1."""
    rows = _Rows(engine, spent or Spent(), probe)
    to_come = iter(sequences)
    opened: deque[_Row] = deque()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="decode"))
        stack.callback(_close, opened, rows.rows)
        while True:
            while len(rows.rows) < batch:
                while len(opened) < 2 and (sequence := next(to_come, None)) is not None:
                    try:
                        count = frame_count(sequence)
                    except TrackingError as error:
                        yield sequence, _told(sequence, error)
                        continue
                    frames = FramesAhead(pool, sequence.frames, count, threads, AHEAD)
                    opened.append(_Row(sequence, frames, begins(sequence)))
                if not opened:
                    break
                yield from rows.join(opened.popleft())
                stepped(1)
            if not rows.rows:
                return
            count = len(rows.rows)
            yield from rows.step()
            stepped(count)


def frame_count(sequence: Sequence) -> int:
    """How many frames are tracked: as many as are annotated, or all where only the first one is.
    Raises FrameError where they cannot be counted."""
    annotated = len(sequence.boxes_xywh)
    return annotated if annotated > 1 else len(sequence.frames)


def expected_frames(sequence: Sequence) -> int:
    """The same, but 0 where they cannot be counted, as tracking them will tell."""
    try:
        return frame_count(sequence)
    except TrackingError:
        return 0


def _close(*parts: Iterable[_Row]) -> None:
    for row in chain(*parts):
        row.frames.close()


@dataclass
class _Row:
    """A sequence that is being tracked."""

    sequence: Sequence
    frames: FramesAhead
    given: Box
    predictions: list[Prediction] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class _Rows:
    """The sequences that are tracked now, and the state of their targets, row by row."""

    def __init__(self, engine: TrackerEngine, spent: Spent, probe: Probe) -> None:
        self.rows: list[_Row] = []
        self._engine, self._spent, self._probe = engine, spent, probe
        self._state: TrackerState | None = None

    def join(self, row: _Row) -> Iterator[Outcome]:
        """Begin with the first frame of a sequence."""
        try:
            frame, begin = row.frames.frame(), perf_counter()
            started = self._engine.start(
                frame, checked_box(row.given, frame.shape[:2]), row.sequence.name
            )
            self._engine.net.synchronize()
        except TrackingError as error:
            self._close(row)
            yield row.sequence, _told(row.sequence, error)
            return
        row.seconds.append(perf_counter() - begin)
        self._spent.tracking += row.seconds[-1]
        self._probe.begin(1, frame, {row.sequence.name: row.given})
        self.rows.append(row)
        self._state = concatenate([self._state, started]) if self._state else started
        yield from self._finished()

    def step(self) -> Iterator[Outcome]:
        """One frame further with all of them."""
        frames: list[Frame] = []
        failed: dict[int, TrackingError] = {}
        for number, row in enumerate(self.rows):
            try:
                frames.append(row.frames.frame())
            except TrackingError as error:
                failed[number] = _told(row.sequence, error)
        gone = zip(self._drop(list(failed)), failed.values(), strict=True)
        yield from ((row.sequence, error) for row, error in gone)
        if self._state is None:
            return
        number = len(self.rows[0].seconds) + 1
        observer = self._probe.observer(number)
        begin = perf_counter()
        self._state, predictions = self._engine.step(
            self._state, frames, range(len(frames)), observer
        )
        took = perf_counter() - begin
        self._probe.write(number, frames[0], self._state.names, predictions, took)
        self._spent.tracking += took
        for row, prediction in zip(self.rows, predictions, strict=True):
            row.predictions.append(prediction)
            row.seconds.append(took / len(self.rows))
        yield from self._finished()

    def _finished(self) -> Iterator[Outcome]:
        ends = [n for n, row in enumerate(self.rows) if len(row.seconds) == len(row.frames)]
        yield from (
            (row.sequence, Trajectory.of(row.given, row.predictions, row.seconds))
            for row in self._drop(ends)
        )

    def _drop(self, numbers: list[int]) -> list[_Row]:
        """Take rows out; others are not touched."""
        if not numbers:
            return []
        gone = [self.rows[number] for number in numbers]
        kept = [number for number in range(len(self.rows)) if number not in numbers]
        self._state = select(self._state, kept) if self._state and kept else None
        self.rows[:] = [self.rows[number] for number in kept]
        for row in gone:
            self._close(row)
        return gone

    def _close(self, row: _Row) -> None:
        row.frames.close()
        self._spent.waiting += row.frames.seconds_waiting
        self._spent.decoding += row.frames.seconds_decoding


def _told(sequence: Sequence, error: TrackingError) -> TrackingError:
    """The error, saying of which sequence."""
    first = "first " if isinstance(error, BoxError) else ""
    return type(error)(f"sequence {sequence.name}: {first}{error}")
