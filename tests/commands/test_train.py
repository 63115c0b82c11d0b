"""`ltr train`, `recipes`, `show` and `diff`, as a user meets them."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from data_trees import write_coco
from safetensors.torch import load_file

import ltr.training.learner as learner
from ltr.cli import main as ltr
from ltr.data.configuration import Crops, DataConfig, Part, Sampling
from ltr.models.box.energy import EnergyHeadConfig
from ltr.models.tracker_net import NetworkConfig
from ltr.recipes import RECIPES
from ltr.settings import to_toml
from ltr.training.checkpoint import read_training_state
from ltr.training.recipe import EnergyLoss, FeatureBank, ParameterGroup, Recipe

Capture = pytest.CaptureFixture[str]
TOY = Recipe(
    preset="imagenet_mobile",
    network=NetworkConfig(
        trunk="mobilenet_v2",
        channels=8,
        box_head=EnergyHeadConfig(channels=(8, 8), hidden=(8, 8), reference=(8, 8)),
    ),
    start="",
    data=DataConfig(
        mix=(Part(name="photographs", layout="coco", path="photographs", use="motion"),),
        sampling=Sampling(train_frames=1, test_frames=1),
        crops=Crops(side=64),
    ),
    box=EnergyLoss(boxes=4),
    iterations=1,
    batch=2,
    epochs=1,
    steps=2,
    groups=(ParameterGroup(parameters=("classifier.", "bb_regressor.")),),
)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A training of two steps."""
    write_coco(tmp_path / "data" / "photographs")
    (tmp_path / "toy.toml").write_text(to_toml(TOY))
    data, run = str(tmp_path / "data"), str(tmp_path / "run")
    return ["train", str(tmp_path / "toy.toml"), "--data", data, "--run", run, "--device", "cpu"]


def steps_of(folder: Path) -> int:
    return read_training_state(folder / "states" / "newest.safetensors").progress.step


@pytest.mark.parametrize("bank", [None, FeatureBank(samples=2, uses=2)])
def test_train_and_go_on(
    words: list[str], tmp_path: Path, capsys: Capture, bank: FeatureBank | None
) -> None:
    (tmp_path / "toy.toml").write_text(to_toml(replace(TOY, bank=bank)))
    assert ltr(words) == 0
    network = tmp_path / "run" / "networks" / "epoch-0001.safetensors"
    assert capsys.readouterr().out == (
        f"{tmp_path / 'run'}: 1 epochs of 2 steps are done\n"
        f"  best network: {network}\n"
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


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--bach", "3"], "ltr: unknown setting 'bach' (in --bach 3): did you mean batch?"),
        (
            ["--box.objectiv", "nce"],
            "ltr: unknown setting 'box.objectiv' (in --box.objectiv nce): did you mean box.objective?",
        ),
        (
            ["--batch", "many"],
            "ltr: setting 'batch' takes a whole number, not 'many' (in --batch many)",
        ),
        (["--batch"], "ltr train: option --batch needs a value (see ltr train --help)"),
        (
            ["--devise", "cpu"],
            "ltr train: unknown option '--devise': did you mean --device? (see ltr train --help)",
        ),
        (["dimp18"], "ltr train: one recipe at a time, not {0} and dimp18 (see ltr train --help)"),
    ],
)
def test_bad_options(
    words: list[str], tmp_path: Path, capsys: Capture, more: list[str], line: str
) -> None:
    assert ltr([*words, *more]) == 2
    assert capsys.readouterr().err == line.format(tmp_path / "toy.toml") + "\n"
    assert not (tmp_path / "run").exists()


def test_bad_recipes_and_data(
    words: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LTR_DATA", raising=False)
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    toy = words[1]
    for arguments, line in (
        ([], "ltr train: missing argument RECIPE: `ltr recipes` lists them (see ltr train --help)"),
        (["dimp81"], "ltr: unknown recipe 'dimp81': did you mean dimp18?"),
        ([toy], "ltr: no data: give --data DIR, the folder of all data sets, or set LTR_DATA"),
        (
            [toy, "--data", str(tmp_path / "file")],
            f"ltr: data {tmp_path / 'file'} is no folder: give the folder of all data sets as --data",
        ),
        (
            [toy, "--data", str(tmp_path / "empty")],
            f"ltr: {tmp_path / 'empty' / 'photographs'} is not there: give part 'photographs' of the data the path of its folder",
        ),
    ):
        assert ltr(["train", *arguments, *(["--run", words[5]] if arguments else [])]) == 2
        assert capsys.readouterr().err == line + "\n"
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("LTR_DATA", words[3])
    assert ltr(["train", toy, "--run", words[5]]) == 0


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
        assert ltr([*words, "--averaging", "0.5"]) == 128 + number
    line = capsys.readouterr().err.splitlines()[-1]
    begin = f"ltr: {word}; to go on: "
    assert line.startswith(begin)
    assert steps_of(tmp_path / "run") == 1
    again = shlex.split(line.removeprefix(begin))
    assert again[0] == "ltr"
    assert ltr(again[1:]) == 0
    assert steps_of(tmp_path / "run") == 2


def test_a_full_disk_is_one_line(
    words: list[str], tmp_path: Path, capsys: Capture, file_size_limit: Callable[[int], None]
) -> None:
    assert ltr(words) == 0
    capsys.readouterr()
    file_size_limit(100_000)
    other = str(tmp_path / "other")
    assert ltr([*words[:5], other, *words[6:]]) == 1
    state = Path(other) / "states" / "newest.safetensors"
    assert capsys.readouterr().err == f"ltr: cannot write training state {state}: File too large\n"


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


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"network": replace(TOY.network, box_head=None)},
            "box is an objective for a box head, but network.box_head is none: set one of them",
        ),
        (
            {"classifier": None, "box": None},
            "the recipe minimises nothing: set classifier or box, with a weight",
        ),
        (
            {"bank": FeatureBank(samples=1)},
            "bank.samples is 1, but a step uses 2 different ones: give bank.samples at least 2",
        ),
        (
            {"data": replace(TOY.data, resident=True, workers=1)},
            "data.resident keeps all frames in one process: set data.workers to 0, or turn it off",
        ),
        (
            {"groups": (ParameterGroup(parameters=("clasifier.",)),)},
            "groups.0.parameters: the network has none whose names begin with 'clasifier.': did you "
            "mean classifier.?",
        ),
        (
            {"start": "imagenet18"},
            "start: tensor 'feature_extractor.conv1.weight' of network imagenet18 has shape [64, 3, "
            "7, 7], the recipe's network none: take other start_parts",
        ),
    ],
)
def test_recipes_that_are_refused_leave_nothing(
    words: list[str], tmp_path: Path, capsys: Capture, changes: dict[str, Any], line: str
) -> None:
    (tmp_path / "toy.toml").write_text(to_toml(replace(TOY, **changes)))
    assert ltr(words) == 2
    assert capsys.readouterr().err == f"ltr: {line}\n"
    assert not (tmp_path / "run").exists()


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
