"""The state of B targets: a typed value, so that rows come and go without touching the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ltr.transfer import constant
from pytracking.tracker.memory import SampleMemory


@dataclass(frozen=True)
class TrackerState:
    """All that a tracker knows of its B targets. Tensors have B in front and lie on the network's
    device."""

    names: tuple[str, ...]
    frame: tuple[int, ...]
    """Each target's own frame counter; the first frame is 1."""
    centre_yx: Tensor
    """(B, 2) frame pixels."""
    size_hw: Tensor
    """(B, 2) frame pixels."""
    scale: Tensor
    """(B,) frame pixels per crop pixel."""
    base_size_hw: Tensor
    """(B, 2) the first frame's size, in crop pixels."""
    scale_limits: Tensor
    """(B, 2) the least and the greatest scale."""
    filters: Tensor
    """(B, C, K, K)."""
    modulation: Tensor
    """(B, M) the target as the box head sees it; M is 0 for networks without one."""
    refined_yx: Tensor
    """(B, 2) the last refined place, frame pixels; nan before the first one."""
    memory: SampleMemory

    def copy(self) -> TrackerState:
        """A state that steps of this one leave alone."""
        return select(self, range(len(self.names)))


def select(state: TrackerState, rows: Sequence[int]) -> TrackerState:
    """A copy of the given rows."""
    index = constant(tuple(rows), state.scale.device, torch.long)
    return _map(lambda parts: parts[0].index_select(0, index), [state], tuple(rows))


def concatenate(states: Sequence[TrackerState]) -> TrackerState:
    """One state of all targets, in order."""
    return _map(torch.cat, list(states), None)


def moved(state: TrackerState, device: torch.device) -> TrackerState:
    """A copy on `device`."""
    return _map(lambda parts: parts[0].to(device, copy=True), [state], None)


def _map(combine, values, rows):  # type: ignore[no-untyped-def]
    """Combine the fields of several states (or memories): tensors by `combine`, tuples by joining
    and selecting `rows`."""
    combined = {}
    for field in dataclasses.fields(values[0]):
        parts = [getattr(value, field.name) for value in values]
        if isinstance(parts[0], Tensor):
            combined[field.name] = combine(parts)
        elif isinstance(parts[0], tuple):
            joined = sum(parts, ())
            combined[field.name] = joined if rows is None else tuple(joined[r] for r in rows)
        else:
            combined[field.name] = _map(combine, parts, rows)
    return type(values[0])(**combined)
