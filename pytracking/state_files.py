"""Snapshots in files: safetensors, whose metadata names the network, the preset and the seed.
Reading executes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from ltr.errors import ConfigError, ResultError, TrackingError
from ltr.files import write_bytes
from ltr.geometry import LARGEST_OFFSET
from ltr.paths import as_path, open_regular, utf8_name
from ltr.settings import as_dict, from_dict
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.snapshot import Snapshot, shapes_of, tensors_of
from pytracking.tracker.state import SampleMemory, TrackerState

FORMAT = "pytracking.state.3"
WHOLE = ("memory.count", "memory.previous")
"""Tensors of whole numbers."""
_PLACE, _SIZE, _VALUE = (-1e6, 1e6), (1e-4, 1e6), (-30.0, 30.0)
LIMITS = {
    "centre_yx": _PLACE,
    "refined_yx": _PLACE,
    "size_hw": _SIZE,
    "scale": _SIZE,
    "scale_limits": _SIZE,
    "base_size_hw": (1e-2, 1e6),
    "bias_yxhw": (-LARGEST_OFFSET, LARGEST_OFFSET),
    "offset_yxhw": (-LARGEST_OFFSET, LARGEST_OFFSET),
    "filters": _VALUE,
    "memory.samples": _VALUE,
    "memory.maps": _VALUE,
    "memory.weights": (0, 2),
    "modulation": (-1e5, 1e5),
}
"""Between which the numbers of a state lie: far beyond what a video gives, and such that a step
from any of them is finite. Places and sizes are pixels."""
LEAST_WEIGHT = 0.1
"""Of all samples of a target together; it is about 1."""
_DAMAGE = (
    ValueError,
    OverflowError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
    ConfigError,
)
"""What reading metadata that somebody made up may raise."""


def write_snapshot(path: str | os.PathLike[str], snapshot: Snapshot) -> None:
    """Write a snapshot, whole or not at all. Raises ResultError."""
    from safetensors.torch import save

    facts = {
        "network": snapshot.network,
        "preset": as_dict(snapshot.preset),
        "seed": snapshot.seed,
        "names": snapshot.state.names,
        "frame_number": snapshot.state.frame_number,
        "frames_lost": snapshot.state.frames_lost,
    }
    tensors = {
        name: tensor.cpu().contiguous() for name, tensor in tensors_of(snapshot.state).items()
    }
    metadata = {"format": FORMAT, "facts": json.dumps(facts)}
    write_bytes(as_path(path, "state", ResultError), save(tensors, metadata=metadata), "state")


def read_snapshot(path: str | os.PathLike[str], engine: TrackerEngine) -> Snapshot:
    """The snapshot of a file, which `engine` is to go on with. Raises TrackingError where the file
    is damaged or none of these; whether it is of this network, preset and seed is for
    `Snapshot.state_for` to say."""
    from safetensors import SafetensorError, safe_open

    text = as_path(path, "state", TrackingError)
    try:
        with open_regular(text):  # says better than safetensors why a file cannot be read
            pass
        with utf8_name(text) as name, safe_open(name, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise TrackingError(
                    f"{text} is not a state of a tracker: was it written by Tracker.save?"
                )
            facts = json.loads(metadata["facts"])
            names = tuple(str(name) for name in facts["names"])
            frame_number, frames_lost = (
                tuple(int(count) for count in facts[key]) for key in ("frame_number", "frames_lost")
            )
            alike = len(frame_number) == len(frames_lost) == len(names) == len(set(names))
            counted = bool(names) and alike and min(frame_number) >= 1 and min(frames_lost) >= 0
            if not counted or not all(name and name.isprintable() for name in names):
                raise TrackingError(
                    f"state {text} is damaged: its names or frame numbers do not fit"
                )
            preset = from_dict(TrackerPreset, facts["preset"], f" in state {text}")
            origin: tuple[Any, ...] = (str(facts["network"]), preset, int(facts["seed"]))
            slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
            shapes = {key: tuple(entry.get_shape()) for key, entry in slices.items()}
            types = {key: entry.get_dtype() for key, entry in slices.items()}
            if set(shapes) != set(shapes_of(engine, 1)):
                odd = sorted(set(shapes) ^ set(shapes_of(engine, 1)))[0]
                raise TrackingError(f"state {text} is damaged: {odd!r:.80} does not fit")
            ours = origin[0] == engine.net.fingerprint and preset == engine.preset
            if ours:
                _check(shapes, types, engine, len(names), text)
            tensors = {key: file.get_tensor(key) for key in shapes}
            if ours:
                _check_values(tensors, engine, text)
    except OSError as error:
        raise TrackingError(f"cannot read state {text}: {error.strerror or error}") from None
    except (SafetensorError, *_DAMAGE) as error:
        reason = " ".join(str(error).split())[:200]  # it may quote what the file holds
        raise TrackingError(f"state {text} is damaged: {reason}") from None
    memory = {
        key.partition(".")[2]: tensors.pop(key)
        for key in list(tensors)
        if key.startswith("memory.")
    }
    state = TrackerState(
        names=names,
        frame_number=frame_number,
        frames_lost=frames_lost,
        memory=SampleMemory(**memory),
        **tensors,
    )
    return Snapshot(state, *origin)


def _check(
    shapes: dict[str, tuple[int, ...]],
    types: dict[str, str],
    engine: TrackerEngine,
    targets: int,
    text: Path,
) -> None:
    expected = shapes_of(engine, targets)
    for key, shape in expected.items():
        if shapes[key] != shape or types[key] != ("I64" if key in WHOLE else "F32"):
            raise TrackingError(f"state {text} is damaged: {key!r} does not fit")


def _check_values(tensors: dict[str, torch.Tensor], engine: TrackerEngine, text: Path) -> None:
    """What a step would fail at, index beyond the memory with, or make nan of."""
    slots = engine.preset.memory.size
    limits = {
        **LIMITS,
        "memory.previous": (-1, slots - 1),
        "memory.count": (engine.preset.first_frame.count, 2**53),
    }
    for key, tensor in tensors.items():
        least, most = limits[key]
        sound = (tensor >= least) & (tensor <= most)
        if key == "refined_yx":  # nan before the first one
            sound |= tensor.isnan()
        if not sound.all():
            raise TrackingError(f"state {text} is damaged: {key!r} holds a number that cannot be")
    if not (tensors["memory.weights"].sum(1) > LEAST_WEIGHT).all():
        raise TrackingError(f"state {text} is damaged: 'memory.weights' are all zero")
