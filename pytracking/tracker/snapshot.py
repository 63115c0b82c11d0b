"""Targets as they were after a frame, with what they were tracked by: what is kept, copied and gone
back to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from operator import attrgetter

import torch

from ltr.errors import ConfigError
from ltr.settings import describe
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.state import TrackerState, on_device


@dataclass(frozen=True)
class Snapshot:
    """A state that no step changes, and the engine that it belongs to."""

    state: TrackerState
    network: str
    """The fingerprint of the network."""
    preset: TrackerPreset
    seed: int

    def state_for(self, engine: TrackerEngine) -> TrackerState:
        """A copy of the state for `engine` to go on with, as if nothing had happened in between.
        Raises ConfigError where it is not the network, preset or seed that the targets were tracked
        by."""
        names = ", ".join(self.state.names[:5]) + (", ..." if len(self.state.names) > 5 else "")
        if self.network != engine.net.fingerprint:
            raise ConfigError(
                f"the state of {names} is of another network: load the tracker with the one that "
                "made it"
            )
        for old, new in zip(describe(self.preset), describe(engine.preset), strict=True):
            value = attrgetter(old.name)
            if value(self.preset) != value(engine.preset):  # a file has 0.0 where a preset has 0
                raise ConfigError(
                    f"the state of {names} is of another preset: {old.name} was {old.value}, here "
                    f"it is {new.value}"
                )
        if self.seed != engine.seed:
            raise ConfigError(
                f"the state of {names} is of seed {self.seed}, here it is {engine.seed}"
            )
        return on_device(self.state, engine.net.device)


def take_snapshot(state: TrackerState, engine: TrackerEngine) -> Snapshot:
    """A snapshot of targets that `engine` tracks."""
    return Snapshot(state.copy(), engine.net.fingerprint, engine.preset, engine.seed)


def shapes_of(engine: TrackerEngine, targets: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors of a state of `targets`, by name; those of the memory as
    memory.NAME."""
    kept, slots = engine.net.state_shapes(engine.preset.search.crop_side), engine.preset.memory.size
    own: dict[str, tuple[int, ...]] = {
        "centre_yx": (2,),
        "size_hw": (2,),
        "scale": (),
        "base_size_hw": (2,),
        "scale_limits": (2,),
        "filters": kept["filter"],
        "modulation": kept["modulation"],
        "refined_yx": (2,),
        "bias_yxhw": (4,),
        "offset_yxhw": (4,),
        "memory.samples": (slots, *kept["sample"]),
        "memory.maps": (slots, *kept["maps"]),
        "memory.weights": (slots,),
        "memory.count": (),
        "memory.previous": (),
    }
    return {name: (targets, *shape) for name, shape in own.items()}


def bytes_per_target(engine: TrackerEngine) -> int:
    """What the state of one target takes."""
    return 4 * sum(torch.Size(shape).numel() for shape in shapes_of(engine, 1).values())


def tensors_of(state: TrackerState) -> dict[str, torch.Tensor]:
    """The tensors of a state, by the names of `shapes_of`."""
    own = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    own |= {f"memory.{name}": tensor for name, tensor in vars(state.memory).items()}
    return {name: value for name, value in own.items() if isinstance(value, torch.Tensor)}
