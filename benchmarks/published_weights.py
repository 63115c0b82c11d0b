"""Weights by rule: every tensor of the six published networks, as `shared/reference/README.md`
section 1 defines them.

No file holds these weights. Each follows from the tensor's name; batch norm statistics alone are
stored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ltr.models.tracker_net import TrackerNet
from ltr.models.zoo import NETWORKS

NETS = ("dimp18", "dimp50", "prdimp18", "prdimp50", "super_dimp", "super_dimp_simple")
PERIOD = 4099
_MASK = 0xFFFFFFFF


def name_hash(name: str) -> int:
    """FNV-1a with 32 bits of the UTF-8 bytes of a name."""
    value = 2166136261
    for byte in name.encode("utf-8"):
        value = ((value ^ byte) * 16777619) & _MASK
    return value


def mix(values: np.ndarray) -> np.ndarray:
    """The mixer M of the rule on unsigned 32-bit numbers, any shape; arithmetic wraps."""
    x = values.astype(np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(2246822507)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(3266489909)
    return x ^ (x >> np.uint32(16))


def pattern(name: str) -> np.ndarray:
    """One period of the pattern of a tensor: 4099 numbers of -3, -1, 1, 3, int64."""
    index = np.arange(PERIOD, dtype=np.uint64)
    mixed = mix((np.uint64(2654435761) * index + np.uint64(name_hash(name))) & np.uint64(_MASK))
    return 2 * (mixed >> np.uint32(30)).astype(np.int64) - 3


def read_manifest(net_name: str, shared_reference: Path) -> dict[str, Any]:
    """The manifest of a network: `tensors`, `constructor`, `num_parameters` and more."""
    manifest: dict[str, Any] = json.loads(
        (shared_reference / f"manifest_{net_name}.json").read_text(encoding="utf-8")
    )
    return manifest


def fill_state(net_name: str, shared_reference: Path) -> dict[str, Tensor]:
    """The whole state of a network by the fill rule, in the manifest's order, with the manifest's
    types and shapes."""
    with np.load(shared_reference / "fill_stored.npz") as stored:
        return {
            entry["name"]: torch.from_numpy(_filled(entry, stored).reshape(entry["shape"]))
            for entry in read_manifest(net_name, shared_reference)["tensors"]
        }


def filled_net(name: str, shared_reference: Path) -> TrackerNet:
    """`name` of NETWORKS with the weights by rule, all but the tensors that no tracker of this
    family uses."""
    unused = ("feature_extractor.layer4.", "feature_extractor.fc.")
    net = TrackerNet(NETWORKS[name])
    state = fill_state(name, shared_reference)
    net.load_state_dict(
        {key: tensor for key, tensor in state.items() if not key.startswith(unused)}
    )
    return net.eval().requires_grad_(False)


def _filled(entry: dict[str, Any], stored: np.lib.npyio.NpzFile) -> np.ndarray:
    """The values of one tensor, flat, newly allocated."""
    count, dtype = int(np.prod(entry["shape"], dtype=np.int64)), np.dtype(entry["dtype"])
    match entry["rule"]:
        case "affine":
            # float64 up to the last step, as the rule says; one period suffices
            period = (entry["offset"] + entry["gain"] * pattern(entry["name"])).astype(dtype)
            return np.resize(period, count)
        case "list":
            return np.array(entry["values"], dtype).reshape(-1)
        case "const_int":
            return np.full(count, entry["value"], dtype)
        case "stored":
            return np.array(stored[entry["stored_key"]], dtype).reshape(-1)
    raise AssertionError(f"tensor {entry['name']}: the rule {entry['rule']!r} is unknown")
