"""What a signal does to a command line: Ctrl-C, SIGTERM and SIGHUP end it, its work is kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType
from typing import NoReturn

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
        if number == signal.SIGHUP:  # writing to a terminal that has gone would be an error
            for descriptor in terminals:
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        raise Termination(number)

    for number in mine:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def loading(program: str) -> Iterator[None]:
    """A signal that ends a command ends the process at once, with one line: while modules are
    imported nothing is to be saved, and an exception may be swallowed or crash within compiled
    code.

    A handler that somebody else has set stays, and so does a signal that is ignored."""
    handlers = {number: signal.getsignal(number) for number in ENDINGS}
    if current_thread() is not main_thread():
        handlers = {}
    replaced = {
        number: handler
        for number, handler in handlers.items()
        if handler is signal.default_int_handler or getattr(handler, "__module__", None) == __name__
    }

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
