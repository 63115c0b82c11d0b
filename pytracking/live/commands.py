"""What others want of the tracking thread: it is carried out between two frames."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from ltr.errors import TrackingError

R = TypeVar("R")

NOT_BEGUN = "the session has not begun: use it in a with block"
ENDED = "the session has ended: open it again"


class CommandQueue:
    """Functions that wait for one thread; whoever put one there waits for what it returns.

    stir: called when a command waits; it wakes the thread that is to call `carry_out`."""

    def __init__(self, stir: Callable[[], None]) -> None:
        self._stir = stir
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._refusal = NOT_BEGUN

    def begin(self) -> None:
        """From now on commands are taken."""
        with self._lock:
            self._refusal = ""

    def end(self) -> None:
        """Commands that wait, and all later ones, are refused."""
        with self._lock:
            self._refusal = ENDED
            refused, self._waiting = self._waiting, deque()
        for _, future in refused:
            if future.set_running_or_notify_cancel():
                future.set_exception(TrackingError(ENDED))

    def ask(self, function: Callable[[], R], seconds: float) -> R:
        """What `function` returns, or raises, in the other thread. Raises TrackingError where it
        did not come to it within `seconds`, and then it is not carried out; and where commands are
        no longer taken."""
        future: Future[R] = Future()
        with self._lock:
            if self._refusal:
                raise TrackingError(self._refusal)
            self._waiting.append((function, future))
        self._stir()
        try:
            return future.result(seconds)
        except FutureTimeoutError:
            if not future.cancel():
                return future.result()  # it is being carried out: it ends by itself
        raise TrackingError(
            f"the tracker did not come to it within {seconds:g} seconds, and it was not carried "
            "out: wait until its frame is done and try again"
        )

    def carry_out(self) -> None:
        """All commands that wait now, in order."""
        with self._lock:
            now, self._waiting = self._waiting, deque()
        for function, future in now:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = function()
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)
