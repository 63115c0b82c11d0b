"""A recipe of seconds, on photographs of `data_trees.write_coco`."""

from __future__ import annotations

from pathlib import Path

from ltr.data.configuration import Crops, DataConfig, Part, Sampling
from ltr.models.box.energy import EnergyHeadConfig
from ltr.models.tracker_net import NetworkConfig
from ltr.training.checkpoint import read_training_state
from ltr.training.recipe import EnergyLoss, ParameterGroup, Recipe

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


def steps_of(folder: Path) -> int:
    """How many steps the newest state of a run has."""
    return read_training_state(folder / "states" / "newest.safetensors").progress.step
