"""ResNet-18 to layer3, its classifier and box head trained as those of `nce_plus_mobile`.

layer3 is trained where `--groups.2.begin 0.67 --bank none` says so.
"""

from __future__ import annotations

from dataclasses import replace

from ltr.models.box.energy import EnergyHeadConfig
from ltr.models.tracker_net import NetworkConfig
from ltr.recipes import nce_plus_mobile
from ltr.training.recipe import FeatureBank

_MOBILE = nce_plus_mobile.RECIPE
RECIPE = replace(
    _MOBILE,
    purpose="precise: ResNet-18, box energies by NCE+",
    preset="nce_plus18",
    network=NetworkConfig(
        trunk="resnet18",
        feature_blocks=1,
        feature_block="signed",
        feature_width=64,
        channels=256,
        box_head=EnergyHeadConfig(channels=(64, 64), hidden=(128, 128), reference=(64, 128)),
    ),
    start="imagenet18",
    groups=(
        *_MOBILE.groups[:2],
        replace(_MOBILE.groups[2], parameters=("feature_extractor.layer3.",)),
    ),
    epochs=6,
    bank=FeatureBank(samples=1500, uses=8),
)
