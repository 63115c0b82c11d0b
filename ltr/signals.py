"""What a signal does to a command line: Ctrl-C, SIGTERM and SIGHUP end it, its work is kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import Any, NoReturn

ENDINGS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "hung up",
}
"""Signals that end a command, with what is said then. The exit status is 128 and the signal's
number, as shells have it: 130, 143, 129."""


class Termination(KeyboardInterrupt):
    """SIGTERM or SIGHUP came: whoever keeps his work at a Ctrl-C keeps it then."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def ending_of(error: BaseException) -> tuple[int, str]:
    """Exit status and word of an interrupt."""
    number = signal.Signals(error.number if isinstance(error, Termination) else signal.SIGINT)
    return 128 + number, ENDINGS[number]


@contextmanager
def termination() -> Iterator[None]:
    """SIGTERM and SIGHUP raise `Termination` inside. The first one counts: while work is being
    kept, another does not disturb.

    Nothing is changed where a handler was set before, the signal is ignored (as under nohup), or
    this is not the main thread."""
    mine = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]
    if current_thread() is not main_thread():
        mine = []
    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]

    came: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            return
        _leave_terminal(number, terminals)
        raise Termination(number)

    for number in mine:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def postponed() -> Iterator[None]:
    """A signal that ends a command waits for the end of the block, where the first that came is
    raised. What else ends the block is raised instead.

    Nothing is changed where somebody else has set a handler, the signal is ignored, or this is not
    the main thread."""
    handlers = _own_handlers()
    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]
    came: list[int] = []
    for number in handlers:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        _leave_terminal(came[0], terminals)
        raise KeyboardInterrupt if came[0] == signal.SIGINT else Termination(came[0])


def _leave_terminal(number: int, terminals: list[int]) -> None:
    """After SIGHUP: writing to a terminal that has gone would be an error."""
    if number == signal.SIGHUP:
        for descriptor in terminals:
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _own_handlers() -> dict[signal.Signals, Any]:
    """The signals that end a command by a handler of Python's or of this module, with that."""
    if current_thread() is not main_thread():
        return {}
    handlers = {number: signal.getsignal(number) for number in ENDINGS}
    return {
        number: handler
        for number, handler in handlers.items()
        if handler is signal.default_int_handler or getattr(handler, "__module__", None) == __name__
    }


@contextmanager
def loading(program: str) -> Iterator[None]:
    """A signal that ends a command ends the process at once, with one line: while modules are
    imported nothing is to be saved, and an exception may be swallowed or crash within compiled
    code.

    A handler that somebody else has set stays, and so does a signal that is ignored."""
    replaced = _own_handlers()

    def end(number: int, _: FrameType | None) -> NoReturn:
        os.write(2, f"{program}: {ENDINGS[signal.Signals(number)]}\n".encode())
        os._exit(128 + number)

    for number in replaced:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
