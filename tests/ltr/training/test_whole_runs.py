"""Trainings on pictures, with all that ours use: clips, photographs in motion, pasted things, a bank, a mean and
shares."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from data_trees import write_coco, write_objects, write_videos
from safetensors.torch import load_file
from torch import Tensor
from toy_recipe import TOY, steps_of

from ltr.data.configuration import Part
from ltr.draws import Draws
from ltr.models.tracker_net import TrackerNet
from ltr.settings import to_toml
from ltr.training.losses import Losses
from ltr.training.material import of_data
from ltr.training.recipe import FeatureBank, Recipe
from ltr.training.taps import TapsBatch
from ltr.training.trainer import train

RECIPE = replace(
    TOY,
    data=replace(
        TOY.data,
        sampling=replace(TOY.data.sampling, min_visible=2, min_frames=3),
        mix=(
            Part(name="clips", layout="videos", path="clips", use="video"),
            Part(name="photographs", layout="coco", path="photographs", use="motion"),
            Part(name="objects", layout="objects", path="objects", use="motion"),
            Part(name="composites", layout="objects", path="objects", use="composite"),
        ),
    ),
    network=replace(TOY.network, feature_blocks=1, feature_block="signed"),
    groups=(
        replace(TOY.groups[0], parameters=("classifier.",), share=0.5),
        replace(TOY.groups[0], parameters=("bb_regressor.",)),
    ),
    averaging=0.9,
    bank=FeatureBank(samples=8, uses=2),
    epochs=2,
    steps=40,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_videos(tmp_path / "data" / "clips")
    write_coco(tmp_path / "data" / "photographs")
    write_objects(tmp_path / "data" / "objects")
    return tmp_path / "data"


@pytest.mark.slow
def test_killed_in_the_second_epoch_and_resumed_is_bit_equal(data: Path, tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_text(to_toml(RECIPE))
    command = [
        sys.executable,
        "-m",
        "ltr",
        "train",
        str(tmp_path / "toy.toml"),
        "--data",
        str(data),
    ]
    command += ["--device", "cpu", "--pictures", "0", "--save-minutes", "1e-6"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    subprocess.run([*command, "--run", whole], check=True, capture_output=True, env=environment)
    process = subprocess.Popen([*command, "--run", killed], env=environment)
    newest = killed / "states" / "newest.safetensors"
    while not newest.exists() or steps_of(killed) <= RECIPE.steps + 5:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert RECIPE.steps < steps_of(killed) < 2 * RECIPE.steps
    subprocess.run([*command, "--run", killed], check=True, capture_output=True, env=environment)
    states = [load_file(run / "states" / "newest.safetensors") for run in (killed, whole)]
    assert states[0].keys() == states[1].keys()
    assert [key for key, tensor in states[0].items() if not same_bits(tensor, states[1][key])] == []
    assert any(key.startswith("begun/classifier.") for key in states[0])


def same_bits(one: Tensor, other: Tensor) -> bool:
    return one.numpy().tobytes() == other.numpy().tobytes()


@pytest.mark.slow
def test_memory_does_not_grow_over_two_thousand_steps(data: Path, tmp_path: Path) -> None:
    """Resident pages after 500 steps, when every allocation has been made once, and after 2,000."""
    recipe: Recipe = replace(RECIPE, epochs=20, steps=100)
    material = of_data(recipe, data, torch.device("cpu"))
    pages: list[int] = []

    def watched(net: TrackerNet, batch: TapsBatch, draws: Draws) -> Losses:
        if net.training:
            pages.append(int(Path("/proc/self/statm").read_text().split()[1]))
        return material.losses(net, batch, draws)  # type: ignore[return-value]

    train(recipe, tmp_path / "run", material._replace(losses=watched), torch.device("cpu"), 5, 1)
    assert len(pages) == 2000
    assert (pages[1999] - pages[500]) * os.sysconf("SC_PAGE_SIZE") < 16e6
