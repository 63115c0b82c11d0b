"""PrDiMP-18 as it was published (Danelljan et al. 2020). Its data are those of `dimp18`."""

from __future__ import annotations

from dataclasses import replace

from ltr.models.zoo import NETWORKS
from ltr.recipes.dimp18 import DATA
from ltr.training.recipe import DivergenceLoss, EnergyLoss, ParameterGroup, Recipe, StepSchedule

RECIPE = Recipe(
    purpose="PrDiMP-18 as published",
    preset="prdimp18",
    network=NETWORKS["prdimp18"],
    start="imagenet18",
    start_parts=("feature_extractor.",),
    data=replace(
        DATA,
        sampling=replace(DATA.sampling, max_gap=200),
        crops=replace(DATA.crops, window="published_2020", border="replicate"),
    ),
    classifier=DivergenceLoss(sigma=0.25, final=0.25, first=0.25, between=1),
    box=EnergyLoss(
        weight=0.0025,
        boxes=128,
        sigmas=((0.05, 0.05), (0.5, 0.5)),
        objective="kld_is",
        label_sigma=(0.05, 0.05),
    ),
    iterations=5,
    batch=26,
    epochs=50,
    steps=1000,
    groups=(
        ParameterGroup(parameters=("classifier.",), learning_rate=1e-3),
        ParameterGroup(parameters=("bb_regressor.",), learning_rate=1e-3),
        ParameterGroup(parameters=("feature_extractor.",), learning_rate=2e-4),
    ),
    schedule=StepSchedule(epochs=15, factor=0.2),
    validation_samples=5000,
    validate_every=5,
)
