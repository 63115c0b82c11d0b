"""What a session has to say: lines that are kept for whoever looks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

MOST = 50
"""Messages that are kept."""


@dataclass(frozen=True)
class Message:
    """One line, said once or several times in a row."""

    number: int
    """From 1; a line that is said again has the number of the last time."""
    source: str | None
    """What it is about, where that is one source."""
    line: str
    times: int = 1


class Messages:
    """The last MOST messages. One thread adds to them; `all` is a value that others may read."""

    def __init__(self) -> None:
        self._kept: deque[Message] = deque(maxlen=MOST)
        self._number = 0
        self.all: tuple[Message, ...] = ()

    def say(self, line: str, source: str | None = None) -> None:
        self._number += 1
        last = self._kept[-1] if self._kept else None
        if last is not None and (last.line, last.source) == (line, source):
            self._kept[-1] = replace(last, number=self._number, times=last.times + 1)
        else:
            self._kept.append(Message(self._number, source, line))
        self.all = tuple(self._kept)
