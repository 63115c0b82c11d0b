"""PrDiMP-18 as it was published (Danelljan et al. 2020), with the data of `dimp18`.

In one thing it differs: box energies of frames whose target has its middle outside of the crop are
not trained.
"""

from __future__ import annotations

from dataclasses import replace

from ltr.models.zoo import NETWORKS
from ltr.recipes import dimp18
from ltr.training.recipe import DivergenceLoss, EnergyLoss, ParameterGroup

_DIMP18 = dimp18.RECIPE
RECIPE = replace(
    _DIMP18,
    purpose="PrDiMP-18 as published",
    preset="prdimp18",
    network=NETWORKS["prdimp18"],
    data=replace(
        _DIMP18.data,
        sampling=replace(_DIMP18.data.sampling, max_gap=200),
        crops=replace(_DIMP18.data.crops, window="published_2020", border="replicate"),
    ),
    classifier=DivergenceLoss(sigma=0.25, final=0.25, first=0.25, between=1),
    box=EnergyLoss(
        weight=0.0025,
        boxes=128,
        sigmas=((0.05, 0.05), (0.5, 0.5)),
        objective="kld_is",
        label_sigma=(0.05, 0.05),
    ),
    groups=(
        ParameterGroup(parameters=("classifier.",), learning_rate=1e-3),
        ParameterGroup(parameters=("bb_regressor.",), learning_rate=1e-3),
        ParameterGroup(parameters=("feature_extractor.",), learning_rate=2e-4),
    ),
)
