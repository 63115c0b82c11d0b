"""What a run leaves: one JSON a seed, with its weights."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ltr.errors import ResultError
from ltr.files import write_text
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
    value: float
    """Divergence to the truth, on data set 3 negative log likelihood; nan where training failed."""
    proposal_value: float | None
    """The same of the learned proposal."""
    losses: tuple[float, ...]
    """Mean of each epoch."""
    seconds: float
    """Of processor time in training, its share of that of all seeds."""
    weights: dict[str, Any]
    """By name, nested lists."""
    failure: str | None = None
    """Why training stopped early."""

    @property
    def tensors(self) -> Weights:
        """Of one seed, (1, ...) each."""
        return {name: torch.tensor(values)[None] for name, values in self.weights.items()}


def folder_of(root: Path, data: str, method: str, samples: int, epochs: int) -> Path:
    """Where the seeds of a method lie."""
    name = f"{method}-m{samples}" if samples else method
    return root / f"data{data}" / (name if epochs == 75 else f"{name}-e{epochs}")


def write_run(folder: Path, run: Run) -> None:
    """Raises ResultError."""
    text = json.dumps({name: _plain(value) for name, value in asdict(run).items()}) + "\n"
    write_text(folder / f"seed-{run.seed}.json", text, "result")


def read_runs(root: Path) -> list[Run]:
    """All below a folder, in the order of their names. Raises ResultError."""
    paths = sorted(root.glob("data*/*/seed-*.json"), key=lambda p: (str(p.parent), int(p.stem[5:])))
    return [_read(path) for path in paths]


def done_seeds(folder: Path) -> set[int]:
    """Of a method's folder. Raises ResultError."""
    return {_read(path).seed for path in folder.glob("seed-*.json")}


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read(path: Path) -> Run:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        values["value"] = math.nan if values["value"] is None else float(values["value"])
        return Run(**{**values, "losses": tuple(values["losses"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ResultError(f"cannot read result {path}: {reason}: delete it") from None
