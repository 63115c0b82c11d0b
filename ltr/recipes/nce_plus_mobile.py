"""MobileNetV2 to features.13, its classifier and box head trained on clips, photographs and objects
pasted over others: for two cores.

The classifier begins as the whitened features of `imagenet_mobile`: tracking before the first step
is that of the training-free network. The end of the trunk is trained where
`--groups.2.begin 0.67 --bank none` says so.
"""

from __future__ import annotations

from ltr.data.configuration import (
    Composition,
    Crops,
    DataConfig,
    Motion,
    Part,
    Photometry,
    Sampling,
)
from ltr.models.box.energy import EnergyHeadConfig
from ltr.models.tracker_net import NetworkConfig
from ltr.training.recipe import (
    CosineSchedule,
    EnergyLoss,
    FeatureBank,
    HingeLoss,
    ParameterGroup,
    Recipe,
)

DATA = DataConfig(
    mix=(
        Part(name="clips", layout="videos", path="train", use="video", weight=1),
        Part(name="photographs", layout="coco", path="images", use="motion", weight=0.6),
        Part(name="objects", layout="objects", path="objects", use="motion", weight=0.4),
        Part(name="composites", layout="objects", path="objects", use="composite", weight=1),
    ),
    left_out="train/clips.json",
    resident=True,
    longest_side=400,
    sampling=Sampling(train_frames=3, test_frames=3, order="causal", max_gap=60),
    crops=Crops(side=288, area=5, window="exact", train_scale_jitter=0.1, test_scale_jitter=0.3),
    photometry=Photometry(
        joint_grey=0.1,
        joint_flip=0.5,
        brightness=0.4,
        contrast=0.3,
        saturation=0.4,
        hue=15,
        blur=0.2,
        jpeg=0.3,
        coarse=0.2,
        noise=0.2,
    ),
    motion=Motion(largest=0.35),
    composition=Composition(),
)
RECIPE = Recipe(
    purpose="fast: MobileNetV2, box energies by NCE+, trained on two cores",
    preset="nce_plus_mobile",
    network=NetworkConfig(
        trunk="mobilenet_v2",
        feature_blocks=1,
        feature_block="signed",
        channels=96,
        box_head=EnergyHeadConfig(channels=(64, 64), hidden=(128, 128), reference=(64, 128)),
    ),
    start="imagenet_mobile",
    start_parts=("feature_extractor.", "classifier.feature_extractor."),
    data=DATA,
    classifier=HingeLoss(cross_entropy=0.2),
    box=EnergyLoss(objective="nce_plus", beta=0.35, weight=1, boxes=64),
    iterations=8,
    batch=8,
    epochs=10,
    steps=250,
    groups=(
        ParameterGroup(
            parameters=("classifier.feature_extractor.",),
            learning_rate=2e-3,
            weight_decay=0.01,
            share=0.5,
        ),
        ParameterGroup(parameters=("bb_regressor.",), learning_rate=2e-3, weight_decay=0.05),
        ParameterGroup(
            parameters=tuple(f"feature_extractor.features.{k}." for k in range(7, 14)),
            learning_rate=2e-5,
            begin=1,
            batch_norms=False,
        ),
    ),
    schedule=CosineSchedule(),
    clip_gradient=10,
    averaging=0.998,
    bank=FeatureBank(samples=2500, uses=8),
    validation_samples=200,
)
