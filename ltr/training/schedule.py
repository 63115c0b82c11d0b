"""Learning rates as functions of the step."""

from __future__ import annotations

import math

from ltr.training.recipe import CosineSchedule, Recipe


def rate_factor(recipe: Recipe, step: int) -> float:
    """What learning rates are multiplied by in a step, counted from 0.

    step: factor^(epochs gone / epochs), rounded down. cosine: from the end of the warm-up, in which
    they rise in a line from the first step on, half a cosine from 1 to `least`, which the last step
    has."""
    schedule, steps = recipe.schedule, recipe.epochs * recipe.steps
    if not isinstance(schedule, CosineSchedule):
        return schedule.factor ** (step // recipe.steps // schedule.epochs)
    rise = round(schedule.warm_up * steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    way = (step - rise) / max(1, steps - 1 - rise)
    return schedule.least + (1 - schedule.least) * (1 + math.cos(math.pi * way)) / 2


def first_step(recipe: Recipe, begin: float) -> int:
    """The step from which a group of parameters is trained whose `begin` is that share."""
    return round(begin * recipe.epochs * recipe.steps)
