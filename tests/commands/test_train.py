"""`ltr train`, `recipes`, `show` and `diff`, as a user meets them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file
from toy_recipe import TOY, steps_of

import ltr.training.learner as learner
from ltr.cli import main as ltr
from ltr.recipes import RECIPES
from ltr.settings import to_toml
from ltr.training.recipe import FeatureBank

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("bank", [None, FeatureBank(samples=2, uses=2)])
def test_train_and_go_on(
    words: list[str], tmp_path: Path, capsys: Capture, bank: FeatureBank | None
) -> None:
    (tmp_path / "toy.toml").write_text(to_toml(replace(TOY, bank=bank)))
    assert ltr(words) == 0
    network = tmp_path / "run" / "networks" / "epoch-0001.safetensors"
    assert capsys.readouterr().out == (
        f"{tmp_path / 'run'}: 1 epoch of 2 steps is done\n"
        f"  best network, the newest: {network}\n"
        f"  track with it: pytracking track VIDEO --box X,Y,W,H --net {network}\n"
    )
    assert steps_of(tmp_path / "run") == 2
    assert ltr(words) == 0  # there is nothing to do, and nothing is lost
    assert ltr(["inspect", str(network)]) == 0
    assert "toy, epoch 1 of 1" in capsys.readouterr().out
    assert ltr(["diff", str(tmp_path / "toy.toml"), str(tmp_path / "run" / "recipe.toml")]) == 0
    assert "say the same" in capsys.readouterr().out


@pytest.mark.parametrize("bank", [None, FeatureBank(samples=4, uses=2)])
def test_pictures_change_nothing(
    words: list[str], tmp_path: Path, bank: FeatureBank | None
) -> None:
    # the mean is the network itself, in training mode, which a sheet must leave so
    (tmp_path / "toy.toml").write_text(to_toml(replace(TOY, steps=3, averaging=0, bank=bank)))
    bits, drawn = {}, {}
    for minutes in ("0", "1e-9", "60"):
        folder = tmp_path / minutes
        assert ltr([*words[:5], str(folder), *words[6:], "--pictures", minutes]) == 0
        state = load_file(folder / "states" / "newest.safetensors")
        bits[minutes] = {key: hash(tensor.numpy().tobytes()) for key, tensor in state.items()}
        drawn[minutes] = sorted(path.name for path in folder.glob("pictures/*"))
    assert bits["1e-9"] == bits["0"]
    first, *rest = (f"step-{step:08d}.png" for step in (1, 2, 3))
    assert drawn == {"0": [], "1e-9": [first, *rest], "60": [first]}


def test_another_recipe_is_refused_before_data_are_read(
    words: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ltr(words) == 0
    read: list[object] = []
    monkeypatch.setattr("ltr.training.material.of_data", lambda *given: read.append(given))
    assert ltr([*words, "--steps", "3"]) == 2
    assert "holds a training of another recipe: steps 2 -> 3" in capsys.readouterr().err
    assert not read


def test_fields_are_options(words: list[str], tmp_path: Path, capsys: Capture) -> None:
    own = ["--steps", "3", "--groups.0.learning_rate=0.5", "--schedule.epochs", "2"]
    own += ["--data.workers", "0"]  # near to an option
    assert ltr([*words, *own]) == 0
    assert steps_of(tmp_path / "run") == 3
    assert ltr(words) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"ltr: {tmp_path / 'run'} holds a training of another recipe: steps 3 -> 2, "
        "groups.0.learning_rate 0.5 -> 0.001, schedule.epochs 2 -> 15; give the same recipe to go "
        "on with it, or another folder as --run"
    )
    assert ltr([*words, *own, "--network.channels", "16"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"ltr: {tmp_path / 'run'} holds a training of a network of another kind: network.channels "
        "8 -> 16; give the same recipe to go on with it, or another folder as --run"
    )


@pytest.mark.usefixtures("signals_not_ignored")
@pytest.mark.parametrize(
    ("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")]
)
def test_an_interrupt_says_how_to_go_on(
    words: list[str],
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    word: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(learner, "average", lambda *_: os.kill(os.getpid(), number))
        assert ltr([*words, "--averaging", "0.5", "--pictures", "0"]) == 128 + number
    line = capsys.readouterr().err.splitlines()[-1]
    begin = f"ltr: {word}; to go on: "
    assert line.startswith(begin)
    assert steps_of(tmp_path / "run") == 1
    again = shlex.split(line.removeprefix(begin))
    assert again[0] == "ltr"
    assert again[-2:] == ["--pictures", "0.0"]
    assert ltr(again[1:]) == 0
    assert steps_of(tmp_path / "run") == 2


def test_recipes_show_and_diff(capsys: Capture) -> None:
    assert ltr(["recipes"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed[: len(RECIPES)]] == list(RECIPES)
    assert ltr(["show", "dimp18"]) == 0
    shown = capsys.readouterr().out
    assert "data.crops.window " in shown
    assert '"published_2019"' in shown
    assert ltr(["show", "dimp18", "--toml"]) == 0
    assert capsys.readouterr().out == to_toml(RECIPES["dimp18"])
    assert ltr(["diff", "dimp18", "prdimp18"]) == 0
    assert "data.sampling.max_gap  30 -> 200\n" in capsys.readouterr().out
    assert ltr(["diff", "dimp18", "nce_plus"]) == 2
    assert capsys.readouterr().err == ("ltr: unknown recipe 'nce_plus': did you mean nce_plus18?\n")


@pytest.mark.slow
def test_training_needs_torch_numpy_opencv_and_safetensors_alone(
    words: list[str], tmp_path: Path
) -> None:
    program = f"""
import sys
for name in ("click", "rich", "tensorboard", "torchvision", "matplotlib", "av", "pandas"):
    sys.modules[name] = None  # which makes an import of it fail
from dataclasses import replace
from pathlib import Path
import torch
from ltr.settings import with_toml
from ltr.training.material import of_data
from ltr.training.recipe import FeatureBank, Recipe
from ltr.training.trainer import train
recipe, cpu = with_toml(Recipe(), Path({words[1]!r})), torch.device("cpu")
for name, bank in (("plain", None), ("bank", FeatureBank(samples=4))):
    recipe = replace(recipe, bank=bank)
    material = of_data(recipe, Path({words[3]!r}), cpu)
    print(train(recipe, Path({str(tmp_path)!r}, name), material, cpu).name)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["epoch-0001.safetensors"] * 2, done.stderr
