"""States of trainings: whole, or refused in one line without running or changing anything."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save
from toy_training import CPU, TOY, toy_losses, toy_material

from ltr.checkpoints import TRAINING
from ltr.errors import CheckpointError
from ltr.settings import as_dict
from ltr.training.checkpoint import (
    Progress,
    read_training_state,
    restore,
    write_training_state,
)
from ltr.training.learner import Learner
from ltr.training.recipe import Recipe
from ltr.training.start import first_network


def learner_of(recipe: Recipe, steps: int = 0) -> Learner:
    learner = Learner(recipe, first_network(recipe), CPU)
    for batch in toy_material(recipe).training(learner.net, 0, steps):
        learner.learn(batch, toy_losses)
    return learner


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("states") / "state.safetensors"
    write_training_state(path, learner_of(TOY, 2), Progress(2, 0, 0.5), as_dict(TOY))
    return path


def rewritten(
    state: Path, path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]
) -> Path:
    """The same file with its tensors and facts changed."""
    tensors: dict[str, Any] = load_file(state)
    header = json.loads(state.read_bytes()[8:][: int.from_bytes(state.read_bytes()[:8], "little")])
    facts = header["__metadata__"]
    change(tensors, facts)
    path.write_bytes(save(tensors, metadata=facts))
    return path


def test_a_state_brings_back_everything(state: Path) -> None:
    stored = read_training_state(state)
    assert stored.progress == Progress(2, 0, 0.5)
    assert stored.recipe == json.loads(json.dumps(as_dict(TOY)))
    whole, resumed = learner_of(TOY, 2), learner_of(TOY)
    restore(resumed, stored)
    for learner in (whole, resumed):
        for batch in toy_material(TOY).training(learner.net, 2, 4):
            learner.learn(batch, toy_losses)
    for ours, theirs in zip(
        whole.net.state_dict().values(), resumed.net.state_dict().values(), strict=True
    ):
        assert ours.equal(theirs)
    assert resumed.step == 4


def test_the_scaler_of_float16_is_kept(tmp_path: Path) -> None:
    recipe = replace(TOY, precision="float16")
    learner, path = learner_of(recipe), tmp_path / "state.safetensors"
    learner.scaler.scale(torch.ones(()))  # which makes its state
    learner.scaler.update(1024.0)
    write_training_state(path, learner, Progress(0), as_dict(recipe))
    resumed = learner_of(recipe)
    restore(resumed, read_training_state(path))
    assert resumed.scaler.get_scale() == 1024


def test_of_another_network(state: Path) -> None:
    other = replace(TOY, network=replace(TOY.network, channels=16))
    with pytest.raises(CheckpointError) as error:
        restore(learner_of(other), read_training_state(state))
    assert str(error.value) == (
        f"training state {state}: tensor 'net/classifier.feature_extractor.1.weight' has shape "
        "[8, 96, 1, 1], not [16, 96, 1, 1]"
    )


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was run",))


def test_hostile_bytes_are_refused(state: Path, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    for data, line in (
        (pickle.dumps(Bomb()), "is damaged: its header claims"),
        (
            (2**62).to_bytes(8, "little") + b"{}",
            "is damaged: its header claims 4611686018427387904 bytes",
        ),
        (state.read_bytes()[:-4], "is damaged: it has"),
        ((10000).to_bytes(8, "little") + b"[" * 10000, "is damaged: its header is not valid"),
        (save({"a": torch.zeros(1)}, metadata={"format": "x"}), f"is not of the format {TRAINING}"),
        (b"", "is damaged: its header claims 0 bytes"),
    ):
        path.write_bytes(data)
        with pytest.raises(CheckpointError) as error:
            read_training_state(path)
        assert line in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("progress", {"step": -1}),
        ("progress", {"step": 1e3}),
        ("progress", {"step": True}),
        ("progress", {"step": 2**60}),
        ("progress", {"step": 1, "best_loss": "0"}),
        ("progress", {"step": 1, "evil": 1}),
        ("progress", [1]),
        ("scaler", [1]),
        ("scaler", {"scale": "1"}),
        ("recipe", []),
    ],
)
def test_hostile_facts_are_refused(state: Path, tmp_path: Path, key: str, value: Any) -> None:
    path = rewritten(
        state, tmp_path / "s.safetensors", lambda _, facts: facts.update({key: json.dumps(value)})
    )
    with pytest.raises(CheckpointError) as error:
        read_training_state(path)
    assert str(error.value) == f"training state {path} is damaged: its metadata does not fit"


def test_hostile_tensors_are_refused(state: Path, tmp_path: Path) -> None:
    last = "classifier.feature_extractor.1.weight"
    for change, line in (
        (lambda t: t.pop(f"first/{last}"), "lacks tensor 'first/"),
        (lambda t: t.update({"evil": torch.zeros(1)}), "has the unknown tensor 'evil'"),
        (lambda t: t.update({f"count/{last}": torch.zeros(2)}), "has shape [2], not []"),
        (lambda t: t[f"mean/{last}"].fill_(torch.nan), "holds numbers that are not finite"),
    ):
        path = rewritten(state, tmp_path / "s.safetensors", lambda t, _, c=change: c(t))
        with pytest.raises(CheckpointError) as error:
            restore(learner_of(TOY), read_training_state(path))
        assert line in str(error.value)
    path = rewritten(state, path, lambda t, _: t.update({"evil": torch.zeros(1).bool()}))
    with pytest.raises(CheckpointError, match="holds tensors of type BOOL"):
        read_training_state(path)
