"""Progress of long work: a bar with the time that is left on a terminal, plain lines elsewhere. On
standard error."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 10.0


def with_progress(items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
    """The items themselves, telling how far they are; total: how many there are, where that is
    known. Lines where rich is not installed, which training does without."""
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
    except ImportError:
        yield from _with_lines(items, total, title)
        return

    console = Console(stderr=True)
    if not console.is_terminal:
        yield from _with_lines(items, total, title)
        return
    name = TextColumn("{task.description}", markup=False)  # a file's name is no markup
    with Progress(
        name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    ) as progress:
        yield from progress.track(iter(items), total=total, description=title)


def tell(line: str) -> None:
    """Say something about long work that stays as it is."""
    print(line, file=sys.stderr, flush=True)


def _with_lines(items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
    begin = last_line = monotonic()
    for number, item in enumerate(items, 1):
        yield item
        now = monotonic()
        if now - last_line >= SECONDS_BETWEEN_LINES:
            last_line = now
            left = (
                f" of {total}, {(now - begin) / number * (total - number):.0f} s left"
                if total
                else ""
            )
            tell(f"{title}: {number}{left}")


class StatusLine:
    """One line that is told again and again: in its place on a terminal, else every ten seconds."""

    def __init__(self) -> None:
        self._told, self._width = -SECONDS_BETWEEN_LINES, 0

    def tell(self, text: str) -> None:
        """What is to be seen now."""
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1
            print(
                f"\r{text[:width]:<{min(self._width, width)}}", end="", file=sys.stderr, flush=True
            )
            self._width = len(text)
        elif monotonic() - self._told >= SECONDS_BETWEEN_LINES:
            tell(text)
            self._told = monotonic()

    def end(self) -> None:
        """What is printed next begins a line."""
        if self._width:
            print(file=sys.stderr)
            self._width = 0


def counted(count: int, noun: str) -> str:
    """1 frame, 2 frames; for nouns whose plural ends in s."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def duration(seconds: float) -> str:
    """As people say it: 40 s, 12 min, 3 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 99:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
