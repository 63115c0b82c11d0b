"""The folder of a run, and what lies there.

RUN/recipe.toml                         the resolved recipe, for people and for `ltr train`
RUN/states/newest.safetensors           what the run goes on from
RUN/states/best.safetensors             the same at its least validation loss
RUN/networks/epoch-0012.safetensors     networks that track, in half precision
RUN/log.jsonl, RUN/tensorboard/
RUN/pictures/step-00012000.png          samples and what the network makes of them
RUN/tracking/                           boxes, by `pytracking validate`
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ltr.checkpoints import find_network, printable, write_network
from ltr.errors import ConfigError, ResultError
from ltr.files import is_temporary, locked, make_folder, remove_stale, write_text
from ltr.models.tracker_net import stored_tensors
from ltr.progress import counted
from ltr.settings import as_dict, to_toml
from ltr.settings.difference import differences
from ltr.training.checkpoint import (
    Progress,
    StoredState,
    read_training_state,
    restore,
    write_training_state,
)
from ltr.training.learner import Learner
from ltr.training.log import LOG, Curves, Kind, append_line, read_log
from ltr.training.recipe import Recipe

RECIPE, STATES, NETWORKS, LOCK = "recipe.toml", "states", "networks", "lock"
PICTURES, TRACKING = "pictures", "tracking"
NEWEST, BEST = "newest.safetensors", "best.safetensors"
WAITING = 10
"""So many networks, the newest ones, are kept until somebody has tracked with them."""
FEW = 10
"""Sequences, below which the interval of their mean AUC is wider than what networks differ by."""
_OWN = {RECIPE, STATES, NETWORKS, LOCK, LOG, PICTURES, TRACKING, "tensorboard"}
_NETWORK = re.compile(r"epoch-(\d{4,9})\.safetensors")


def check_run(folder: Path, recipe: Recipe) -> StoredState | None:
    """The newest state of the run of a recipe in a folder, None where there is none. Raises
    ConfigError where the folder holds another run, or something else; CheckpointError for a damaged
    state."""
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if others := {name for name in there - _OWN if not is_temporary(name)}:
        raise ConfigError(
            f"{folder} holds {printable(min(others))!r}, which no training makes: give an empty or "
            "new folder as --run"
        )
    newest = folder / STATES / NEWEST
    state = read_training_state(newest) if newest.exists() else None
    if state is not None:
        _check_same(folder, state, recipe)
    return state


@contextlib.contextmanager
def open_run(folder: Path, recipe: Recipe, name: str) -> Iterator[Run]:
    """The run of a recipe in a folder, begun or gone on with; nobody else trains there meanwhile.
    Raises ConfigError where the folder holds another run, or something else, and then nothing was
    changed; CheckpointError for a damaged state, ResultError."""
    check_run(folder, recipe)
    for part in (folder, folder / STATES, folder / NETWORKS):
        make_folder(part)
    with locked(folder / LOCK, f"another process is training in {folder}: wait for its end"):
        for part in (folder, *(folder / name for name in (STATES, NETWORKS, PICTURES))):
            if part.is_dir():
                remove_stale(part)  # what kill -9 left in the middle of a file
        run = Run(folder, recipe, name, check_run(folder, recipe))
        try:
            yield run
        finally:
            run.curves.close()


class Run:
    """A folder that is locked, and how far its training is."""

    def __init__(self, folder: Path, recipe: Recipe, name: str, state: StoredState | None) -> None:
        self.folder, self.recipe, self.name = folder, recipe, name
        self.progress = state.progress if state else Progress(0)
        self.curves = Curves(folder)
        self._state = state

    def begin(self, learner: Learner) -> None:
        """Go on from the newest state; where there is none, `learner` as it is becomes it. Raises
        CheckpointError or ResultError."""
        if self._state is not None:
            restore(learner, self._state)
        else:
            start = self.recipe.start
            self.progress = replace(
                self.progress, licence=find_network(start).licence if start else ""
            )
            write_text(self.folder / RECIPE, to_toml(self.recipe), "recipe")
            self.save(learner)
        self.log("event", event="begin" if self._state is None else "resume")

    def save(self, learner: Learner) -> None:
        """Write the newest state. Raises ResultError, and then the former one stays."""
        self.progress = replace(self.progress, step=learner.step)
        self._write(NEWEST, learner)

    def validated(self, learner: Learner, losses: dict[str, float] | None) -> Path:
        """Write the network that the epoch ended with, note its mean losses, and remove networks
        that nobody needs. Raises ResultError or CheckpointError."""
        epoch = learner.step // self.recipe.steps
        path = self.folder / NETWORKS / f"epoch-{epoch:04d}.safetensors"
        state, config = stored_tensors(learner.mean), as_dict(self.recipe.network)
        write_network(path, state, config, self._card(epoch, learner.step))
        best = self.progress.best_loss
        loss = losses["total"] if losses is not None else math.nan
        better = math.isfinite(loss) and (best is None or loss < best)
        self.progress = replace(
            self.progress, step=learner.step, validated=epoch, best_loss=loss if better else best
        )
        if losses is not None:
            self.log("validation", losses=losses, network=path.name)
        if better:
            self._write(BEST, learner)
        self._write(NEWEST, learner)
        for other in _superfluous(self.folder):
            other.unlink(missing_ok=True)
        return path

    def log(self, kind: Kind, step: int | None = None, **values: Any) -> None:
        """A line of the log, with step (by default that of the newest state) and epoch, and a point
        of each curve. Raises ResultError."""
        step = self.progress.step if step is None else step
        place = {"step": step, "epoch": -(-step // self.recipe.steps)}
        append_line(self.folder, kind, {**place, **values})
        self.curves.add(kind, step, values)

    def _write(self, name: str, learner: Learner) -> None:
        path = self.folder / STATES / name
        write_training_state(path, learner, self.progress, as_dict(self.recipe))

    def _card(self, epoch: int, step: int) -> dict[str, Any]:
        digest = hashlib.sha256(json.dumps(as_dict(self.recipe), sort_keys=True).encode())
        return {
            "summary": f"{self.name}, epoch {epoch} of {self.recipe.epochs}",
            "preset": self.recipe.preset,
            "recipe": self.name,
            "recipe_sha256": digest.hexdigest(),
            "step": step,
            "epoch": epoch,
            "start": self.recipe.start,
            "licence": self.progress.licence,
        }


def networks_of(folder: Path) -> dict[int, Path]:
    """The networks of a run that are there, by epoch. Raises ResultError."""
    try:
        names = sorted(os.listdir(folder / NETWORKS))
    except OSError as error:
        raise ResultError(
            f"{folder} is no run of `ltr train`: {NETWORKS}: {error.strerror or error}"
        ) from None
    found = {name: _NETWORK.fullmatch(name) for name in names}
    return {int(m[1]): folder / NETWORKS / name for name, m in found.items() if m}


def best_network(folder: Path) -> Path | None:
    """The network of a run that tracks best: by the mean AUC of those `tracking` lines in its log
    that answer the largest question, or, as long as there are none, by validation loss; without
    either the newest; None where there is no network yet. Raises ResultError."""
    networks, lines = networks_of(folder), list(read_log(folder))
    for scores in (_scores(lines, "tracking"), _scores(lines, "validation")):
        if best := _best(networks, scores):
            return best
    return networks[max(networks)] if networks else None


def why_best(folder: Path) -> str:
    """By what `best_network` chose, and a warning where so few sequences cannot choose. Raises
    ResultError."""
    networks, lines = networks_of(folder), list(read_log(folder))
    if _best(networks, _scores(lines, "tracking")):
        count, _ = max(_question(line) for line in lines if line["kind"] == "tracking")
        few = f" (of fewer than {FEW} chance chooses)" if count < FEW else ""
        return f"by success AUC of {counted(count, 'sequence')}{few}"
    if _best(networks, _scores(lines, "validation")):
        return "by validation loss"
    return "the newest"


def _best(networks: Mapping[int, Path], scores: Mapping[int, float]) -> Path | None:
    """Of the networks that are there, that of the highest score, the later of equal ones."""
    present = [epoch for epoch in scores if epoch in networks]
    return networks[max(present, key=lambda epoch: (scores[epoch], epoch))] if present else None


def _scores(lines: list[dict[str, Any]], kind: str) -> dict[int, float]:
    """By epoch, from the last line of each: the larger the better."""
    scores = {}
    asked = [_question(line) for line in lines if line["kind"] == "tracking"]
    largest = max(reversed(asked), key=lambda question: question[0], default=None)
    for line in lines:
        if kind == "tracking" and _question(line) != largest:
            continue
        losses, epoch, score = line.get("losses"), line.get("epoch"), line.get("auc")
        if kind == "validation":
            total = losses.get("total") if isinstance(losses, dict) else None
            score = -total if isinstance(total, (int, float)) else None
        if line["kind"] != kind or not isinstance(epoch, int):
            continue
        if isinstance(score, (int, float)) and math.isfinite(score):
            scores[epoch] = float(score)
    return scores


def _question(line: dict[str, Any]) -> tuple[int, str]:
    """How many sequences a line of tracking is of, and all that its mean hangs on beside the
    network: means of different questions cannot be compared."""
    found = line.get("sequences")
    names = sorted(found) if isinstance(found, dict) else []
    others = [line.get(key) for key in ("seeds", "preset", "settings")]
    return len(names), json.dumps([names, *others])


def _superfluous(folder: Path) -> list[Path]:
    """Networks that are neither the newest, nor the best by any question that was asked, nor wait,
    the newest WAITING, to be tracked with."""
    networks, lines = networks_of(folder), list(read_log(folder))
    by_question: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for line in lines:
        if line["kind"] == "tracking":
            by_question.setdefault(_question(line), []).append(line)
    kept = {networks[max(networks)], best_network(folder)}
    tracked: set[int] = set()
    for own in by_question.values():
        scores = _scores(own, "tracking")
        tracked |= scores.keys()
        kept.add(_best(networks, scores))
    waiting = sorted(epoch for epoch in networks if epoch not in tracked)[-WAITING:]
    kept |= {networks[epoch] for epoch in waiting}
    return [path for path in networks.values() if path not in kept]


def _check_same(folder: Path, state: StoredState, recipe: Recipe) -> None:
    """Raises ConfigError where the state in a folder is of another recipe."""
    new = json.loads(json.dumps(as_dict(recipe)))
    changed = [
        f"{name} {before} -> {after}" for name, before, after in differences(state.recipe, new)
    ]
    if not changed:
        return
    another = [text for text in changed if text.startswith("network.")]
    what = "a network of another kind" if another else "another recipe"
    shown = printable(", ".join(another or changed))
    raise ConfigError(
        f"{folder} holds a training of {what}: {shown}; give the same recipe to go on with it, or "
        "another folder as --run"
    )
