"""When filters are learned anew, and from what."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ltr.errors import ConfigError
from ltr.models.tracking_network import TrackingNetwork
from ltr.transfer import constant
from pytracking.tracker.prediction import Prediction
from pytracking.tracker.preset_settings import Update
from pytracking.tracker.state import SampleMemory

UpdatePolicy = Callable[[Sequence[int], Sequence[Prediction], Update], list[int]]
"""Frame numbers, predictions and the preset's settings -> descent steps of each target; pure."""


def iterations_due(
    frame_number: Sequence[int], predictions: Sequence[Prediction], update: Update
) -> list[int]:
    """Descent steps of each target after its `frame_number[b]`-th frame (the first is 1)."""

    def due(number: int, prediction: Prediction) -> int:
        trusted = prediction.status in ("found", "hard_negative")
        if prediction.status == "hard_negative":
            return update.hard_negative_iterations
        if trusted and prediction.score < update.low_score_threshold:
            return update.low_score_iterations
        if (number - 1) % update.interval or (update.only_trusted and not trusted):
            return 0
        return update.iterations

    return [due(*pair) for pair in zip(frame_number, predictions, strict=True)]


def learn_filters(
    net: TrackingNetwork, filters: Tensor, memory: SampleMemory, iterations: Sequence[int]
) -> Tensor:
    """Filters (B, C, K, K), each learned by its number of steps from its target's memory: on the
    CPU one after another, for a view of one memory is read in order and nothing is copied;
    elsewhere all with one number of steps together."""
    if len(iterations) != len(filters):
        raise ConfigError(
            f"the update policy gave {len(iterations)} numbers for {len(filters)} targets"
        )
    if not any(iterations):
        return filters
    filters = filters.clone()
    for count, rows in _groups(iterations, together=filters.device.type != "cpu"):
        index: slice | Tensor = slice(rows[0], rows[-1] + 1)
        if rows != tuple(range(rows[0], rows[-1] + 1)):
            index = constant(rows, filters.device, torch.long)
        filters[index] = net.learn_filter(
            filters[index], memory.samples[index], memory.maps[index], memory.weights[index], count
        )
    return filters


def _groups(iterations: Sequence[int], together: bool) -> list[tuple[int, tuple[int, ...]]]:
    """(steps, rows) of all rows that have any: each row by itself, or those with one number
    `together`."""
    if not together:
        return [(count, (row,)) for row, count in enumerate(iterations) if count]
    return [
        (count, tuple(row for row, own in enumerate(iterations) if own == count))
        for count in sorted(set(iterations) - {0})
    ]
