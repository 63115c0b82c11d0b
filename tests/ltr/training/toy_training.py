"""A training of seconds: a small network on noise, by a loss that can be made to fail.

As a program it trains in the folder that its argument names, so that it can be killed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ltr.data.batch import Batch
from ltr.data.configuration import DataConfig
from ltr.draws import Draws
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.signals import termination
from ltr.training.material import Material
from ltr.training.recipe import CosineSchedule, ParameterGroup, Recipe
from ltr.training.trainer import train

CPU = torch.device("cpu")
TOY = Recipe(
    preset="imagenet_mobile",
    network=NetworkConfig(trunk="mobilenet_v2", channels=8, feature_blocks=1),
    start="",
    data=DataConfig(),
    batch=2,
    epochs=2,
    steps=4,
    groups=(
        ParameterGroup(
            parameters=("classifier.",), learning_rate=1e-2, weight_decay=0.1, share=0.75
        ),
    ),
    schedule=CosineSchedule(),
    averaging=0.9,
    clip_gradient=1.0,
    validation_samples=2,
)


class Noise(NamedTuple):
    numbers: Tensor
    names: tuple[str, ...]
    features: Tensor


class ToyLosses(NamedTuple):
    total: Tensor
    terms: dict[str, Tensor]


def noise(numbers: range) -> Noise:
    features = [
        torch.randn(96, 4, 4, generator=torch.Generator().manual_seed(number)) for number in numbers
    ]
    names = tuple(f"noise/{number}" for number in numbers)
    return Noise(torch.tensor(numbers), names, torch.stack(features))


def toy_losses(net: TrackerNet, batch: Noise, draws: Draws) -> ToyLosses:
    features = net.classifier_features(batch.features)
    jitter = 0.1 * draws.of("target").normal(*features.shape[1:])
    target = batch.features[:, :8].permute(0, 2, 3, 1) + jitter
    loss = (10 * features - target).square().mean()
    return ToyLosses(loss, {"square": loss, "half": loss / 2})


def toy_material(recipe: Recipe, losses: Any = toy_losses) -> Material:
    def training(_: TrackerNet, begin: int, end: int) -> Iterator[Noise]:
        for step in range(begin, end):
            yield noise(range(step * recipe.batch, (step + 1) * recipe.batch))

    def crops(_: Sequence[int]) -> Batch:
        raise AssertionError("noise is not looked at")

    def validation() -> Iterator[Noise]:
        return iter([noise(range(recipe.validation_samples))])

    return Material(training, validation, losses, crops, lambda: 0)


def train_toy(folder: Path, recipe: Recipe = TOY, losses: Any = toy_losses) -> Path | None:
    return train(recipe, folder, toy_material(recipe, losses), CPU, picture_minutes=0)


if __name__ == "__main__":  # FOLDER, and the step in which to wait for a line, 0: none
    at = int(sys.argv[2])

    def waiting(net: TrackerNet, batch: Noise, draws: Draws) -> ToyLosses:
        if at and net.training and int(batch.numbers[0]) == at * TOY.batch:
            print("here", flush=True)
            sys.stdin.readline()
        return toy_losses(net, batch, draws)

    torch.set_num_threads(1)
    with termination():
        train_toy(Path(sys.argv[1]), losses=waiting)
