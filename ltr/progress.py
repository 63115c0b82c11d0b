"""Progress of long work: a bar with the time that is left on a terminal, plain lines elsewhere. On
standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 10.0


def with_progress(items: Iterable[T], total: int | None, title: str) -> Iterator[T]:
    """The items themselves, telling how far they are; total: how many there are, where that is
    known."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield from _with_lines(items, total, title)
        return
    name = TextColumn("{task.description}", markup=False)  # a file's name is no markup
    with Progress(
        name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    ) as progress:
        yield from progress.track(iter(items), total=total, description=title)


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
            print(f"{title}: {number}{left}", file=sys.stderr, flush=True)
