"""Snapshots in files: safetensors, whose metadata names the network, the preset and the seed. Reading executes
nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ltr.errors import ConfigError, ResultError, TrackingError
from ltr.settings import as_dict, from_dict
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.memory import SampleMemory
from pytracking.tracker.presets import TrackerPreset
from pytracking.tracker.snapshot import Snapshot, shapes_of, tensors_of
from pytracking.tracker.state import TrackerState

FORMAT = "pytracking.state.1"


def write_snapshot(path: str | os.PathLike[str], snapshot: Snapshot) -> None:
    """Write a snapshot to a temporary name and rename it. Raises ResultError."""
    from safetensors.torch import save

    facts = {
        "network": snapshot.network,
        "preset": as_dict(snapshot.preset),
        "seed": snapshot.seed,
        "names": snapshot.state.names,
        "frame": snapshot.state.frame,
    }
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors_of(snapshot.state).items()}
    partial = Path(f"{os.fspath(path)}.partial")
    try:
        partial.write_bytes(save(tensors, metadata={"format": FORMAT, "facts": json.dumps(facts)}))
        partial.replace(path)
    except OSError as error:
        raise ResultError(f"cannot write state {os.fspath(path)}: {error.strerror or error}") from None


def read_snapshot(path: str | os.PathLike[str], engine: TrackerEngine) -> Snapshot:
    """The snapshot of a file, which `engine` is to go on with. Raises TrackingError where the file is damaged or none
    of these; whether it is of this network, preset and seed is for `Snapshot.state_for` to say."""
    from safetensors import SafetensorError, safe_open

    text = os.fspath(path)
    try:
        with safe_open(text, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise TrackingError(f"{text} is not a state of a tracker: was it written by Tracker.save?")
            facts = json.loads(metadata["facts"])
            names = tuple(str(name) for name in facts["names"])
            frame = tuple(int(number) for number in facts["frame"])
            preset = from_dict(TrackerPreset, facts["preset"], f" in state {text}")
            snapshot_facts: tuple[Any, ...] = (str(facts["network"]), preset, int(facts["seed"]))
            slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
            shapes = {key: tuple(entry.get_shape()) for key, entry in slices.items()}
            types = {key: entry.get_dtype() for key, entry in slices.items()}
            if snapshot_facts[0] == engine.net.fingerprint and preset == engine.preset:
                _check(shapes, types, engine, names, frame, text)
            tensors = {key: file.get_tensor(key) for key in shapes}
    except OSError as error:
        raise TrackingError(f"cannot read state {text}: {error.strerror or error}") from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError) as error:
        raise TrackingError(f"state {text} is damaged: {error}") from None
    memory = {key.partition(".")[2]: tensors.pop(key) for key in list(tensors) if key.startswith("memory.")}
    try:
        state = TrackerState(names=names, frame=frame, memory=SampleMemory(**memory), **tensors)
    except TypeError as error:
        raise TrackingError(f"state {text} is damaged: {error}") from None
    return Snapshot(state, *snapshot_facts)


def _check(
    shapes: dict[str, tuple[int, ...]],
    types: dict[str, str],
    engine: TrackerEngine,
    names: tuple[str, ...],
    frame: tuple[int, ...],
    text: str,
) -> None:
    expected = shapes_of(engine, len(names))
    whole = ("memory.count", "memory.previous")
    wrong = [key for key in {**expected, **shapes} if shapes.get(key) != expected.get(key)]
    wrong += [key for key, kind in types.items() if kind != ("I64" if key in whole else "F32")]
    if wrong or len(frame) != len(names) or len(set(names)) != len(names):
        raise TrackingError(f"state {text} is damaged: {wrong[0] if wrong else 'its names'} does not fit")
