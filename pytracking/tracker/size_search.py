"""Search over sizes: other sizes of a target are extra rows of the batch, brought back to one row
by a segment maximum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.transfer import constant
from pytracking.tracker.localization import NOT_FOUND
from pytracking.tracker.preset_settings import SizeSearch
from pytracking.tracker.step import Estimate, Step

SizeRule = Callable[[Step, Estimate], Estimate]
"""Where the score map has each target -> the same with its size, its scale and, where the rule
knows better, its place; pure."""


class Rows(NamedTuple):
    """The R rows of one step. The first B are the targets at their last size."""

    targets: tuple[int, ...]
    """R, which target a row searches."""
    target_of: Tensor
    """(R,) the same on the device."""
    ratio: Tensor
    """(R,) size searched, relative to the last one."""
    penalty: Tensor
    """(R,) factor on the row's score in the choice."""
    rows_of: Tensor
    """(B, F) each target's rows; where it has fewer, its first is repeated."""


def rows_to_search(frame_number: Sequence[int], search: SizeSearch, device: torch.device) -> Rows:
    """The rows of the step that follows frame `frame_number[b]` of target b; the first is 1."""
    due = tuple((number + 1) % search.interval == 0 for number in frame_number)
    return _rows(due, search, device)


@lru_cache(maxsize=256)
def _rows(searches: tuple[bool, ...], search: SizeSearch, device: torch.device) -> Rows:
    # cached by pattern: else the host sends the same small tables to the device at every step
    targets, ratios = list(range(len(searches))), [1.0] * len(searches)
    rows_of = [[b] * (1 + len(search.ratios) * any(searches)) for b in range(len(searches))]
    for b in (b for b, due in enumerate(searches) if due):
        for k, ratio in enumerate(search.ratios):
            rows_of[b][1 + k] = len(targets)
            targets.append(b)
            ratios.append(ratio)
    penalties = [1.0 if r < len(searches) else search.penalty for r in range(len(targets))]
    return Rows(
        targets=tuple(targets),
        target_of=constant(tuple(targets), device, torch.long),
        ratio=constant(tuple(ratios), device, torch.float32),
        penalty=constant(tuple(penalties), device, torch.float32),
        rows_of=constant(tuple(map(tuple, rows_of)), device, torch.long),
    )


def best_rows(rows: Rows, score: Tensor) -> Tensor:
    """(R,) scores of rows -> (B,) the row that each target is found best in, after penalties."""
    weighted = (score * rows.penalty)[rows.rows_of]
    return rows.rows_of.gather(1, weighted.argmax(dim=1, keepdim=True))[:, 0]


def best_size(step: Step, estimate: Estimate) -> Estimate:
    """The size that each target was found best in, approached by the exponent `size.follow`."""
    state = step.state
    scale = state.scale * step.view.ratio**step.preset.size.follow
    scale = scale.clamp(*state.scale_limits.unbind(1))
    scale = torch.where(estimate.status != NOT_FOUND, scale, state.scale)
    return estimate._replace(scale=scale, size_hw=state.base_size_hw * scale[:, None])
