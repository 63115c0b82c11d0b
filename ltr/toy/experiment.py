"""Trains what is not there yet, and evaluates it; whatever ends it, it goes on from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ltr.progress import counted, duration, tell
from ltr.seeds import STATE, open_folder, train_on
from ltr.toy.data import DataSet, data_set
from ltr.toy.methods import METHODS
from ltr.toy.metric import evaluate
from ltr.toy.randomness import Independent
from ltr.toy.results import Run, done_seeds, folder_of, write_run
from ltr.toy.training import Training


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
    """Train those of its seeds that have no result yet, all at once; one that fails is stopped, and
    the others go on. Raises ResultError."""
    folder = folder_of(root, plan.data, plan.method, plan.samples, plan.epochs)
    title = f"data set {plan.data}, {METHODS[plan.method].title}"
    title += f", M = {plan.samples}" if plan.samples else ""
    done = done_seeds(folder)
    seeds = [seed for seed in range(plan.seeds) if seed not in done]
    if not seeds:
        tell(f"{title}: {counted(plan.seeds, 'seed')}, all there")
        return
    data = data_set(plan.data)
    setup = METHODS[plan.method].setup(plan.data, plan.samples)
    facts = {key: value for key, value in asdict(plan).items() if key != "seeds"}
    facts["architecture"] = asdict(setup.architecture)
    with open_folder(folder):
        training = Training(setup, data, Independent(seeds))
        spent = train_on(training, plan.epochs, folder, seeds, facts, title)
        for place, seed in enumerate(seeds):
            write_run(folder, _result(plan, training, data, place, seed, spent / len(seeds)))
            if place in training.failures:
                tell(f"{title}, seed {seed} failed: {training.failures[place]}")
        (folder / STATE).unlink(missing_ok=True)
    tell(f"{title}: {counted(len(seeds), 'seed')}, {duration(spent)} of processor time")


def _result(
    plan: Plan, training: Training, data: DataSet, place: int, seed: int, seconds: float
) -> Run:
    architecture = training.setup.architecture
    both = architecture.predictor is not None and architecture.components
    both = both and not architecture.teacher
    failure = training.failures.get(place)
    value = proposal = None
    if failure is None:
        value = evaluate(data, training.scores_of(place, of_mixture=False))
        if both:
            proposal = evaluate(data, training.scores_of(place, of_mixture=True))
    weights = {} if failure else training.weights
    return Run(
        data=plan.data,
        method=plan.method,
        samples=plan.samples,
        epochs=plan.epochs,
        seed=seed,
        value=value,
        proposal_value=proposal,
        losses=tuple(float(epoch[place]) for epoch in training.losses),
        seconds=seconds,
        weights=tuple((n, tuple(map(tuple, w[place].tolist()))) for n, w in weights.items()),
        failure=failure,
    )
