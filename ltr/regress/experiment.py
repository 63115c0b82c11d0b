"""Trains what is not there yet, and evaluates it; whatever ends it, it goes on from there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ltr.errors import TrainingError
from ltr.progress import duration, tell
from ltr.regress.examples import Split
from ltr.regress.metric import evaluate
from ltr.regress.results import Run, check_settings, folder_of, path_of, write_run
from ltr.regress.tasks import TASKS
from ltr.regress.training import OBJECTIVES, Setup, Training, facts_of
from ltr.seeds import STATE, open_folder, told, train_on


def missing(setups: Sequence[Setup], seeds: int, root: Path) -> list[tuple[int, Setup]]:
    """What has no result yet, seed by seed, so that the objectives can be compared at any time.
    Raises ResultError where results of other settings are there."""
    for setup in setups:
        check_settings(root, setup)
    return [
        (seed, setup)
        for seed in range(seeds)
        for setup in setups
        if not path_of(root, setup, seed).exists()
    ]


def carry_out(wanted: Sequence[tuple[int, Setup]], split: Split, root: Path) -> None:
    """Train and evaluate each seed. Raises ResultError, TrainingError."""
    for seed, setup in wanted:
        _carry_out(setup, seed, split, root)


def _carry_out(setup: Setup, seed: int, split: Split, root: Path) -> None:
    folder = folder_of(root, setup)
    title = f"{TASKS[setup.task].title}, {OBJECTIVES[setup.objective]}, seed {seed}"
    training = Training(setup, split.train, seed)
    with open_folder(folder):
        spent = train_on(training, setup.epochs, folder, [seed], facts_of(setup), title)
        test, validation = (
            examples and evaluate(training.net, setup, examples, training.scale)
            for examples in (split.test, split.validation)
        )
        assert test is not None
        if not math.isfinite(test.likelihood):
            raise TrainingError(f"{title}: NLL is {test.likelihood}; lower the learning rate")
        run = Run(setup, seed, test, validation, tuple(training.losses), spent)
        write_run(root, run)
        (folder / STATE).unlink(missing_ok=True)
    tell(f"{title}: NLL {told(test.likelihood)}, MAE {told(test.error, 3)}, {duration(spent)}")
