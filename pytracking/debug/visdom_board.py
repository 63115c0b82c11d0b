"""A run on a visdom page while it tracks, and the run steered from there."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Condition, Thread
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING

from ltr.errors import TrackingError
from ltr.images import Frame
from ltr.progress import tell
from pytracking.debug.gate import Gate, Steering
from pytracking.debug.history import History
from pytracking.debug.seen import Seen
from pytracking.debug.visdom_client import Address, Client, Event, page_of, refusal_of
from pytracking.debug.visdom_panes import BUTTONS, Sight, Wish, show, show_controls, show_curves
from pytracking.sinks.palette import TargetColours
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import Box, Prediction

if TYPE_CHECKING:
    from torch import Tensor

RATE = 4.0
"""Frames that are shown a second, at the most."""
BUSY = 0.1
"""Of the time, at the most, the thread that sends is busy: Python runs one thread at a time, so
what it takes, the tracker may wait for."""
LONGEST_REST = 1.0
"""Seconds between two frames that are shown, on however slow a machine."""
FRAMES = 2000
"""That the curves go back."""
SECONDS_BETWEEN_QUESTIONS = 0.2
"""After what a person did on the page."""
SECONDS_BETWEEN_CURVES = 1.0
SECONDS_TO_END = 2.0


class VisdomBoard:
    """A `Probe` that shows a run on a visdom server, by a thread of its own.

    The tracking thread copies what is to be seen of a frame, `rate` times a second at the most and
    less often where sending is slow, and never waits. Buttons of the page steer the run.
    Where no server is there, or it goes away, one line says so and tracking goes on."""

    def __init__(
        self,
        address: Address,
        steering: Steering | None = None,
        colours: TargetColours | None = None,
        rate: float = RATE,
    ) -> None:
        self.address = address
        self.colours = TargetColours() if colours is None else colours
        self.seconds_spent = 0.0
        """In the tracking thread."""
        self.shown = 0
        """Frames that were sent."""
        self.steering = Gate() if steering is None else steering
        """What the page's buttons act on."""
        self._between = 1 / rate
        self._histories: dict[str, History] = {}
        self._filters: dict[str, deque[tuple[int, float, float]]] = {}
        self._tracking_seconds = 0.0
        self._seen: Seen | None = None
        self._due = 0.0
        self._chosen = ""
        self._names: tuple[str, ...] = ()
        self._paused = False
        self._changed = Condition()
        self._next: Sight | None = None
        self._running = False
        self._thread: Thread | None = None

    def __enter__(self) -> VisdomBoard:
        if why := refusal_of(self.address):
            self._say(
                f"no visdom server answers at {_text(self.address)} ({why}): tracking goes on "
                "without; `pytracking visdom` starts one"
            )
            return self
        self._running = True
        self._thread = Thread(target=self._send, name="visdom", daemon=True)
        self._thread.start()
        self._say(f"{page_of(self.address)} shows this run")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._running = False
            self._changed.notify_all()
        if self._thread is None:
            return
        self._thread.join(SECONDS_TO_END)
        whole, share = self._tracking_seconds, ""
        if whole:
            share = f", {100 * self.seconds_spent / whole:.1f} % of the tracker's"
        pictures = "1 frame" if self.shown == 1 else f"{self.shown} frames"
        self._say(f"visdom was sent {pictures} and cost {self.seconds_spent:.2f} s{share}")

    def begin(self, number: int, frame: Frame, boxes: Mapping[str, Box]) -> None:
        """As of `Probe`."""
        for name in boxes:
            _ = self.colours[name]
            self._histories[name] = History(FRAMES)
            self._filters[name] = deque(maxlen=FRAMES)

    def observer(self, number: int) -> Observer | None:
        """As of `Probe`; None where the last picture has not been sent, or is too new."""
        begin = perf_counter()
        due = self._running and begin >= self._due and self._next is None
        self._seen = Seen() if due else None
        return None if self._seen is None else _Timed(self._seen, self)

    def write(
        self,
        number: int,
        frame: Frame,
        names: Sequence[str],
        predictions: Sequence[Prediction],
        seconds: float = math.nan,
    ) -> None:
        """As of `Probe`."""
        begin = perf_counter()
        self._tracking_seconds += seconds if math.isfinite(seconds) else 0.0
        for name, prediction in zip(names, predictions, strict=True):
            self._histories[name].add(number, prediction, seconds)
        self._names = tuple(names)
        if self._seen is not None and self._seen.values and names:
            self._due = begin + self._between
            for row, name in enumerate(names):
                seen = self._seen.of(row)
                norm, change = float(seen["filter_norm"]), float(seen["filter_change"])
                self._filters[name].append((number, norm, change))
            sight = self._sight(number, frame, dict(zip(names, predictions, strict=True)))
            with self._changed:
                self._next = sight
                self._changed.notify_all()
        self._seen = None
        self.seconds_spent += perf_counter() - begin

    def _sight(self, number: int, frame: Frame, predictions: Mapping[str, Prediction]) -> Sight:
        assert self._seen is not None
        name = self._chosen if self._chosen in predictions else next(iter(predictions))
        history = self._histories[name]
        return Sight(
            number=number,
            frame=frame,
            name=name,
            predictions=predictions,
            colours={target: self.colours[target] for target in predictions},
            seen=self._seen.of(list(predictions).index(name)),
            numbers=tuple(history.numbers),
            scores=history.scores(),
            seconds=history.seconds(),
            filters=tuple(self._filters[name]),
        )

    def _send(self) -> None:
        """The thread: what is to be shown goes out, what is asked for on the page comes in."""
        try:
            client = Client(self.address)
            controls: tuple[Sequence[str], str] = (), ""
            curves_due = 0.0
            while (sight := self._taken()) is not None or self._running:
                if sight is not None:
                    begin = perf_counter()
                    wanted = tuple(sight.predictions), sight.name
                    if wanted != controls:
                        show_controls(client.visdom, *wanted)
                        controls = wanted
                    show(client.visdom, sight)
                    if self._paused or begin >= curves_due:
                        show_curves(client.visdom, sight)
                        curves_due = begin + SECONDS_BETWEEN_CURVES
                    self.shown += 1
                    end = perf_counter()
                    rest = min((end - begin) * (1 / BUSY - 1), LONGEST_REST)
                    self._due = max(self._due, end + rest)
                for event in client.events():
                    self._steer(event)
        except Exception as error:  # whatever a client raises, tracking goes on
            if self._running:
                self._running = False
                self._say(
                    f"the visdom server at {_text(self.address)} is gone "
                    f"({_reason(error)}): tracking goes on without"
                )
        finally:
            self._next = None
            if self._paused:
                self._ask("play")

    def _taken(self) -> Sight | None:
        """The newest that is to be shown, as soon as there is one; None after a while."""
        with self._changed:
            if self._next is None and self._running:
                self._changed.wait(SECONDS_BETWEEN_QUESTIONS)
            sight, self._next = self._next, None
        return sight

    def _steer(self, event: Event) -> None:
        """What a person did on the page, if it was to use the controls."""
        if (event.get("event_type"), event.get("target")) != ("PropertyUpdate", "controls"):
            return
        chosen = int(event["propertyId"])
        if chosen >= len(BUTTONS):
            self._chosen = self._names[int(event["value"])]
            return
        self._paused = BUTTONS[chosen] != "play"
        self._due = 0.0  # what is asked for is shown at once
        self._ask(BUTTONS[chosen])

    def _ask(self, wish: Wish) -> None:
        steering = self.steering
        act = {"pause": steering.pause, "step": steering.step, "play": steering.play}[wish]
        with suppress(TrackingError):  # a run that has ended
            act()

    @staticmethod
    def _say(line: str) -> None:
        tell(f"pytracking: {line}")


class _Timed:
    """The board's observer; what it costs is counted."""

    def __init__(self, seen: Seen, board: VisdomBoard) -> None:
        self._seen, self._board = seen, board

    def observe(self, name: str, value: Tensor) -> None:
        begin = perf_counter()
        self._seen.observe(name, value)
        self._board.seconds_spent += perf_counter() - begin


def _text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _reason(error: Exception) -> str:
    """The first line of what a library says."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
