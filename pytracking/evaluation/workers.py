"""Sequences spread over processes, each with an engine of its own on its own device."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from collections.abc import Sequence as SequenceOf
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Literal

import torch

from ltr.errors import TrackingError
from pytracking.evaluation.runner import Outcome, rounded_start, track_sequences
from pytracking.evaluation.trajectories import Trajectory
from pytracking.sequences.sequence import Sequence
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box

NEXT: Literal["next"] = "next"
"""What a worker says that has a free row."""
Message = Literal["next"] | int | tuple[int, Trajectory | TrackingError] | TrackingError
"""From a worker: this; frames that it tracked; what came of a sequence, by its number; or why there
is no engine."""


def track_in_processes(
    engine_on: Callable[[str], TrackerEngine],
    sequences: SequenceOf[Sequence],
    devices: SequenceOf[str],
    batch: int = 1,
    threads: int = 2,
    stepped: Callable[[int], None] = lambda frames: None,
    begins: Callable[[Sequence], Box] = rounded_start,
) -> Iterator[Outcome]:
    """As `track_sequences`, in a process for each of `devices`; who has a free row gets the next
    sequence, in order. What a process that died had is an error; others go on with the rest.

    engine_on: what makes the engine in its process, given the device; it is pickled, and so is
    `begins`. Raises what it raises, TrackingError."""
    context = get_context("spawn")  # neither CUDA nor FFmpeg's threads survive a fork
    to_come = iter(range(len(sequences)))
    taken: dict[Connection, list[int]] = {}
    processes = []
    cores = max(1, (os.cpu_count() or 1) // len(devices))
    try:
        for device in devices:
            here, there = context.Pipe()
            arguments = (engine_on, device, list(sequences), batch, threads, begins, cores, there)
            processes.append(context.Process(target=_work, args=arguments, daemon=True))
            processes[-1].start()
            there.close()
            taken[here] = []
        while taken:
            for connection in wait(list(taken)):
                assert isinstance(connection, Connection)
                try:
                    message: Message = connection.recv()
                    if message == NEXT:
                        number = next(to_come, None)
                        taken[connection] += [] if number is None else [number]
                        connection.send(number)
                        continue
                except (EOFError, OSError):  # it is gone
                    for number in taken.pop(connection):
                        yield sequences[number], died(sequences[number])
                    continue
                if isinstance(message, TrackingError):
                    raise message
                if isinstance(message, int):
                    stepped(message)
                    continue
                number, outcome = message
                taken[connection].remove(number)
                yield sequences[number], outcome
        for number in to_come:
            yield sequences[number], died(sequences[number])
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _work(
    engine_on: Callable[[str], TrackerEngine],
    device: str,
    sequences: list[Sequence],
    batch: int,
    threads: int,
    begins: Callable[[Sequence], Box],
    cores: int,
    parent: Connection,
) -> None:
    """What a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us
    torch.set_num_threads(cores)

    def ask() -> int | None:
        parent.send(NEXT)
        number: int | None = parent.recv()
        return number

    work(partial(engine_on, device), sequences, batch, threads, begins, ask, parent.send)


def work(
    engine: Callable[[], TrackerEngine],
    sequences: list[Sequence],
    batch: int,
    threads: int,
    begins: Callable[[Sequence], Box],
    ask: Callable[[], int | None],
    tell: Callable[[Message], None],
) -> None:
    """What a worker does, wherever it runs: ask for numbers of sequences until there are none, and
    tell what came of them."""
    numbers = {sequence.name: number for number, sequence in enumerate(sequences)}
    try:
        own = engine()
    except TrackingError as error:
        tell(error)
        return
    asked = (sequences[number] for number in iter(ask, None))
    for sequence, outcome in track_sequences(own, asked, batch, threads, tell, begins=begins):
        tell((numbers[sequence.name], outcome))


def died(sequence: Sequence) -> TrackingError:
    """What is said of a sequence whose worker is gone."""
    return TrackingError(
        f"sequence {sequence.name}: the process that was to track it has ended; was memory short?"
    )
