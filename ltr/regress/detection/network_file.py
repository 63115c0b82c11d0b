"""A box energy in a file: safetensors with its configuration. Reading executes nothing and refuses
what does not fit exactly."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ltr.checkpoints import (
    BOX_ENERGY,
    check_shapes,
    find_network,
    finite_float32,
    printable,
    read_table,
    sha256_of,
)
from ltr.errors import CheckpointError, ConfigError
from ltr.files import write_bytes
from ltr.models.tracker_net import TrackerNet
from ltr.networks import load_network
from ltr.paths import utf8_name
from ltr.regress.detection.examples import Classes
from ltr.regress.detection.head import BoxEnergy, BoxEnergyConfig
from ltr.settings import as_dict, from_dict

_WHAT = "box energy"


@dataclass(frozen=True)
class TrunkSource:
    """The network whose trunk makes the features: it is not in the file."""

    name: str
    """Or path, as it was given."""
    sha256: str


@dataclass(frozen=True, eq=False)
class Refiner:
    """All that boxes are refined with."""

    head: BoxEnergy
    trunk: TrunkSource
    classes: Classes
    step: tuple[float, float]
    """Of the ascent, (centre, log size)."""
    objective: str


def trunk_source(name: str) -> TrunkSource:
    """Raises CheckpointError, or ConfigError for an unknown name."""
    return TrunkSource(name, sha256_of(find_network(name).path))


def write_refiner(path: Path, refiner: Refiner) -> None:
    """Whole or not at all. Raises CheckpointError."""
    from safetensors.torch import save

    facts = {
        "config": as_dict(refiner.head.config),
        "trunk": {"name": refiner.trunk.name, "sha256": refiner.trunk.sha256},
        "classes": {
            "names": list(refiner.classes.names),
            "of_category": [[c, n] for c, n in sorted(refiner.classes.of_category.items())],
        },
        "refinement": {"step": list(refiner.step), "objective": refiner.objective},
    }
    tensors = {name: t.detach().contiguous() for name, t in refiner.head.state_dict().items()}
    metadata = {"format": BOX_ENERGY, **{key: json.dumps(value) for key, value in facts.items()}}
    write_bytes(path, save(tensors, metadata=metadata), _WHAT, CheckpointError)


def read_refiner(path: Path) -> Refiner:
    """Raises CheckpointError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    keys = {"format", "config", "trunk", "classes", "refinement"}
    table = read_table(path, _WHAT, BOX_ENERGY, keys, {"F32"})
    try:
        config = from_dict(BoxEnergyConfig, table.texts["config"], "")
    except ConfigError as error:
        raise CheckpointError(
            f"{_WHAT} {path} has a configuration that cannot be built: {error}"
        ) from None
    classes, trunk, step, objective = _facts(path, table.texts, config)
    with torch.device("meta"):
        head = BoxEnergy(config)
    expected = {name: tensor.shape for name, tensor in head.state_dict().items()}
    check_shapes(path, table.shapes, expected, what=_WHAT)
    try:
        with utf8_name(path) as name:
            state = load_file(name)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{_WHAT} {path} is damaged: {printable(error)}") from None
    head.load_state_dict(finite_float32(path, state), assign=True)
    return Refiner(head.eval().requires_grad_(False), trunk, classes, step, objective)


def load_trunk(refiner: Refiner) -> TrackerNet:
    """The network whose trunk the energy was trained upon. Raises CheckpointError where it is
    another one, or ConfigError where it is not known."""
    if trunk_source(refiner.trunk.name) != refiner.trunk:
        raise CheckpointError(
            f"network {refiner.trunk.name} is not the one that this box energy was trained upon: "
            "train it again"
        )
    return load_network(refiner.trunk.name)


def _facts(
    path: Path, texts: dict[str, Any], config: BoxEnergyConfig
) -> tuple[Classes, TrunkSource, tuple[float, float], str]:
    try:
        of_category = {int(c): int(n) for c, n in texts["classes"]["of_category"]}
        names = tuple(str(name) for name in texts["classes"]["names"])
        trunk = TrunkSource(str(texts["trunk"]["name"]), str(texts["trunk"]["sha256"]))
        centre, size = (float(length) for length in texts["refinement"]["step"])
        objective = str(texts["refinement"]["objective"])
    except (TypeError, ValueError, KeyError):
        raise CheckpointError(f"{_WHAT} {path} is damaged: its metadata does not fit") from None
    within = all(0 <= number < config.classes for number in of_category.values())
    if not within or len(names) != config.classes or not (0 < centre < 10 and 0 < size < 10):
        raise CheckpointError(f"{_WHAT} {path} is damaged: its metadata does not fit")
    return Classes(of_category, names), trunk, (centre, size), objective
