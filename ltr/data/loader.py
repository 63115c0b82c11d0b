"""Batches in order, made in this process or, ahead of need, in others."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from ltr.data.batch import Batch
from ltr.data.configuration import DataConfig
from ltr.data.samples import Draw, Samples
from ltr.errors import ConfigError, TrackingError
from ltr.transfer import upload

AHEAD = 2
"""Batches that each process makes ahead."""


def check_workers(config: DataConfig, workers: int) -> None:
    """Raise ConfigError for workers of resident samples."""
    if workers and config.resident:
        raise ConfigError(
            "data.resident keeps all frames in one process: set data.workers to 0, or turn it off"
        )


def batches(samples: Samples, numbers: Iterable[Sequence[int]], workers: int) -> Iterator[Batch]:
    """The batches of lists of numbers, on the samples' device. With `workers` processes the same
    ones come sooner. Raises what `Samples.batch` does; ConfigError for workers of resident
    samples."""
    if workers == 0:
        yield from map(samples.batch, numbers)
        return
    check_workers(samples.config, workers)
    loader = DataLoader(
        _BatchesByNumber(samples),
        batch_sampler=numbers,  # type: ignore[arg-type]
        collate_fn=_as_it_is,
        num_workers=workers,
        prefetch_factor=AHEAD,
        multiprocessing_context="spawn",
        worker_init_fn=_one_thread,
    )
    with _signals_for_parent_alone():
        made = iter(loader)
    for drawn in made:
        if isinstance(drawn, TrackingError):
            raise drawn
        yield _on(samples.device, samples.counted(drawn))


def _on(device: torch.device, batch: Batch) -> Batch:
    return batch._replace(
        train_crops=upload(batch.train_crops, device),
        train_boxes=upload(batch.train_boxes, device),
        test_crops=upload(batch.test_crops, device),
        test_boxes=upload(batch.test_boxes, device),
    )


class _BatchesByNumber(Dataset[Draw]):
    """What DataLoader wants: batches by their numbers."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __getitems__(self, numbers: Sequence[int]) -> Draw | TrackingError:
        try:
            return self._samples.draw(numbers)
        except TrackingError as error:  # raised over there it would be wrapped in a traceback
            return error


def _as_it_is(drawn: Any) -> Any:
    return drawn


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)


@contextmanager
def _signals_for_parent_alone() -> Iterator[None]:
    """Processes that begin inside never see Ctrl-C or the terminal's end, which it sends to all:
    the parent decides, and ends them. What arrives meanwhile is not lost."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
