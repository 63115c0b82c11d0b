"""Track sequences with the networks of a training, and tell its log how well that went."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from ltr.data.names import read_left_out
from ltr.errors import CheckpointError, ConfigError, DataError
from ltr.progress import counted, tell, with_progress
from ltr.settings import with_toml
from ltr.signals import ending_of
from ltr.training.log import append_line, read_log
from ltr.training.recipe import Recipe
from ltr.training.run import RECIPE, TRACKING, best_network, networks_of, why_best
from pytracking.apps.kept_boxes import kept_auc
from pytracking.apps.tracker_choice import TrackerChoice
from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.sequences.sequence import Sequence, chosen, find_sequences
from pytracking.tracker.engine import TrackerEngine

PAUSE = 10.0
"""Seconds until `watch` looks again for a network."""
VAL = "val"
"""The folder of sequences beside the training data."""


@dataclass(frozen=True)
class Question:
    """What is asked of each network."""

    sequences: list[Sequence]
    choice: TrackerChoice
    """All but network and seed."""
    seeds: int
    """The mean is over so many seeds of the tracker, from 0."""

    def engines(self, network: Path) -> list[TrackerEngine]:
        """A network's engine for each seed. Raises CheckpointError or ConfigError."""
        choices = (
            replace(self.choice, network=str(network), seed=seed) for seed in range(self.seeds)
        )
        return [choice.engine() for choice in choices]


def run_validate(run: Path, question: Question, watch: bool) -> int:
    """Track with every network of a run that is there, oldest first, or `watch` for those to come
    until that of the last epoch was tracked with. Boxes are kept in the run: what was tracked
    before costs nothing. Prints a line a network and writes one of kind `tracking` into the log
    where it says something new. Returns the exit status."""
    networks_of(run)  # refuses what is no run
    recipe = with_toml(Recipe(), run / RECIPE)
    try:
        for epoch, network, auc in _tracked(run, question, recipe.epochs if watch else 0):
            row = _row(network, epoch, recipe.steps, auc, question)
            if not _is_told(run, row):
                append_line(run, "tracking", row)
            print(_line(row), flush=True)
    except KeyboardInterrupt as error:
        status, word = ending_of(error)
        kept = "what was tracked is kept, and the same command goes on"
        print(f"pytracking: {word}; {kept}", file=sys.stderr)
        return status
    if (best := best_network(run)) is not None:
        tell(f"best network, {why_best(run)}: {best.name}")
    return 0


def sequences_of(
    run: Path, data: Path | None, folders: list[Path], names: list[str]
) -> list[Sequence]:
    """The sequences of `folders`; without any those of DATA/val and those of the recipe's videos
    that it leaves out of training. Of these the named ones, or all. Raises DataError, or
    ConfigError for a recipe that cannot be read."""
    found = [sequence for folder in folders for sequence in find_sequences(folder)]
    if not folders:
        networks_of(run)
        if data is None:
            raise ConfigError(
                "no data: give --data DIR, the folder of all data sets, or set LTR_DATA; or give "
                "folders of sequences as --sequences"
            )
        found = _default_sequences(with_toml(Recipe(), run / RECIPE), data)
        if not found:
            raise DataError(
                f"nothing to track: the recipe of {run} leaves no sequence out that is in {data}, "
                f"and there is no {data / VAL}; give folders of sequences as --sequences"
            )
    met: dict[str, Sequence] = {}
    for sequence in found:
        if (other := met.setdefault(sequence.name, sequence)) is not sequence:
            raise DataError(
                f"two sequences are named {sequence.name!r}, {other.frames.path} and "
                f"{sequence.frames.path}: rename one of them"
            )
    return chosen(found, names)


def _default_sequences(recipe: Recipe, data: Path) -> list[Sequence]:
    if not data.is_dir():
        raise DataError(
            f"{data} is no folder: give that of the training data as --data, or folders of "
            "sequences as --sequences"
        )
    found = find_sequences(data / VAL) if (data / VAL).is_dir() else []
    if recipe.data.left_out:
        left_out = read_left_out(data / recipe.data.left_out)
        # several parts of a mix may use the same videos
        folders = {
            data / part.path: None
            for part in recipe.data.mix
            if part.use == "video" and part.layout in ("videos", "folders")
        }
        found += [s for folder in folders for s in find_sequences(folder) if s.name in left_out]
    return found


def _tracked(
    run: Path, question: Question, last_epoch: int
) -> Iterator[tuple[int, Path, dict[str, float]]]:
    """Epoch, network and success AUC by sequence of the networks of a run, until that of
    `last_epoch` is among them."""
    done: set[int] = set()
    while True:
        networks = networks_of(run)
        for epoch in sorted(networks.keys() - done):
            network = networks[epoch]
            done.add(epoch)
            try:
                engines = question.engines(network)
            except CheckpointError:
                if network.exists():
                    raise
                continue  # the training removed it meanwhile
            yield epoch, network, _scores(engines, question.sequences, run / TRACKING)
        if max(networks, default=0) >= last_epoch:
            return
        time.sleep(PAUSE)


def _scores(
    engines: list[TrackerEngine], sequences: list[Sequence], folder: Path
) -> dict[str, float]:
    """Mean success AUC over engines, by sequence."""
    told = with_progress(sequences, len(sequences), "sequences")
    return {s.name: mean(kept_auc(engine, s, folder) for engine in engines) for s in told}


def _row(
    network: Path, epoch: int, steps: int, auc: Mapping[str, float], question: Question
) -> dict[str, Any]:
    """A line of the log, as JSON reads it again."""
    choice = question.choice
    settings = [*([str(choice.settings)] if choice.settings else []), *choice.assignments]
    return {
        "step": epoch * steps,
        "epoch": epoch,
        "network": network.name,
        "auc": mean(auc.values()),
        "interval": list(bootstrap_interval(np.array([*auc.values()]))),
        "sequences": dict(auc),
        "seeds": question.seeds,
        "preset": choice.preset,
        "settings": settings,
    }


def _is_told(run: Path, row: Mapping[str, Any]) -> bool:
    """Whether the last line of the network says the same."""
    told = [
        line
        for line in read_log(run)
        if line["kind"] == "tracking" and line.get("network") == row["network"]
    ]
    return bool(told) and row.items() <= told[-1].items()


def _line(row: Mapping[str, Any]) -> str:
    auc, (low, high) = row["sequences"], row["interval"]
    worst = min(auc, key=lambda name: auc[name])
    count = counted(len(auc), "sequence")
    interval = f"(95 % {low:.3f} to {high:.3f})  " if len(auc) > 1 else ""
    return (
        f"{row['network']}  step {row['step']}  success AUC {row['auc']:.3f}  {interval}over "
        f"{count}; worst {worst} {auc[worst]:.3f}"
    )
