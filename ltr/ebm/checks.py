"""What is refused before it is broadcast or computed into something wrong: shapes always, values
once, where they are given. ConfigError, one line each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ltr.errors import ConfigError


def check_count(what: str, count: int) -> None:
    """At least one."""
    if count < 1:
        raise ConfigError(f"{count} {what}: give at least 1")


def check_positive(what: str, value: float) -> None:
    """A number above 0, and finite."""
    if not 0 < value < math.inf:
        raise ConfigError(f"{what} of {value}: give a finite number above 0")


def check_deviations(sigmas: Tensor) -> None:
    """All of them positive and finite. Where nothing can be read (traced, batched by vmap, on the
    meta device) they are taken as they are."""
    if torch.compiler.is_compiling():
        return
    good = (sigmas > 0) & sigmas.isfinite()
    try:
        wrong = sigmas[~good].tolist()
    except RuntimeError:
        return
    if wrong:
        raise ConfigError(f"a noise deviation of {wrong[0]:g}: give finite numbers above 0")


def check_dimensions(what: str, given: Tensor, dimensions: int, of: str) -> None:
    """Points (..., D) of as many dimensions as there are `of` it."""
    if not given.ndim or given.shape[-1] != dimensions:
        raise ConfigError(
            f"{what} of shape {tuple(given.shape)}, {of} of {dimensions} dimensions: the last axis "
            f"must be {dimensions}"
        )


def check_scores(scores: Tensor, shape: Sequence[int]) -> None:
    """One for each of points (*shape, D)."""
    if tuple(scores.shape) != tuple(shape):
        raise ConfigError(
            f"scores of shape {tuple(scores.shape)} for {tuple(shape)} points: give one number for "
            "each"
        )
