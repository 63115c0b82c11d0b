"""The recipes: they say the same in every form, and build their networks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ltr.errors import ConfigError
from ltr.models.tracker_net import TrackerNet
from ltr.recipes import RECIPES
from ltr.settings import as_dict, from_dict, replace, to_toml, with_toml
from ltr.training.parameters import group_of_each
from ltr.training.recipe import Recipe
from ltr.training.start import first_network
from pytracking.tracker.presets import PRESETS


@pytest.mark.parametrize("name", RECIPES)
def test_round_trips(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    assert from_dict(Recipe, json.loads(json.dumps(as_dict(recipe))), "") == recipe
    path = tmp_path / "recipe.toml"
    path.write_text(to_toml(recipe))
    assert with_toml(Recipe(), path) == recipe


@pytest.mark.parametrize("name", RECIPES)
def test_groups_name_parameters_and_presets_are_there(name: str) -> None:
    recipe = RECIPES[name]
    with torch.device("meta"):
        net = TrackerNet(recipe.network)
    groups = group_of_each(net, recipe.groups)
    assert set(groups.values()) == set(range(len(recipe.groups)))
    assert recipe.preset in PRESETS


def test_starts_fit() -> None:
    for recipe in RECIPES.values():
        first_network(recipe)


def test_crops_are_of_whole_cells() -> None:
    with pytest.raises(ConfigError, match=r"'data.crops.side' is 280, not a multiple of 16"):
        replace(RECIPES["dimp18"], "data.crops.side", "280")


def test_a_share_is_one_of_a_mean() -> None:
    """Without averaging there is nothing that could go a part of the way."""
    with pytest.raises(ConfigError, match="a share below 1 in groups .* set averaging too"):
        replace(RECIPES["nce_plus_mobile"], "averaging", "0")
