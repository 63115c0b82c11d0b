"""Trainings that go on from a state: which states they go on from, and which they refuse."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from ltr.errors import ResultError
from ltr.regress.examples import Examples
from ltr.regress.training import Setup
from ltr.regress.training import Training as Regression
from ltr.seeds import STATE, Resumable, statistics, train_on
from ltr.signals import Termination
from ltr.toy.data import DataSet
from ltr.toy.methods import METHODS
from ltr.toy.randomness import Independent
from ltr.toy.training import Training as Toy

SETUP = Setup("cells", "mdn", True, "small", "none", 2, 4, 9, 0, 4)
FACTS = {"task": "cells", "samples": 4}


class Counted:
    """A training of numbers; the state is what it counted."""

    def __init__(self) -> None:
        self.losses: list[Any] = []

    def epoch(self) -> None:
        self.losses.append(float(len(self.losses)))

    def state(self) -> dict[str, Any]:
        return {"losses": list(self.losses)}

    def restore(self, state: dict[str, Any]) -> None:
        self.losses = [float(loss) for loss in state["losses"]]


@pytest.fixture(autouse=True)
def _saved_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltr.seeds.SAVE_SECONDS", -1.0)


def begun(folder: Path, seeds: list[int], epochs: int = 2) -> Path:
    train_on(Counted(), epochs, folder, seeds, FACTS, "numbers")
    return folder / STATE


def refusal(folder: Path, seeds: list[int], facts: dict[str, Any], epochs: int = 4) -> str:
    training = Counted()
    with pytest.raises(ResultError) as error:
        train_on(training, epochs, folder, seeds, facts, "numbers")
    assert len(training.losses) in (0, 2), "it was trained"
    assert (folder / STATE).exists()
    return str(error.value)


def test_going_on_from_a_state_of_the_same_facts(tmp_path: Path) -> None:
    begun(tmp_path, [0, 3])
    training, epochs = Counted(), []
    training.epoch = lambda: epochs.append(Counted.epoch(training))  # type: ignore[method-assign]
    train_on(training, 4, tmp_path, [0, 3], FACTS, "numbers")
    assert (len(epochs), training.losses) == (2, [0, 1, 2, 3])


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), Termination(signal.SIGTERM)])
@pytest.mark.parametrize("kind", ["toy", "regression"])
def test_a_signal_keeps_the_last_epoch(
    tmp_path: Path,
    kind: str,
    ending: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The half of an epoch that was begun is not in the state: the rest comes out as in one go."""
    monkeypatch.setattr("ltr.seeds.SAVE_SECONDS", 1e9)
    new, step, seeds = (toy, "step", [0, 1]) if kind == "toy" else (regression, "_step", [0])
    whole, interrupted, rest = new(), new(), new()
    own, calls = getattr(interrupted, step), []
    steps = 2 if kind == "toy" else 5  # of 1 an epoch, of 2 an epoch

    def ended(*values: Any) -> Any:
        calls.append(own(*values))
        if len(calls) > steps:
            raise ending
        return calls[-1]

    monkeypatch.setattr(interrupted, step, ended)
    with pytest.raises(type(ending)):
        train_on(interrupted, 4, tmp_path, seeds, FACTS, "numbers")
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == "numbers: the same command goes on after epoch 2 of 4"
    train_on(rest, 4, tmp_path, seeds, FACTS, "numbers")
    for _ in range(4):
        whole.epoch()
    assert [each.tolist() for each in tensors(rest)] == [each.tolist() for each in tensors(whole)]
    again = new()
    monkeypatch.delattr(type(again), "epoch")
    train_on(again, 4, tmp_path, seeds, FACTS, "numbers")  # as after a signal in evaluation
    assert [each.tolist() for each in tensors(again)] == [each.tolist() for each in tensors(rest)]


def tensors(training: Any) -> list[torch.Tensor]:
    held = training.weights if isinstance(training, Toy) else training.net.state_dict()
    return list(held.values())


@pytest.mark.usefixtures("signals_not_ignored")
def test_a_signal_in_the_first_epoch_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = Counted()
    training.epoch = lambda: signal.raise_signal(signal.SIGINT)  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        train_on(training, 4, tmp_path, [0], FACTS, "numbers")
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().err == ""


def test_a_state_of_other_facts(tmp_path: Path) -> None:
    path = begun(tmp_path, [0])
    assert refusal(tmp_path, [0], {**FACTS, "samples": 8}) == (
        f"{path} is of samples 4, not 8: give another --output, or delete it"
    )
    assert refusal(tmp_path, [0], {**FACTS, "batch": 8}) == (
        f"{path} is of batch None, not 8: give another --output, or delete it"
    )
    assert refusal(tmp_path, [0], FACTS, epochs=1) == (
        f"{path} is of epochs 2, not 1: give another --output, or delete it"
    )


@pytest.mark.parametrize(
    ("there", "asked", "line"),
    [
        ([0, 1, 2], [0, 1], "is of the seeds 0, 1, 2, not 0, 1: --seeds 3 goes on with it, or delete it"),
        ([3, 4], [3, 4, 5], "is of the seeds 3, 4, not 3, 4, 5: --seeds 5 goes on with it, or delete it"),
        ([1], [0], "is of the seeds 1, not 0: delete it"),
    ],
)  # fmt: skip
def test_a_state_of_other_seeds(
    tmp_path: Path, there: list[int], asked: list[int], line: str
) -> None:
    path = begun(tmp_path, there)
    assert refusal(tmp_path, asked, FACTS) == f"{path} {line}"


def regression() -> Regression:
    images = torch.arange(8, dtype=torch.uint8)[:, None, None, None].repeat(1, 1, 64, 64)
    return Regression(SETUP, Examples(images, torch.arange(8.0)[:, None]), 0)


def toy() -> Toy:
    x = torch.linspace(-1, 1, 8)
    return Toy(METHODS["nce"].setup("1", 4), DataSet("1", x, x), Independent([0, 1]))


def without(tree: Any, *path: str) -> None:
    for key in path[:-1]:
        tree = tree[key]
    del tree[path[-1]]


DAMAGE = {
    "no seconds": lambda s: without(s, "seconds"),
    "seconds as text": lambda s: s.update(seconds="long"),
    "seconds below 0": lambda s: s.update(seconds=-1.0),
    "no seeds": lambda s: s.update(seeds=[]),
    "seeds as a number": lambda s: s.update(seeds=3),
    "facts as text": lambda s: s.update(facts="cells"),
    "no training": lambda s: without(s, "training"),
    "a training that is a list": lambda s: s.update(training=[1]),
    "no losses": lambda s: without(s, "training", "losses"),
    "losses as text": lambda s: s["training"].update(losses=["low"]),
    "no moments": lambda s: without(s, "training", "optimizer"),
    "moments of other weights": lambda s: s["training"]["optimizer"]["state"].update({9999: {}}),
    "moments of other shapes": lambda s: s["training"]["optimizer"]["state"][0].update(
        exp_avg=torch.zeros(1)
    ),
}
DAMAGE_OF_TOY = {
    "no weights": lambda s: without(s, "training", "weights"),
    "weights that broadcast": lambda s: s["training"]["weights"].update(
        {"feature.fc1_x.weight": torch.zeros(1)}
    ),
    "no generators": lambda s: without(s, "training", "generators"),
    "too few generators": lambda s: s["training"]["generators"].pop(),
    "a generator as a number": lambda s: s["training"].update(generators=[1, 2]),
    "losses of one seed": lambda s: s["training"].update(losses=[torch.zeros(1)]),
    "a failure of no seed": lambda s: s["training"].update(failures={2: "why"}),
    "steps as text": lambda s: s["training"].update(steps="many"),
}
DAMAGE_OF_REGRESSION = {
    "no network": lambda s: without(s, "training", "net"),
    "weights that broadcast": lambda s: s["training"]["net"].update(
        {"mixture.logits.0.bias": torch.zeros(1)}
    ),
}


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        *((kind, name) for kind in ("toy", "regression") for name in DAMAGE),
        *(("toy", name) for name in DAMAGE_OF_TOY),
        *(("regression", name) for name in DAMAGE_OF_REGRESSION),
    ],
)
def test_a_damaged_state_is_one_line(tmp_path: Path, kind: str, damage: str) -> None:
    new, seeds = (toy, [0, 1]) if kind == "toy" else (regression, [0])

    def trained(epochs: int) -> None:
        training: Resumable = new()
        train_on(training, epochs, tmp_path, seeds, FACTS, "numbers")

    trained(1)
    path = tmp_path / STATE
    state = torch.load(path, weights_only=True)
    own = DAMAGE_OF_TOY if kind == "toy" else DAMAGE_OF_REGRESSION
    {**DAMAGE, **own}[damage](state)
    torch.save(state, path)
    with pytest.raises(ResultError) as error:
        trained(2)
    assert str(error.value) == f"cannot read state {path}: delete it, it is damaged"


def test_what_is_no_state(tmp_path: Path) -> None:
    path = tmp_path / STATE
    line = f"cannot read state {path}: delete it, it is damaged"
    for value in ([1, 2], 7, {}, "text"):
        torch.save(value, path)
        assert refusal(tmp_path, [0], FACTS) == line
    for content in (b"", b"no state", b"PK" + bytes(100)):
        path.write_bytes(content)
        assert refusal(tmp_path, [0], FACTS) == line
    path.unlink()
    path.mkdir()
    assert refusal(tmp_path, [0], FACTS) == line


def test_the_best_5_are_of_20() -> None:
    """Seeds that failed count as the worst; of more or fewer it would be another choice."""
    values = [float(seed) for seed in range(25)]
    assert statistics(values[:20])[3] == "2.0000 ± 1.4142"
    assert statistics(values[:19], 1)[3] == "2.0000 ± 1.4142"
    assert statistics(values[:5], 15)[3] == "2.0000 ± 1.4142"
    for finite, failed in ((19, 0), (21, 0), (20, 1), (4, 16), (1, 0)):
        assert statistics(values[:finite], failed)[3] == "–", (finite, failed)
    assert statistics([1.5, 9.74e23])[0::4] == ["4.9e+23", "1.5000 to 9.7e+23"]
    assert statistics([], 20) == ["–"] * 5
