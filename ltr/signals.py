"""What a signal does to a command line."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from typing import NoReturn


@contextmanager
def loading(program: str) -> Iterator[None]:
    """Ctrl-C ends the process at once, with one line and status 130: while modules are imported
    nothing is to be saved, and an exception may be swallowed or crash within compiled code.

    A handler that somebody else has set stays, and so does a signal that is ignored."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return

    def end(*_: object) -> NoReturn:
        os.write(2, f"{program}: interrupted\n".encode())
        os._exit(130)

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
