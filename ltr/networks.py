"""Networks by name or path: `load_network` for the network alone, `open_network` for what its file
says too, `convert` for a published file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ltr.checkpoints import (
    find_network,
    read_header,
    read_state,
    sha256_of,
    user_folder,
    write_network,
)
from ltr.errors import CheckpointError, ConfigError, suggestion
from ltr.models.stored_config import network_config
from ltr.models.tracker_net import (
    NetworkConfig,
    TrackerNet,
    is_counter,
    stored_tensors,
)
from ltr.models.zoo import NETWORKS, PUBLISHED_FILES
from ltr.published import is_published_name, read_published
from ltr.published.conversion import construction, strict_state
from ltr.settings import as_dict


class LoadedNetwork(NamedTuple):
    """A network and what its file says of it."""

    net: TrackerNet
    preset: str
    """The preset that goes with it, or ""."""
    notes: tuple[str, ...]
    """What was dropped or assumed while reading, a line each."""


def load_network(
    name_or_path: str | os.PathLike[str], architecture: str | None = None
) -> TrackerNet:
    """The network of a file or a name, in evaluation mode; what `open_network` notes is warned of.

    Raises CheckpointError, or ConfigError for an unknown name."""
    loaded = open_network(name_or_path, architecture)
    for note in loaded.notes:
        warnings.warn(f"{os.fspath(name_or_path)}: {note}", stacklevel=2)
    return loaded.net


@torch.inference_mode(False)
def open_network(
    name_or_path: str | os.PathLike[str], architecture: str | None = None
) -> LoadedNetwork:
    """The network of a name, of a file of ours (.safetensors), or of a published one (.pth,
    .pth.tar), which is read without executing what it holds. `architecture`, a key of NETWORKS,
    says what a published file without a record of its construction holds. Raises CheckpointError,
    or ConfigError for an unknown name."""
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise ConfigError(f"network is {name_or_path!r:.80}: give a name, or a path as text")
    if architecture is not None and architecture not in NETWORKS:
        raise ConfigError(
            f"unknown architecture {architecture!r}: {suggestion(architecture, NETWORKS)}"
        )
    if is_published_name(name_or_path):
        return _from_published(Path(name_or_path), architecture)
    if architecture is not None:
        raise ConfigError(
            f"{os.fspath(name_or_path)} says itself what it is: an architecture is for .pth files "
            "only"
        )
    file = find_network(name_or_path, PUBLISHED_FILES)
    try:
        config = network_config(read_header(file.path).config)
    except ConfigError as error:
        raise CheckpointError(
            f"network file {file.path} has a configuration that cannot be built: {error}"
        ) from None
    net = _network_of_shapes(config)
    return LoadedNetwork(_filled(net, read_state(file, stored_tensors(net))), file.preset, ())


def convert(old: Path, new: Path, architecture: str | None = None) -> LoadedNetwork:
    """Write the published file `old` as `new`, a file of ours (.safetensors) with the same numbers,
    and its preset and origin in its card. Returns what was written. `architecture` as in
    `open_network`.

    The user's data folder is made where it is missing, no other. Raises CheckpointError or
    ConfigError, and then nothing was written; what is there is never replaced."""
    if not is_published_name(old):
        raise ConfigError(
            f"{old} is not named as published networks are: give a .pth, .pth.tar, .pt or .tar file"
        )
    if new.suffix != ".safetensors":
        raise ConfigError(
            f"{new} cannot be the converted file: give it a name that ends in .safetensors"
        )
    if os.path.lexists(new):
        raise ConfigError(f"{new} is there already: give another name, or remove it first")
    own = user_folder()
    if not os.path.isdir(new.parent) and not (own and new.parent.absolute() == own.absolute()):
        raise ConfigError(
            f"folder {new.parent} does not exist: make it first, or give another place for "
            f"{new.name}"
        )
    loaded = open_network(old, architecture)
    card = {
        "summary": f"converted from {old.name}",
        "preset": loaded.preset,
        "source": old.name,
        "source_sha256": sha256_of(old),
        "licence": "its authors'",
        **({"notes": "; ".join(loaded.notes)} if loaded.notes else {}),
    }
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"cannot make folder {new.parent}: {error.strerror or error}"
        ) from None
    write_network(new, stored_tensors(loaded.net), as_dict(loaded.net.config), card, half=False)
    return loaded


def _from_published(path: Path, architecture: str | None) -> LoadedNetwork:
    file = read_published(path)
    name, config, notes = construction(file, architecture, path)
    net = _network_of_shapes(config)
    state, dropped = strict_state(file.state, net.state_dict(), path)
    if dropped:
        unused = (
            f"dropped the {dropped} tensors of layer4 and fc, which no tracker of this family uses"
        )
        notes = (unused, *notes)
    return LoadedNetwork(_filled(net, state), name, notes)


def _network_of_shapes(config: NetworkConfig) -> TrackerNet:
    """The network without its numbers: no memory is taken and no random number drawn."""
    with torch.device("meta"), _WithoutNormalDraws():
        return TrackerNet(config)


class _WithoutNormalDraws(TorchFunctionMode):
    """Leaves out what would draw normal numbers: where tensors have none, it is for nothing, and
    torch imports 800 modules for it."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in (Tensor.normal_, nn.init.normal_):
            return args[0] if args else kwargs["tensor"]
        return function(*args, **(kwargs or {}))


def _filled(net: TrackerNet, state: Mapping[str, Tensor]) -> TrackerNet:
    """`net` with the tensors of `state`, which becomes part of it, in evaluation mode."""
    counters = {
        key: torch.zeros(tensor.shape, dtype=tensor.dtype, device="cpu")
        for key, tensor in net.state_dict().items()
        if is_counter(key)
    }
    net.load_state_dict({**state, **counters}, assign=True)
    return net.eval()
