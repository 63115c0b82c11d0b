"""What is refused before it is broadcast or computed into something wrong: shapes always, values
once, where they are given. ConfigError, one line each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor

from ltr.errors import ConfigError


def check_count(what: str, count: int) -> None:
    """Whole, and at least one."""
    if not isinstance(count, Integral):
        raise ConfigError(f"{count} {what}: give a whole number")
    if count < 1:
        raise ConfigError(f"{count} {what}: give at least 1")


def check_positive(what: str, value: float) -> None:
    """A number above 0, and finite."""
    if not 0 < value < math.inf:
        raise ConfigError(f"{what} of {value}: give a finite number above 0")


def check_share(what: str, share: float) -> None:
    """From 0 to 1."""
    if not 0 <= share <= 1:
        raise ConfigError(f"{what} of {share}: give a share from 0 to 1")


def check_decay(decay: float) -> None:
    """Between 0 and 1."""
    if not 0 < decay < 1:
        raise ConfigError(f"a decay of {decay}: give a number between 0 and 1")


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


def check_targets(target: Tensor) -> None:
    """(B, D)."""
    if target.ndim != 2:
        raise ConfigError(f"targets of shape {tuple(target.shape)}: give (B, D)")


def check_draw(draw: object) -> None:
    """Random numbers that have streams: no generator, and not None."""
    if not hasattr(draw, "of"):
        raise ConfigError(
            f"random numbers of {type(draw).__name__}: give a stream for each example, as "
            "ltr.draws.example_draws(seed, torch.arange(B))"
        )


def check_examples(what: str, axes: str, shape: Sequence[int], of: str, examples: int) -> None:
    """Something of `axes` (B, ...), two of them, as there are examples of something else."""
    if len(shape) != 2 or shape[0] != examples:
        raise ConfigError(
            f"{what} of shape {tuple(shape)}, {of} of {examples} examples: give {axes}, and of "
            "both the same B"
        )


def check_sample(points: Tensor, count: int) -> None:
    """(B, count, D)."""
    if points.ndim != 3 or points.shape[1] != count:
        raise ConfigError(
            f"{count} points of the proposal have the shape {tuple(points.shape)}: it must give "
            f"(B, {count}, D)"
        )


def check_scores(scores: Tensor, shape: Sequence[int]) -> None:
    """One for each of points (*shape, D)."""
    if tuple(scores.shape) != tuple(shape):
        raise ConfigError(
            f"scores of shape {tuple(scores.shape)} for {tuple(shape)} points: give one number for "
            "each"
        )


def check_recorded(scores: Tensor) -> None:
    """Scores of points that are to be differentiated."""
    if not scores.requires_grad:
        raise ConfigError(
            "scores without a gradient in the points: compute them from the points, without "
            ".detach(), torch.no_grad or torch.inference_mode"
        )
