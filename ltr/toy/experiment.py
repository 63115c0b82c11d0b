"""Trains what is not there yet, and evaluates it; whatever ends it, it goes on from there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from ltr.files import make_folder
from ltr.progress import StatusLine, counted, duration, tell
from ltr.toy.data import DataSet, data_set
from ltr.toy.methods import METHODS
from ltr.toy.metric import evaluate
from ltr.toy.randomness import Independent
from ltr.toy.results import STATE, Run, done_seeds, folder_of, read_state, write_run, write_state
from ltr.toy.training import Training

SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Plan:
    """Seeds 0 to `seeds` - 1 of a method on a data set."""

    data: str
    method: str
    seeds: int
    samples: int
    epochs: int


def plans(
    data: Sequence[str], methods: Sequence[str], seeds: int | None, samples: int, epochs: int
) -> Iterator[Plan]:
    """Those of methods on the data sets that they are for; without `seeds`, so many as each has by
    default."""
    for name in data:
        for method in methods:
            known = METHODS[method]
            if name in known.data:
                count = known.seeds if seeds is None else seeds
                yield Plan(name, method, count, samples if known.samples else 0, epochs)


def carry_out(plan: Plan, root: Path) -> None:
    """Train those of its seeds that have no result yet, all at once. Raises ResultError."""
    folder = folder_of(root, plan.data, plan.method, plan.samples, plan.epochs)
    title = f"data set {plan.data}, {METHODS[plan.method].title}"
    title += f", M = {plan.samples}" if plan.samples else ""
    done = done_seeds(folder)
    seeds = [seed for seed in range(plan.seeds) if seed not in done]
    if not seeds:
        tell(f"{title}: {counted(plan.seeds, 'seed')}, all there")
        return
    make_folder(folder)
    data = data_set(plan.data)
    setup = METHODS[plan.method].setup(plan.data, plan.samples)
    training = Training(setup, data, Independent(seeds))
    spent = train_on(training, plan.epochs, folder, seeds, title)
    for place, seed in enumerate(seeds):
        write_run(folder, _result(plan, training, data, place, seed, spent / len(seeds)))
    (folder / STATE).unlink(missing_ok=True)
    tell(f"{title}: {counted(len(seeds), 'seed')}, {duration(spent)} of processor time")


class Resumable(Protocol):
    """A training whose state can be saved after any epoch."""

    losses: list[Any]
    """One entry an epoch."""

    def epoch(self) -> None: ...
    def state(self) -> dict[str, Any]: ...
    def restore(self, state: dict[str, Any]) -> None: ...


def train_on(
    training: Resumable, epochs: int, folder: Path, seeds: Sequence[int], title: str
) -> float:
    """Go on from the state in `folder`, if there is one, to the last epoch, saving it every minute.
    Returns the seconds of processor time, those before the state included."""
    spent = 0.0
    if state := read_state(folder, seeds):
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
            write_state(folder, seeds, {**training.state(), "seconds": spent})
            saved = now
    line.end()
    return spent


def _result(
    plan: Plan, training: Training, data: DataSet, place: int, seed: int, seconds: float
) -> Run:
    architecture = training.setup.architecture
    both = architecture.predictor is not None and architecture.components
    both = both and not architecture.teacher
    weights = {name: weight[place] for name, weight in training.weights.items()}
    value = proposal = float("nan")
    if all(bool(weight.isfinite().all()) for weight in weights.values()):
        value = evaluate(data, training.scores_of(place, of_mixture=False))
        if both:
            proposal = evaluate(data, training.scores_of(place, of_mixture=True))
    return Run(
        data=plan.data,
        method=plan.method,
        samples=plan.samples,
        epochs=plan.epochs,
        seed=seed,
        value=value,
        proposal_value=proposal if both else None,
        losses=tuple(float(epoch[place]) for epoch in training.losses),
        seconds=seconds,
        weights={name: weight.tolist() for name, weight in weights.items()},
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """The products are tiny: threads would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with denormals_flushed():
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Numbers that are too small to be normal are 0 within: they would be slow, and count for
    nothing."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
