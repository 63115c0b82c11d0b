"""The box head of `nce_plus18` trained on, contrasted with boxes of a proposal head that learns
beside it where the energy is high. Trunk and classifier stay those of that network."""

from __future__ import annotations

from dataclasses import replace

from ltr.models.box.mixture import MixtureHeadConfig
from ltr.recipes import nce_plus18
from ltr.training.recipe import ParameterGroup, ProposalLoss

_NCE_PLUS = nce_plus18.RECIPE
RECIPE = replace(
    _NCE_PLUS,
    purpose="precise, and says how sure it is: box energies and their proposals, trained jointly",
    preset="proposals18",
    network=replace(_NCE_PLUS.network, proposal_head=MixtureHeadConfig()),
    start="nce_plus18",
    start_parts=("feature_extractor.", "classifier.", "bb_regressor."),
    classifier=None,
    box=ProposalLoss(boxes=64, likelihood_share=0.5),
    groups=(
        ParameterGroup(parameters=("bb_regressor.",), learning_rate=5e-4, weight_decay=0.05),
        ParameterGroup(parameters=("proposal_head.",), learning_rate=2e-3, weight_decay=0.05),
    ),
)
