"""When filters are learned anew, and from what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from ltr.errors import ConfigError
from ltr.models.folding import InferenceNet
from ltr.transfer import constant
from pytracking.tracker.prediction import Prediction
from pytracking.tracker.presets import Update
from pytracking.tracker.state import TrackerState, select

UpdatePolicy = Callable[[Sequence[int], Sequence[Prediction], Update], list[int]]
"""Frame numbers, predictions and the preset's settings -> descent steps of each target; pure."""


def iterations_due(frame: Sequence[int], predictions: Sequence[Prediction], update: Update) -> list[int]:
    """Descent steps of each target after its `frame[b]`-th frame (the first is 1)."""

    def due(number: int, prediction: Prediction) -> int:
        trusted = prediction.status in ("found", "hard_negative")
        if prediction.status == "hard_negative":
            return update.hard_negative_iterations
        if trusted and prediction.score < update.low_score_threshold:
            return update.low_score_iterations
        if (number - 1) % update.interval or (update.only_trusted and not trusted):
            return 0
        return update.iterations

    return [due(number, prediction) for number, prediction in zip(frame, predictions, strict=True)]


def update_filters(net: InferenceNet, state: TrackerState, iterations: Sequence[int]) -> TrackerState:
    """Learn each target's filter by its number of steps from its own memory; targets with one number together."""
    if len(iterations) != len(state.names):
        raise ConfigError(f"the update policy gave {len(iterations)} numbers for {len(state.names)} targets")
    filters = state.filters
    for count in sorted(set(iterations) - {0}):
        rows = tuple(b for b, own in enumerate(iterations) if own == count)
        part = state if len(rows) == len(iterations) else select(state, rows)
        memory = part.memory
        learned = net.learn_filter(part.filters, memory.samples, memory.maps, memory.weights, count)
        if part is state:
            filters = learned
        else:
            filters = filters.index_copy(0, constant(rows, filters.device, torch.long), learned)
    return replace(state, filters=filters)
