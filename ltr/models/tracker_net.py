"""TrackerNet: trunk, classifier, box head, one forward per role. It knows crops and features,
nothing about frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

from ltr.errors import ConfigError
from ltr.models.backbone import TRUNKS, TrunkName
from ltr.models.box.energy import EnergyHead
from ltr.models.classifier.features import ClassifierFeatures, instance_l2_norm
from ltr.models.classifier.initializer import PooledInitializer, ZeroInitializer
from ltr.models.classifier.newton_kl import DivergenceConfig, NewtonDescent
from ltr.models.classifier.steepest_descent import (
    HingeConfig,
    HingeSteepestDescent,
    LearnedConfig,
    LearnedSteepestDescent,
)
from ltr.settings import as_dict, from_dict, setting

FilterOptimizer = HingeSteepestDescent | LearnedSteepestDescent | NewtonDescent


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What makes a network, as it stands in the metadata of its file."""

    trunk: TrunkName = setting("resnet18", "1", "the convolutional body")
    feature_blocks: int = setting(
        0, "1", "residual blocks before the classifier's last convolution", (0, 4)
    )
    feature_kernel: int = setting(1, "cells", "kernel of the classifier's last convolution", (1, 7))
    channels: int = setting(256, "1", "classifier feature channels", (1, 4096))
    filter_size: int = setting(4, "cells", "side of the target model's filter", (1, 16))
    initializer: Literal["none", "pooled", "pooled_zero"] = setting(
        "none",
        "1",
        "the first filter: zero, or pooled from the first frame; pooled_zero begins training at "
        "zero",
    )
    filter_optimizer: HingeConfig | LearnedConfig | DivergenceConfig = field(
        default_factory=HingeConfig
    )
    box_head: Literal["none", "energy"] = setting(
        "none", "1", "what says how well a box fits the target"
    )


_LATER_FIELDS = {
    "initializer": "none",
    "filter_optimizer": as_dict(HingeConfig()),
    "box_head": "none",
}
"""What files mean that were written before these fields existed."""
_LATER_OPTIMIZER_FIELDS = {"hinge": {"label_sigma": HingeConfig.label_sigma}}
"""The same for the fields of an optimizer, by its kind."""


def network_config(tree: Mapping[str, Any]) -> NetworkConfig:
    """The configuration that stands in a file. Raises ConfigError for whatever else is there."""
    tree = {**_LATER_FIELDS, **tree}
    optimizer = tree["filter_optimizer"]
    if isinstance(optimizer, Mapping):
        later = _LATER_OPTIMIZER_FIELDS.get(str(optimizer.get("kind")), {})
        tree["filter_optimizer"] = {**later, **optimizer}
    try:
        return from_dict(NetworkConfig, tree, "")
    except (ValueError, RuntimeError, ArithmeticError) as error:
        # text nested without end and numbers beyond all floats are among the values of files
        raise ConfigError(str(error)) from None


class Classifier(nn.Module):
    """Feature block, initializer and the optimizer that learns the filter online."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.filter_initializer = (
            ZeroInitializer(config.filter_size)
            if config.initializer == "none"
            else PooledInitializer(
                config.channels, config.filter_size, config.initializer == "pooled_zero"
            )
        )
        self.filter_optimizer = _optimizer(config.filter_optimizer)
        self.feature_extractor = ClassifierFeatures(
            TRUNKS[config.trunk].channels16,
            config.channels,
            config.feature_blocks,
            config.feature_kernel,
        )


class TrackerNet(nn.Module):
    """The network as it is trained and stored; the tracker runs on its `fold`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        trunk = TRUNKS[config.trunk]
        self.feature_extractor = trunk()
        self.classifier = Classifier(config)
        self.bb_regressor = (
            None if config.box_head == "none" else EnergyHead(trunk.channels8, trunk.channels16)
        )

    def classifier_features(self, stride16: Tensor) -> Tensor:
        """Trunk features (B, C16, H, W) -> classifier features (B, H, W, C), instance L2
        normalised."""
        features = self.classifier.feature_extractor(stride16)
        return instance_l2_norm(features.permute(0, 2, 3, 1), self.config.filter_size)


def is_counter(key: str) -> bool:
    """Whether a tensor of this name counts the batches of a batch norm: no file holds those."""
    return key.endswith("num_batches_tracked")


def stored_tensors(net: TrackerNet) -> dict[str, Tensor]:
    """The part of a network's state that a file holds: all but the counters of the batch norms."""
    return {key: tensor for key, tensor in net.state_dict().items() if not is_counter(key)}


def _optimizer(config: HingeConfig | LearnedConfig | DivergenceConfig) -> FilterOptimizer:
    if isinstance(config, LearnedConfig):
        return LearnedSteepestDescent(config)
    return (
        HingeSteepestDescent(config) if isinstance(config, HingeConfig) else NewtonDescent(config)
    )
