"""The published networks as typed configurations; `ltr.networks` opens them by name or path."""

from __future__ import annotations

from dataclasses import replace

from ltr.models.box.energy import EnergyHeadConfig
from ltr.models.classifier.density_descent import DivergenceConfig
from ltr.models.classifier.steepest_descent import HingeConfig, LearnedConfig
from ltr.models.tracker_net import NetworkConfig

SUPER_SIGMA = 22 * 0.25 / 6
"""Width of the labels of SuperDiMP (its initial one) and SuperDiMPSimple in cells: a quarter of the
target's side, where a search area of 6 target sides has 22 cells."""

_DIMP18 = NetworkConfig(
    trunk="resnet18",
    feature_blocks=1,
    feature_kernel=3,
    channels=256,
    filter_size=4,
    initializer="pooled",
    filter_optimizer=LearnedConfig(),
    box_head=EnergyHeadConfig(),
)
_DIMP50 = replace(_DIMP18, trunk="resnet50", feature_blocks=0, channels=512)

NETWORKS: dict[str, NetworkConfig] = {
    "dimp18": _DIMP18,
    "dimp50": _DIMP50,
    "prdimp18": replace(
        _DIMP18, initializer="pooled_zero_init", filter_optimizer=DivergenceConfig()
    ),
    "prdimp50": replace(
        _DIMP50, initializer="pooled_zero_init", filter_optimizer=DivergenceConfig()
    ),
    "super_dimp": replace(_DIMP50, filter_optimizer=LearnedConfig(label_sigma=SUPER_SIGMA)),
    "super_dimp_simple": replace(
        _DIMP50, filter_optimizer=HingeConfig(filter_reg=0.1, label_sigma=SUPER_SIGMA)
    ),
}
"""The published networks, as their authors trained them. `TrackerNet(NETWORKS[name])` is one before
training."""

PUBLISHED_FILES: dict[str, str] = {
    "dimp18": "dimp18.pth",
    "dimp50": "dimp50.pth",
    "prdimp18": "prdimp18.pth.tar",
    "prdimp50": "prdimp50.pth.tar",
    "super_dimp": "super_dimp.pth.tar",
    "super_dimp_simple": "super_dimp_simple.pth.tar",
}
"""Under which name the authors of pytracking publish each."""
