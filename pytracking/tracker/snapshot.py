"""Targets as they were after a frame, with what they were tracked by: what is kept, copied and gone
back to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from operator import attrgetter

import torch

from ltr.errors import ConfigError
from ltr.models.stride import STRIDE
from ltr.settings import describe
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.state import TrackerState, moved


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
        return moved(self.state, engine.net.device)


def take_snapshot(state: TrackerState, engine: TrackerEngine) -> Snapshot:
    """A snapshot of targets that `engine` tracks."""
    return Snapshot(state.copy(), engine.net.fingerprint, engine.preset, engine.seed)


def shapes_of(engine: TrackerEngine, targets: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors of a state of `targets`, by name; those of the memory as
    memory.NAME."""
    config, cells = engine.net.config, engine.preset.search.crop_side // STRIDE
    channels, filter_size, slots = config.channels, config.filter_size, engine.preset.memory.size
    maps = engine.net.sample_maps(torch.zeros(1, 2, device=engine.net.device), (1, 1)).shape[1]
    side = cells + 1 - filter_size % 2
    own: dict[str, tuple[int, ...]] = {
        "centre_yx": (2,),
        "size_hw": (2,),
        "scale": (),
        "base_size_hw": (2,),
        "scale_limits": (2,),
        "filters": (channels, filter_size, filter_size),
        "modulation": (0 if engine.net.box_head is None else engine.net.box_head.modulation_size,),
        "refined_yx": (2,),
        "memory.samples": (slots, cells, cells, channels),
        "memory.maps": (slots, maps, side, side),
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
    own = {
        f.name: getattr(state, f.name)
        for f in dataclasses.fields(state)
        if f.name not in ("names", "frame", "memory")
    }
    return {
        **own,
        **{
            f"memory.{f.name}": getattr(state.memory, f.name)
            for f in dataclasses.fields(state.memory)
        },
    }
