"""The network that a training begins with."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ltr.errors import ConfigError
from ltr.models.tracker_net import NetworkConfig, TrackerNet, stored_tensors
from ltr.networks import load_network
from ltr.training.recipe import Recipe

_FEATURES = "classifier.feature_extractor."


def blank_network(recipe: Recipe) -> TrackerNet:
    """The recipe's network, all numbers drawn by its seed. Raises ConfigError."""
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(recipe.seed)
        return TrackerNet(recipe.network)


def first_network(recipe: Recipe) -> TrackerNet:
    """The recipe's network: numbers drawn by its seed, and in the place of `start_parts` those of
    `start`. Raises ConfigError, or CheckpointError for `start`.

    The classifier's last convolution becomes the last one, however many blocks stand before it."""
    net = blank_network(recipe)
    if not recipe.start:
        return net
    begun = load_network(recipe.start)
    given = _renumbered(stored_tensors(begun), begun.config, recipe.network)
    own, taken = net.state_dict(), dict[str, Tensor]()
    for part in recipe.start_parts:
        fitting = {key: tensor for key, tensor in given.items() if key.startswith(part)}
        if not fitting:
            raise ConfigError(
                f"start_parts: network {recipe.start} has no tensors whose names begin with "
                f"{part!r}"
            )
        taken |= fitting
    for key, tensor in taken.items():
        if key not in own or own[key].shape != tensor.shape:
            shape = list(own[key].shape) if key in own else "none"
            raise ConfigError(
                f"start: tensor {key!r} of network {recipe.start} has shape "
                f"{list(tensor.shape)}, the recipe's network {shape}: take other start_parts"
            )
    net.load_state_dict({**own, **taken})
    return net


def _renumbered(
    state: Mapping[str, Tensor], old: NetworkConfig, new: NetworkConfig
) -> dict[str, Tensor]:
    """Keys of the classifier's last convolution as they are in a network with other blocks."""
    last = re.compile(rf"{re.escape(_FEATURES)}{old.feature_blocks}\.")
    return {last.sub(f"{_FEATURES}{new.feature_blocks}.", key): t for key, t in state.items()}
