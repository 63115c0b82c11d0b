"""Boxes that a proposal draws in training: where they lie, and that energy and proposal learn together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from test_losses import DRAWS, RECIPE, random_batch

from ltr.errors import ConfigError
from ltr.models.box.mixture import MixtureHeadConfig
from ltr.models.tracker_net import TrackerNet
from ltr.training.learned_boxes import learned_boxes
from ltr.training.losses import losses
from ltr.training.recipe import ProposalLoss, Recipe

LOSS = ProposalLoss(boxes=16, likelihood_share=0.5)
PROPOSALS = replace(
    RECIPE,
    network=replace(RECIPE.network, proposal_head=MixtureHeadConfig(bins=(3, 2), hidden=(16, 16))),
    classifier=None,
    box=LOSS,
)


def net_of(recipe: Recipe) -> TrackerNet:
    torch.manual_seed(0)
    return TrackerNet(recipe.network).train()


def test_places_and_densities() -> None:
    net, batch = net_of(PROPOSALS), random_batch()
    scene = net.box_scene(batch.train_taps, batch.train_boxes, batch.test_taps)
    drawn = learned_boxes(LOSS, scene, batch.test_boxes, DRAWS.of("box"))
    assert drawn.boxes_xywh.shape == (3, 2, 17, 4)
    torch.testing.assert_close(drawn.boxes_xywh[:, :, 0], batch.test_boxes, atol=1e-3, rtol=1e-4)
    assert not drawn.boxes_xywh.requires_grad
    density = drawn.proposal.log_density(drawn.candidates.points)
    torch.testing.assert_close(drawn.candidates.log_noise, density)
    # the first boxes lie beside the targets, each frame's elsewhere
    assert len(drawn.candidates.target.unique(dim=0)) == 6
    assert drawn.candidates.target.abs().max() < 2


def test_both_learn() -> None:
    """On one batch: the target becomes likelier, and is told from what the proposal draws."""
    net, batch = net_of(PROPOSALS), random_batch()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    told = []
    for _ in range(60):
        result = losses(net, batch, PROPOSALS, DRAWS)
        optimizer.zero_grad()
        result.total.backward()
        optimizer.step()
        told.append({name: float(value.detach()) for name, value in result.terms.items()})
    first, last = told[0], told[-1]
    assert last["box/loss"] < first["box/loss"] - 2
    assert last["box/proposal_likelihood"] < first["box/proposal_likelihood"] - 2
    trained = {name for name, p in net.named_parameters() if p.grad is not None}
    assert {name.partition(".")[0] for name in trained} == {"bb_regressor", "proposal_head"}


def test_draws_are_those_of_the_examples() -> None:
    net, batch = net_of(PROPOSALS).eval(), random_batch()
    assert losses(net, batch, PROPOSALS, DRAWS).total == losses(net, batch, PROPOSALS, DRAWS).total


def test_no_proposal_head() -> None:
    recipe = replace(PROPOSALS, network=RECIPE.network)
    with pytest.raises(ConfigError, match="but network.proposal_head is none"):
        losses(net_of(recipe), random_batch(), recipe, DRAWS)
