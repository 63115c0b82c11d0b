"""DiMP-18 as it was published (Bhat et al. 2019).

Beside the data sets it asks for lists in the data's folder, one entry a line: lasot_train.txt, the
names of protocol II; got10k_vot.txt, the numbers of what is trained on and validated with;
got10k_votval.txt, the names of the latter; trackingnet_train.txt, TRAIN_0 to TRAIN_3.
"""

from __future__ import annotations

from ltr.data.configuration import Crops, DataConfig, Part, Photometry, Sampling
from ltr.models.zoo import NETWORKS
from ltr.training.recipe import HingeLoss, OverlapLoss, ParameterGroup, Recipe, StepSchedule

DATA = DataConfig(
    mix=(
        Part(name="lasot", layout="lasot", path="lasot", names="lasot_train.txt", weight=0.25),
        Part(name="got10k", layout="got10k", path="got10k", names="got10k_vot.txt"),
        Part(
            name="trackingnet",
            layout="trackingnet",
            path="trackingnet",
            names="trackingnet_train.txt",
        ),
        Part(name="coco", layout="coco", path="coco"),
    ),
    left_out="got10k_votval.txt",
    sampling=Sampling(train_frames=3, test_frames=3, order="causal", max_gap=30),
    crops=Crops(
        side=288,
        area=5,
        window="published_2019",
        train_centre_jitter=3,
        test_centre_jitter=4.5,
        train_scale_jitter=0.25,
        test_scale_jitter=0.5,
    ),
    photometry=Photometry(joint_grey=0.05, brightness=0.2),
    workers=8,
)
RECIPE = Recipe(
    purpose="DiMP-18 as published",
    preset="dimp18",
    network=NETWORKS["dimp18"],
    start="imagenet18",
    start_parts=("feature_extractor.",),
    data=DATA,
    classifier=HingeLoss(threshold=0.05, sigma=0.25, final=100, first=100, between=400),
    box=OverlapLoss(weight=1, boxes=8, least=0.1, sigmas=(0.01, 0.05, 0.1, 0.2, 0.3)),
    iterations=5,
    batch=26,
    epochs=50,
    steps=1000,
    groups=(
        ParameterGroup(parameters=("classifier.filter_initializer.",), learning_rate=5e-5),
        ParameterGroup(parameters=("classifier.filter_optimizer.",), learning_rate=5e-4),
        ParameterGroup(parameters=("classifier.feature_extractor.",), learning_rate=5e-5),
        ParameterGroup(parameters=("bb_regressor.",), learning_rate=1e-3),
        ParameterGroup(parameters=("feature_extractor.",), learning_rate=2e-4),
    ),
    schedule=StepSchedule(epochs=15, factor=0.2),
    validation_samples=5000,
    validate_every=5,
)
