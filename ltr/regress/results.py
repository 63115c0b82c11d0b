"""What a training leaves: one JSON a seed."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from ltr.errors import ResultError
from ltr.files import write_text
from ltr.regress.metric import Quality
from ltr.regress.training import Setup, facts_of
from ltr.seeds import check_same


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
    return folder_of(root, setup) / f"seed-{seed}.json"


def write_run(root: Path, run: Run) -> None:
    """Raises ResultError."""
    text = json.dumps(asdict(run), allow_nan=True) + "\n"
    write_text(path_of(root, run.setup, run.seed), text, "result")


def read_runs(root: Path) -> list[Run]:
    """All below a folder, in the order of their names. Raises ResultError."""
    paths = root.glob("*/*/seed-*.json")
    return [
        _read(path) for path in sorted(paths, key=lambda p: (str(p.parent), p.stem[5:].zfill(9)))
    ]


def check_settings(root: Path, setup: Setup) -> None:
    """Raises ResultError where seeds of the same objective lie there that differ in a setting which
    it uses."""
    for path in sorted(folder_of(root, setup).glob("seed-*.json")):
        check_same(path, facts_of(_read(path).setup), facts_of(setup))


def _read(path: Path) -> Run:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        validation = values["validation"]
        run = Run(
            setup=Setup(**values["setup"]),
            seed=int(values["seed"]),
            test=Quality(**values["test"]),
            validation=None if validation is None else Quality(**validation),
            losses=tuple(values["losses"]),
            seconds=float(values["seconds"]),
        )
        math.fsum([run.test.likelihood, run.test.error])  # numbers
        return run
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ResultError(f"cannot read result {path}: {reason}: delete it") from None
