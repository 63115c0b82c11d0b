"""What a run leaves: one JSON a seed, with its weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ltr.seeds import read_result, seed_file, seed_files, write_result
from ltr.settings import from_dict
from ltr.toy.methods import method_named
from ltr.toy.networks import Weights


@dataclass(frozen=True)
class Run:
    """A trained network of one seed."""

    data: str
    method: str
    samples: int
    """0 where their number does not matter."""
    epochs: int
    seed: int
    value: float | None
    """Divergence to the truth, on data set 3 negative log likelihood; None where training failed,
    or where it is not finite."""
    proposal_value: float | None
    """The same of the learned proposal."""
    losses: tuple[float | None, ...]
    """Mean of each epoch; None where it is not finite."""
    seconds: float
    """Of processor time in training, its share of that of all seeds."""
    weights: tuple[tuple[str, tuple[tuple[float, ...], ...]], ...]
    """Names and the rows of their matrices; of one that failed none."""
    failure: str | None = None
    """Why training stopped early."""

    @property
    def tensors(self) -> Weights:
        """Of one seed, (1, ...) each."""
        return {name: torch.tensor(values)[None] for name, values in self.weights}


def folder_of(root: Path, data: str, method: str, samples: int, epochs: int) -> Path:
    """Where the seeds of a method lie."""
    name = f"{method}-m{samples}" if samples else method
    return root / f"data{data}" / (name if epochs == 75 else f"{name}-e{epochs}")


def write_run(folder: Path, run: Run) -> None:
    """Raises ResultError."""
    values = {**asdict(run), "weights": dict(run.weights)}
    write_result(seed_file(folder, run.seed), values)


def read_runs(root: Path) -> list[Run]:
    """All below a folder, in the order of their names. Raises ResultError."""
    return [read_result(path, partial(_run, seed)) for seed, path in seed_files(root, "data*/*")]


def values_of(runs: Iterable[Run]) -> list[float]:
    """Those of the runs that did not fail."""
    return [run.value for run in runs if run.value is not None]


def done_seeds(folder: Path) -> set[int]:
    """Of a method's folder. Raises ResultError."""
    return {read_result(path, partial(_run, seed)).seed for seed, path in seed_files(folder)}


def _run(seed: int, values: dict[str, Any]) -> Run:
    """Raises ValueError, ConfigError and others where the values are not those of a run."""
    failed = values.get("failure") is not None
    weights = () if failed else tuple(values["weights"].items())
    run = from_dict(Run, {**values, "weights": weights}, "", {Run: {"failure": None}})
    if run.seed != seed:
        raise ValueError(f"it is of seed {run.seed}")
    method = method_named(run.method)
    if run.data not in method.data:
        raise ValueError(f"{run.method} is not for data set {run.data!r:.80}")
    expected = method.setup(run.data, run.samples).architecture.shapes()
    if not failed and {n: tuple(w.shape[1:]) for n, w in run.tensors.items()} != expected:
        raise ValueError(f"its weights are not those of {run.method}")
    return run
