"""Training begins with another network's weights, and tracks as that one before the first step."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ltr.errors import ConfigError
from ltr.models.folding import fold
from ltr.networks import load_network
from ltr.recipes import RECIPES
from ltr.training.recipe import Recipe
from ltr.training.start import first_network

MOBILE, RESNET = RECIPES["nce_plus_mobile"], RECIPES["nce_plus18"]


@pytest.mark.parametrize("recipe", [MOBILE, RESNET], ids=["mobile", "resnet18"])
def test_tracking_begins_as_that_of_the_network_before(recipe: Recipe) -> None:
    """The block before the whitening is the identity, so features of the folded networks are equal bit for bit."""
    crops = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    net, floor = fold(first_network(recipe)), fold(load_network(recipe.start))
    ours, theirs = net.features(crops), floor.features(crops)
    assert torch.equal(ours.classifier, theirs.classifier)
    assert torch.equal(ours.taps.stride8, theirs.taps.stride8)


def test_what_is_not_taken_over_follows_from_the_seed() -> None:
    before = torch.random.get_rng_state()
    first, again, other = (first_network(replace(MOBILE, seed=seed)) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    for (name, one), two, three in zip(
        first.named_parameters(), again.parameters(), other.parameters(), strict=True
    ):
        assert torch.equal(one, two), name
        if name.startswith("feature_extractor."):
            assert torch.equal(one, three), name
        elif name.startswith("bb_regressor.") and one.dim() > 1:
            assert not torch.equal(one, three), name


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (
            replace(MOBILE, start_parts=("features.",)),
            "no tensors whose names begin with 'features.'",
        ),
        (replace(MOBILE, start="imagenet18"), "imagenet18 has shape .* take other start_parts"),
        (replace(MOBILE, network=replace(MOBILE.network, channels=64)), "shape .96, 96, 1, 1."),
    ],
    ids=["no-such-part", "other-trunk", "other-shape"],
)
def test_networks_that_do_not_fit(recipe: Recipe, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        first_network(recipe)
    assert "\n" not in str(raised.value)
