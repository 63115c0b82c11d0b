"""From score maps to places: the highest peak, its rivals, and how far it can be trusted (DiMP,
Bhat et al. 2019, with the rules of its published code). Every branch of the algorithm is a mask
over rows: no Python branch a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pytracking.tracker.prediction import STATUSES
from pytracking.tracker.preset_settings import Localization

FOUND, UNCERTAIN, HARD_NEGATIVE, NOT_FOUND = range(len(STATUSES))
"""Statuses as numbers on the device, in the order of STATUSES."""


class Peak(NamedTuple):
    """The maximum of each score map."""

    score: Tensor
    """(B,) the highest score, as it stands in the map."""
    cell_yx: Tensor
    """(B, 2) its cell, whole numbers."""


class Location(NamedTuple):
    """Where each target is."""

    cell_yx: Tensor
    """(B, 2) in cells of the score map."""
    status: Tensor
    """(B,) one of FOUND, UNCERTAIN, HARD_NEGATIVE, NOT_FOUND."""


Localizer = Callable[[Tensor, Tensor, Tensor, Tensor, Localization], Location]
"""The arguments of `localize` -> where each target is; pure."""


def localize(
    scores: Tensor,
    windowed_scores: Tensor,
    last_cell_yx: Tensor,
    target_cells_hw: Tensor,
    setting: Localization,
) -> Location:
    """The place of each target in its score map (B, H, W), and what that is worth.

    windowed_scores: the same times the Hann window, in which the first peak is looked for.
    last_cell_yx: (B, 2) the last place; target_cells_hw: (B, 2) the last size; both in cells."""
    side = scores.shape[-1]
    first = find_peak(windowed_scores)
    second = find_peak(_without(scores, first.cell_yx, setting.neighbourhood * target_cells_hw))

    far = setting.displacement * side / 2
    first_way, second_way = ((p.cell_yx - last_cell_yx).norm(dim=-1) for p in (first, second))
    rival = second.score > setting.distractor_threshold * first.score
    prefer_second = rival & (second_way < far) & (first_way > far)
    clear_rival = prefer_second | (rival & (second_way > far) & (first_way < far))
    disturbed = (second.score > setting.hard_negative_threshold * first.score) & (
        second.score > setting.not_found_threshold
    )
    status = torch.where(disturbed, HARD_NEGATIVE, FOUND)
    status = torch.where(rival, torch.where(clear_rival, HARD_NEGATIVE, UNCERTAIN), status)
    for threshold, verdict in (  # the first that holds is decisive: it is applied last
        (setting.hard_sample_threshold, HARD_NEGATIVE),
        (setting.uncertain_threshold, UNCERTAIN),
        (setting.not_found_threshold, NOT_FOUND),
    ):
        weak = first.score < threshold
        status, prefer_second = torch.where(weak, verdict, status), prefer_second & ~weak
    cell = torch.where(prefer_second[:, None], second.cell_yx, first.cell_yx)
    return Location(cell + vertex(windowed_scores, cell) if setting.subcell else cell, status)


def find_peak(scores: Tensor) -> Peak:
    """The peak of each map (B, H, W). Of equal maxima the smallest column, then the smallest row is
    taken, as in the published trackers."""
    height = scores.shape[1]
    best, index = scores.transpose(1, 2).flatten(1).max(dim=1)
    return Peak(best, torch.stack([index % height, index // height], dim=-1).to(scores.dtype))


def vertex(scores: Tensor, cell_yx: Tensor) -> Tensor:
    """(B, 2) offset from cells (B, 2) to the vertices of the parabolas through them and their two
    neighbours on each axis: by at most half a cell, and not at the border."""
    y, x = cell_yx.long().unbind(-1)
    rows = torch.arange(len(scores), device=scores.device)
    return torch.stack([_vertex(scores[rows, :, x], y), _vertex(scores[rows, y], x)], dim=-1)


def _vertex(line: Tensor, at: Tensor) -> Tensor:
    """(B, N) values, (B,) index of the maximum -> offset of the parabola's vertex, at most 1/2."""
    last = line.shape[1] - 1
    before, here, after = (
        line.gather(1, (at + d).clamp(0, last)[:, None])[:, 0] for d in (-1, 0, 1)
    )
    curvature = before - 2 * here + after
    offset = 0.5 * (before - after) / torch.where(curvature < 0, curvature, -torch.inf)
    return torch.where((at > 0) & (at < last), offset.clamp(-0.5, 0.5), 0.0)


def _without(scores: Tensor, cell_yx: Tensor, size_hw: Tensor) -> Tensor:
    """The maps with zeros in a block of `size_hw` (B, 2) cells around `cell_yx`: zeros as
    published, so a second peak is never below zero."""
    middle, half = cell_yx.double(), size_hw.double() / 2
    first, end = torch.round(middle - half), torch.round(middle + half + 1)
    inside = []
    for axis in (0, 1):
        cells = torch.arange(scores.shape[1 + axis], device=scores.device)
        inside.append((cells >= first[:, axis, None]) & (cells < end[:, axis, None]))
    return torch.where(inside[0][:, :, None] & inside[1][:, None, :], 0.0, scores)
