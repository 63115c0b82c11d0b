"""Sequences spread over a cluster by Ray: workers as those of `workers`, where Ray starts them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from collections.abc import Sequence as SequenceOf
from importlib import import_module
from typing import Any

from ltr.errors import ConfigError, TrackingError
from pytracking.evaluation.runner import Outcome, rounded_start
from pytracking.evaluation.workers import Message, died, work
from pytracking.sequences.sequence import Sequence
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box

PAUSE = 0.2
"""Seconds between two looks at what the workers have told."""


class Desk:
    """Hands out the numbers of sequences, in order, and keeps what workers tell until it is
    fetched. Ray runs one of them for all."""

    def __init__(self, count: int) -> None:
        self._to_come = list(range(count))[::-1]
        self._told: list[tuple[int, Message]] = []
        self._taken: dict[int, list[int]] = {}

    def next(self, worker: int) -> int | None:
        """The next sequence, for a worker; None where there is none left."""
        if not self._to_come:
            return None
        self._taken.setdefault(worker, []).append(number := self._to_come.pop())
        return number

    def tell(self, worker: int, message: Message) -> None:
        """What a worker has to say."""
        if isinstance(message, tuple):
            self._taken[worker].remove(message[0])
        self._told.append((worker, message))

    def fetch(self) -> list[tuple[int, Message]]:
        """What was told since the last time, by whom."""
        told, self._told = self._told, []
        return told

    def lost(self, worker: int | None = None) -> list[int]:
        """What a worker has taken and not finished; of None what nobody has taken."""
        return self._to_come[::-1] if worker is None else self._taken.pop(worker, [])


def track_on_cluster(
    engine_on: Callable[[str], TrackerEngine],
    sequences: SequenceOf[Sequence],
    workers: int,
    batch: int = 1,
    threads: int = 2,
    stepped: Callable[[int], None] = lambda frames: None,
    begins: Callable[[Sequence], Box] = rounded_start,
) -> Iterator[Outcome]:
    """As `track_in_processes`, by `workers` of the cluster that RAY_ADDRESS names, else of one that
    is started on this machine. Each has a GPU where the cluster has any. Frames and the network
    must lie at the same place on all machines. Raises ConfigError where Ray is missing,
    TrackingError where no engine can be made."""
    ray = _ray()
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    gpus = 1 if ray.cluster_resources().get("GPU") else 0
    device = "cuda" if gpus else "cpu"
    desk = ray.remote(num_cpus=0)(Desk).remote(len(sequences))
    shared = ray.put(list(sequences))
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(_work)
    running = {
        remote.remote(desk, worker, engine_on, device, shared, batch, threads, begins): worker
        for worker in range(workers)
    }
    try:
        while running:
            ended, _ = ray.wait(list(running), timeout=PAUSE)
            for _, message in ray.get(desk.fetch.remote()):
                if isinstance(message, TrackingError):
                    raise message
                if isinstance(message, int):
                    stepped(message)
                elif isinstance(message, tuple):
                    yield sequences[message[0]], message[1]
            for reference in ended:
                for number in ray.get(desk.lost.remote(running.pop(reference))):
                    yield sequences[number], died(sequences[number])
        for number in ray.get(desk.lost.remote()):
            yield sequences[number], died(sequences[number])
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        ray.kill(desk)


def _ray() -> Any:
    """The package, which has types only where it is installed. Raises ConfigError."""
    try:
        return import_module("ray")
    except ImportError:
        raise ConfigError(
            "--ray spreads work by Ray, which is not installed: pip install ray (the extra ray)"
        ) from None


def _work(
    desk: Any,
    worker: int,
    engine_on: Callable[[str], TrackerEngine],
    device: str,
    sequences: list[Sequence],
    batch: int,
    threads: int,
    begins: Callable[[Sequence], Box],
) -> None:
    """What a worker does."""
    ray = _ray()

    def ask() -> int | None:
        number: int | None = ray.get(desk.next.remote(worker))
        return number

    def tell(message: Message) -> None:
        # waited for, so that nothing that was told is lost with the worker
        ray.get(desk.tell.remote(worker, message))

    work(lambda: engine_on(device), sequences, batch, threads, begins, ask, tell)
