"""What a training leaves: one JSON a seed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ltr.errors import suggestion
from ltr.regress.metric import Quality
from ltr.regress.tasks import TASKS
from ltr.regress.training import Setup, facts_of
from ltr.seeds import check_same, read_result, seed_file, seed_files, write_result
from ltr.settings import from_dict


@dataclass(frozen=True)
class Run:
    """A trained network of one seed."""

    setup: Setup
    seed: int
    test: Quality
    validation: Quality | None
    losses: tuple[float, ...]
    """Mean of each epoch."""
    seconds: float
    """Of processor time in training."""


def folder_of(root: Path, setup: Setup) -> Path:
    """Where the seeds of a setup lie: one of another number of components lies elsewhere."""
    name: str = setup.objective
    name += f"-k{setup.components}" if setup.objective != "nce" else ""
    return root / setup.task / name


def path_of(root: Path, setup: Setup, seed: int) -> Path:
    return seed_file(folder_of(root, setup), seed)


def write_run(root: Path, run: Run) -> None:
    """Raises ResultError."""
    write_result(path_of(root, run.setup, run.seed), asdict(run))


def read_runs(root: Path) -> list[Run]:
    """All below a folder, task by task. Raises ResultError."""
    files = (pair for task in TASKS for pair in seed_files(root, f"{task}/*"))
    return [read_result(path, partial(_run, seed)) for seed, path in files]


def check_settings(root: Path, setup: Setup) -> None:
    """Raises ResultError where seeds of the same objective lie there that differ in a setting which
    it uses."""
    for seed, path in seed_files(folder_of(root, setup)):
        check_same(path, facts_of(read_result(path, partial(_run, seed)).setup), facts_of(setup))


def _run(seed: int, values: dict[str, Any]) -> Run:
    """Raises ValueError, ConfigError and others where the values are not those of a run."""
    run = from_dict(Run, values, "", {Setup: {"data": ""}})
    if run.seed != seed:
        raise ValueError(f"it is of seed {run.seed}")
    if run.setup.task not in TASKS:
        raise ValueError(
            f"unknown task {run.setup.task!r:.80}: {suggestion(run.setup.task, TASKS)}"
        )
    return run
