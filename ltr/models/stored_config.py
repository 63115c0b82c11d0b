"""The configuration that stands in the file of a network, also of one by an earlier version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltr.models.box.energy import EnergyHeadConfig
from ltr.models.classifier.steepest_descent import HingeConfig
from ltr.models.tracker_net import NetworkConfig
from ltr.models.zoo import SUPER_SIGMA
from ltr.settings import as_dict, from_dict

_FORMER_VALUES: dict[str, dict[str, Any]] = {
    "initializer": {"none": "zeros", "pooled_zero": "pooled_zero_init"},
    "box_head": {"energy": as_dict(EnergyHeadConfig())},
}
"""What a field was called that now has another name, or a group with sizes."""


def network_config(tree: Mapping[str, Any]) -> NetworkConfig:
    """The configuration that stands in a file. Raises ConfigError for whatever else is there."""
    # a label width was the preset's: with a box head there was one hinge, that of SuperDiMPSimple
    label_sigma = SUPER_SIGMA if tree.get("box_head") == "energy" else HingeConfig.label_sigma
    absent: dict[type[Any], dict[str, Any]] = {
        NetworkConfig: {
            "feature_block": "basic",
            "feature_width": None,
            "initializer": "zeros",
            "filter_optimizer": HingeConfig(),
            "box_head": None,
            "proposal_head": None,
        },
        HingeConfig: {"label_sigma": label_sigma},
    }
    values = {
        name: _FORMER_VALUES.get(name, {}).get(value, value) if isinstance(value, str) else value
        for name, value in tree.items()
    }
    return from_dict(NetworkConfig, values, "", absent)
