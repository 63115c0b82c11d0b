"""What a recipe minimises: the losses of a network on a batch of samples."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ltr.data.configuration import Crops
from ltr.draws import Draws
from ltr.errors import ConfigError
from ltr.geometry import middle_yx
from ltr.models.stride import STRIDE
from ltr.models.tracker_net import TrackerNet
from ltr.training.box_loss import LOSS as BOX_LOSS
from ltr.training.box_loss import box_proposals
from ltr.training.classifier_loss import classifier_terms, classifier_weights
from ltr.training.learned_boxes import learned_terms
from ltr.training.recipe import ProposalLoss, Recipe
from ltr.training.taps import TapsBatch


class Losses(NamedTuple):
    """What was minimised, and its parts."""

    total: Tensor
    """A scalar: the terms by their weights."""
    terms: dict[str, Tensor]
    """Scalars by name, without their weights: of the classifier that of the final filter, of the
    first, and the mean of those between; of the box head its loss; and without gradient what else
    the box head's objective tells."""


def losses(net: TrackerNet, batch: TapsBatch, recipe: Recipe, draws: Draws) -> Losses:
    """The losses of `net` on the samples of a batch.

    `draws` has a stream for each of B samples, of which the boxes for the box head are drawn. What
    the recipe does not train is not computed. Mixed precision: call it under `torch.autocast`.
    Raises ConfigError for a recipe whose objectives the network does not have."""
    check_objectives(recipe)
    side = batch.train_taps.stride16.shape[-1] * STRIDE
    proposals, terms = None, dict[str, Tensor]()
    if isinstance(recipe.box, ProposalLoss):
        scene = net.box_scene(batch.train_taps, batch.train_boxes, batch.test_taps)
        terms |= learned_terms(recipe.box, scene, batch.test_boxes, side, draws.of("box"))
    elif recipe.box is not None:
        proposals = box_proposals(recipe.box, batch.test_boxes, side, draws.of("box"))
    output = net.from_taps(
        batch.train_taps,
        batch.train_boxes,
        batch.test_taps,
        None if proposals is None else proposals.boxes_xywh,
        None if recipe.classifier is None else recipe.iterations,
        side,
    )
    if recipe.classifier is not None and output.raw_scores is not None:
        cell_yx = net.score_grid(side).cell_of(middle_yx(batch.test_boxes))
        of_examples = classifier_terms(
            output.raw_scores, cell_yx, cells_per_target(recipe.data.crops), recipe.classifier
        )
        terms |= {name: values.mean() for name, values in of_examples.items()}
    if proposals is not None and output.energies is not None:
        terms |= proposals.terms(output.energies)
    # a term without weight may be anything, also not finite
    weights = {name: weight for name, weight in _weights(recipe).items() if weight}
    parts = [weight * terms[name] for name, weight in weights.items() if name in terms]
    return Losses(torch.stack(parts).sum(), terms)


def cells_per_target(crops: Crops) -> float:
    """How many cells of a score map a target's side has."""
    return crops.side / STRIDE / crops.area


def check_objectives(recipe: Recipe) -> None:
    """Raise ConfigError where a recipe minimises nothing, or has an objective for a box head that
    its network does not have."""
    if recipe.box is not None and recipe.network.box_head is None:
        raise ConfigError(
            "box is an objective for a box head, but network.box_head is none: set one of them"
        )
    if isinstance(recipe.box, ProposalLoss) and recipe.network.proposal_head is None:
        raise ConfigError(
            "box is an objective for a proposal head, but network.proposal_head is none: set it, "
            "or another box.kind"
        )
    if not any(_weights(recipe).values()):
        raise ConfigError("the recipe minimises nothing: set classifier or box, with a weight")


def _weights(recipe: Recipe) -> dict[str, float]:
    """The weights of the terms by name."""
    weights = {}
    if recipe.classifier is not None:
        weights = classifier_weights(recipe.classifier, recipe.iterations)
    return weights if recipe.box is None else {**weights, BOX_LOSS: recipe.box.weight}
