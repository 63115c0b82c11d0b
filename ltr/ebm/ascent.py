"""Gradient ascent on scores, by both published rules: all steps are taken, or those alone that do
not lower the score."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor

from ltr.ebm.checks import check_count, check_decay, check_positive
from ltr.ebm.objectives import Score
from ltr.ebm.slopes import slopes_of

Place = TypeVar("Place")
Step = TypeVar("Step")


def climb(
    scores_of: Callable[[Place], tuple[Tensor, Tensor]],
    move: Callable[[Place, Tensor, Step], Place],
    begin: Place,
    steps: Iterable[Step],
) -> tuple[Place, Tensor]:
    """Every step is taken (the rule of ATOM and DiMP): `scores_of` gives scores
    and slopes of a place, `move` the place after a step along slopes. Returns the last place and
    the scores of the place before it, as published: those of the last would cost one more pass.
    ConfigError for no steps."""
    steps, place = list(steps), begin
    check_count("steps", len(steps))
    for step in steps:
        scores, slopes = scores_of(place)
        place = move(place, slopes, step)
    return place, scores


def ascend(score: Score, points: Tensor, steps: Iterable[Tensor | float]) -> tuple[Tensor, Tensor]:
    """`climb` of points (B, N, D) along the score's own slope. Steps are lengths, (D,) or one for
    all. Returns points and their scores (B, N) before the last step."""
    return climb(
        lambda place: slopes_of(score, place),
        lambda place, slopes, step: place + step * slopes,
        points,
        steps,
    )


def ascend_where_higher(
    score: Score, points: Tensor, step: Tensor | float, decay: float, iterations: int
) -> tuple[Tensor, Tensor]:
    """Points (B, N, D) after `iterations` steps, each of which a point takes unless its score
    falls, or point or score would not be finite; then its own step is multiplied by `decay` instead
    (Gustafsson et al. 2020, ECCV; for boxes 10 iterations, decay .5). Returns them and their scores
    (B, N). ConfigError for a step that is a number and not above 0, and for a decay that is not
    between 0 and 1."""
    if not isinstance(step, Tensor):
        check_positive("a step", step)
    check_decay(decay)
    lengths = step * torch.ones_like(points)
    scores, slopes = slopes_of(score, points)
    for _ in range(iterations):
        moved = points + lengths * slopes
        there, slopes_there = slopes_of(score, moved)
        taken = (there >= scores) & there.isfinite() & moved.isfinite().all(-1)
        scores = torch.where(taken, there, scores)
        points = torch.where(taken[..., None], moved, points)
        slopes = torch.where(taken[..., None], slopes_there, slopes)
        lengths = torch.where(taken[..., None], lengths, lengths * decay)
    return points, scores
