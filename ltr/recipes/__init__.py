"""Recipes by name: values alone, one file each."""

from __future__ import annotations

from ltr.recipes import dimp18, nce_plus18, nce_plus_mobile, prdimp18, proposals18
from ltr.training.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    "nce_plus_mobile": nce_plus_mobile.RECIPE,
    "nce_plus18": nce_plus18.RECIPE,
    "dimp18": dimp18.RECIPE,
    "prdimp18": prdimp18.RECIPE,
    "proposals18": proposals18.RECIPE,
}
