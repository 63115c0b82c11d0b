"""The state of B targets: a typed value, so that rows come and go without touching the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ltr.models.tracking_network import ConditionedHead
from ltr.transfer import constant


@dataclass(frozen=True)
class SampleMemory:
    """S slots a target; an empty one has weight 0."""

    samples: Tensor
    """(B, S, H, W, C) classifier features."""
    maps: Tensor
    """(B, S, T, H', W') what each sample asks of the filter; it does not change while the sample is
    kept."""
    weights: Tensor
    """(B, S)."""
    count: Tensor
    """(B,) samples ever stored; counts on beyond S."""
    previous: Tensor
    """(B,) slot of the newest sample, -1 before the first one after the first frame."""


@dataclass(frozen=True)
class TrackerState:
    """All that a tracker knows of its B targets. Tensors have B in front and lie on the network's
    device."""

    names: tuple[str, ...]
    frame_number: tuple[int, ...]
    """Of each target, counted by itself; the first frame is 1."""
    frames_lost: tuple[int, ...]
    """How many frames ago each target was last found; 0 if it was in the last one."""
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
    """(B, 2) the last place that the box head gave, frame pixels; nan before the first one."""
    bias_yxhw: Tensor
    """(B, 4) the offset of what the box head makes of a box to that box, as of `offset_of`."""
    offset_yxhw: Tensor
    """(B, 4) the offset of the box that was reported last to the one that is searched."""
    memory: SampleMemory
    box_head: ConditionedHead | None = None
    """The box head conditioned on `modulation`: derived from it, so neither copied nor saved; None
    until a step needs it."""

    def copy(self) -> TrackerState:
        """A state that steps of this one leave alone."""
        return select(self, range(len(self.names)))


def select(state: TrackerState, rows: Sequence[int]) -> TrackerState:
    """A copy of the given rows."""
    index = constant(tuple(rows), state.scale.device, torch.long)
    return _combine([state], lambda parts: parts[0].index_select(0, index), tuple(rows))


def concatenate(states: Sequence[TrackerState]) -> TrackerState:
    """One state of all targets, in order."""
    return _combine(list(states), torch.cat)


def on_device(state: TrackerState, device: torch.device) -> TrackerState:
    """A copy on `device`."""
    return _combine([state], lambda parts: parts[0].to(device, copy=True))


def _combine(values, tensor, rows=None):  # type: ignore[no-untyped-def]
    """Combine the fields of several states (or memories): tensors by `tensor`, tuples by joining
    and, where given, selecting `rows`; what is derived is left out."""
    fields = {}
    for field in dataclasses.fields(values[0]):
        if field.name == "box_head":
            continue
        parts = [getattr(value, field.name) for value in values]
        if isinstance(parts[0], Tensor):
            fields[field.name] = tensor(parts)
        elif isinstance(parts[0], tuple):
            joined = sum(parts, ())
            fields[field.name] = joined if rows is None else tuple(joined[row] for row in rows)
        else:
            fields[field.name] = _combine(parts, tensor, rows)
    return type(values[0])(**fields)
