"""Networks that differ by their seed alone: trained so that an interrupt costs a minute, and told
together."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from pickle import UnpicklingError
from statistics import mean, pstdev, stdev
from typing import Any, Protocol

import torch

from ltr.errors import ResultError
from ltr.files import AtomicFile, locked, make_folder
from ltr.progress import StatusLine, duration

STATE, LOCK = "state.pt", "lock"
SAVE_SECONDS = 60.0
BEST = 5


class Resumable(Protocol):
    """A training whose state can be saved after any epoch."""

    losses: list[Any]
    """One entry an epoch."""

    def epoch(self) -> None: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...


@contextlib.contextmanager
def open_folder(folder: Path) -> Iterator[None]:
    """Make a folder of results, where no other process trains meanwhile. Raises ResultError."""
    make_folder(folder)
    with locked(folder / LOCK, f"another process is training in {folder}: wait for its end"):
        yield


def train_on(
    training: Resumable, epochs: int, folder: Path, seeds: Sequence[int], title: str
) -> float:
    """Go on from the state in `folder`, if there is one of just these seeds, to the last epoch,
    saving it every minute. Returns the seconds of processor time, those before the state included.
    Raises ResultError."""
    spent = 0.0
    if state := _read_state(folder, seeds):
        spent = state.pop("seconds")
        training.restore(state)
    line, first, begin = StatusLine(), len(training.losses), time.monotonic()
    saved = begin
    while len(training.losses) < epochs:
        clock = time.process_time()
        training.epoch()
        spent += time.process_time() - clock
        now, done = time.monotonic(), len(training.losses)
        left = (now - begin) / (done - first) * (epochs - done)
        line.tell(f"{title}: epoch {done} of {epochs}, {duration(left)} left")
        if now - saved > SAVE_SECONDS:
            with AtomicFile(folder / STATE, "state") as file:
                torch.save(
                    {"seeds": list(seeds), **training.state(), "seconds": spent}, file.temporary
                )
            saved = now
    line.end()
    return spent


def statistics(values: Sequence[float]) -> list[str]:
    """Cells of a table, of values in ascending order: mean, its standard error, standard deviation,
    mean and deviation of the best 5 of 20, range."""
    if not values:
        return ["–"] * 5
    spread = stdev(values) if len(values) > 1 else math.nan
    best = "–"
    if len(values) >= 4 * BEST:  # 5 of 20: of fewer it would be another choice
        best = f"{mean(values[:BEST]):.4f} ± {pstdev(values[:BEST]):.4f}"
    return [
        f"{mean(values):.4f}",
        f"{spread / math.sqrt(len(values)):.4f}" if len(values) > 1 else "–",
        f"{spread:.4f}" if len(values) > 1 else "–",
        best,
        f"{values[0]:.4f} to {values[-1]:.4f}",
    ]


def _read_state(folder: Path, seeds: Sequence[int]) -> dict[str, Any] | None:
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state = torch.load(path, weights_only=True)
        return state if state.pop("seeds") == list(seeds) else None
    except (OSError, RuntimeError, UnpicklingError, EOFError, KeyError, AttributeError):
        raise ResultError(f"cannot read state {path}: delete it, it is damaged") from None
