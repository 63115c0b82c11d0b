"""Networks by name or path: build, check, load."""

from __future__ import annotations

import os
from collections.abc import Iterable

from torch import Tensor

from ltr.checkpoints import find_network, read_header, read_state
from ltr.errors import CheckpointError, ConfigError
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.settings import from_dict


def load_network(name_or_path: str | os.PathLike[str]) -> TrackerNet:
    """The network of a file or a name, in evaluation mode. Raises CheckpointError, or ConfigError for an unknown
    name."""
    file = find_network(name_or_path)
    try:
        config = from_dict(NetworkConfig, read_header(file.path).config, f" in network file {file.path}")
        net = TrackerNet(config)
    except (ConfigError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"network file {file.path} has a configuration that cannot be built: {error}") from None
    net.load_state_dict(read_state(file, stored_tensors(net)), strict=False)
    return net.eval()


def stored_tensors(net: TrackerNet) -> dict[str, Tensor]:
    """The part of a network's state that a file holds: all but the counters of the batch norms."""
    return dict(_without_counters(net.state_dict().items()))


def _without_counters(items: Iterable[tuple[str, Tensor]]) -> Iterable[tuple[str, Tensor]]:
    return ((key, tensor) for key, tensor in items if not key.endswith("num_batches_tracked"))
