"""benchmarks/ablation.py: what its trainings differ in, what they share, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ablation
import numpy as np
import pytest
import torch

from ltr.data.batch import Batch
from ltr.errors import ConfigError
from ltr.models.tracker_net import TrackerNet
from ltr.recipes import RECIPES
from ltr.settings import as_dict
from ltr.settings.difference import differences
from ltr.training.feature_bank import check_bank
from ltr.training.losses import check_objectives
from ltr.training.parameters import group_of_each

CPU = torch.device("cpu")
SMALL = {
    name: replace(RECIPES[name], bank=replace(RECIPES[name].bank, samples=8))
    for name in ("nce_plus_mobile", "nce_plus18")
}


def trained_parts(recipe) -> set[str]:
    """The first words of the names of parameters that are trained some time."""
    with torch.device("meta"):
        net = TrackerNet(recipe.network)
    groups = group_of_each(net, recipe.groups)
    return {key.split(".")[0] for key, k in groups.items() if recipe.groups[k].begin < 1}


@pytest.mark.parametrize("name", SMALL)
def test_variants_differ_as_they_say(name: str) -> None:
    recipes = ablation.variants(SMALL[name], 7)
    assert recipes.keys() == ablation.LABELS.keys()
    for recipe in recipes.values():
        check_objectives(recipe)
        check_bank(recipe, CPU)
        assert (recipe.epochs, recipe.steps, recipe.validation_samples) == (1, 7, 0)
        assert (recipe.data, recipe.network) == (SMALL[name].data, SMALL[name].network)

    box = [recipes[key] for key in ("overlap", "ml_is", "kld_is", "nce", "nce_plus")]
    assert [getattr(recipe.box, "objective", recipe.box.kind) for recipe in box] == [
        "overlap",
        "ml_is",
        "kld_is",
        "nce",
        "nce_plus",
    ]
    assert len({recipe.box.boxes for recipe in box}) == 1
    for recipe in box:
        others = differences(as_dict(box[-1]), as_dict(recipe))
        assert all(field.startswith("box.") for field, *_ in others)
        assert recipe.classifier is None
        assert trained_parts(recipe) == {"bb_regressor"}

    whole, trunk = recipes["classifier"], recipes["trunk"]
    assert (whole.classifier, whole.box) == (SMALL[name].classifier, SMALL[name].box)
    assert trained_parts(whole) == {"bb_regressor", "classifier"}
    assert trained_parts(trunk) == {"bb_regressor", "classifier", "feature_extractor"}
    changed = [field for field, *_ in differences(as_dict(whole), as_dict(trunk))]
    assert changed == ["groups.2.begin", "bank.samples", "bank.uses", "bank"]


def test_a_recipe_without_these_parts() -> None:
    with pytest.raises(ConfigError, match="no box head trained by energies"):
        ablation.variants(RECIPES["dimp18"], 7)
    with pytest.raises(ConfigError, match=r"no parameters of their own of bb_regressor\."):
        ablation.variants(replace(SMALL["nce_plus18"], groups=()), 7)


def test_samples_are_made_once(tmp_path: Path) -> None:
    made = []

    def render(numbers: Sequence[int]) -> Batch:
        made.append(list(numbers))
        values = torch.tensor(numbers)
        return Batch(values, tuple(f"a/{n}" for n in numbers), values, values, values, values)

    parts = [range(0, 2), range(2, 3)]
    first = list(ablation.kept_in(tmp_path / "kept", render, CPU)(parts))
    again = list(ablation.kept_in(tmp_path / "kept", render, CPU)([*parts, range(3, 5)]))
    assert made == [[0, 1], [2], [3, 4]]
    assert [batch.numbers.tolist() for batch in again] == made
    assert [batch.names for batch in first] == [batch.names for batch in again[:2]]


def test_of_the_steps_of_ascent_the_best_counts() -> None:
    scores = {"net": np.zeros(2), "a s=1": np.array([0.0, 0.5]), "a s=2": np.array([0.5, 0.5])}
    table = ablation.with_best_ascent(scores, "net", {"nce": {7e-4: "a s=1", 3e-3: "a s=2"}})
    assert list(table) == ["floor: net", "+ box head by NCE, ascent 0.003"]
    assert table["+ box head by NCE, ascent 0.003"] is scores["a s=2"]
