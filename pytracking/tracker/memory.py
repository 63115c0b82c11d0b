"""The sample memory: (B, S, H, W, C) features with labels and weights; an empty slot has weight 0."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class SampleMemory:
    """Memories of B targets. `store` writes samples and labels in place, for they are large; all else is a value."""

    samples: Tensor
    """(B, S, H, W, C) classifier features."""
    labels: Tensor
    """(B, S, H', W') label maps."""
    weights: Tensor
    """(B, S)."""
    count: Tensor
    """(B,) samples ever stored; counts on beyond S."""
    previous: Tensor
    """(B,) slot of the newest sample, -1 before the first one after the first frame."""


def first_memory(samples: Tensor, labels: Tensor, size: int) -> SampleMemory:
    """A memory of `size` slots that begins with the first frame's samples (B, N, H, W, C), weighted alike."""
    batch, first = samples.shape[:2]
    memory = SampleMemory(
        samples=samples.new_zeros(batch, size, *samples.shape[2:]),
        labels=labels.new_zeros(batch, size, *labels.shape[2:]),
        weights=samples.new_zeros(batch, size),
        count=torch.full((batch,), first, device=samples.device),
        previous=torch.full((batch,), -1, device=samples.device),
    )
    memory.samples[:, :first] = samples
    memory.labels[:, :first] = labels
    memory.weights[:, :first] = 1 / first
    return memory


def store(
    memory: SampleMemory, sample: Tensor, label: Tensor, enters: Tensor, rate: float, first: int, first_weight: float
) -> SampleMemory:
    """Put one sample a target, (B, H, W, C) with its label (B, H', W'), into the memories where `enters` (B,) holds.

    A new sample's weight exceeds the one before by the factor 1 / (1 - rate); it takes an empty slot, else that of
    the smallest weight. The `first` slots, of the first frame, are never replaced and keep at least `first_weight` of
    the sum, unless that is 0. rate is below 1."""
    weights, size = memory.weights, memory.weights.shape[1]
    rows = torch.arange(len(weights), device=weights.device)
    protected = first if first_weight > 0 else 0
    oldest = protected + weights[:, protected:].argmin(dim=1)
    slot = torch.where(memory.count < size, memory.count, oldest)

    newest = weights[rows, memory.previous.clamp(min=0)] / (1 - rate)
    begins = memory.previous < 0
    updated = torch.where(begins[:, None], weights / (1 - rate), weights)
    updated = updated.scatter(1, slot[:, None], torch.where(begins, rate, newest)[:, None])
    updated = updated / updated.sum(dim=1, keepdim=True)
    first_sum = updated[:, :first].sum(dim=1, keepdim=True)
    floored = updated / (first_weight + updated[:, first:].sum(dim=1, keepdim=True))
    floored[:, :first] = first_weight / first
    updated = torch.where(first_sum < first_weight, floored, updated)

    kept = enters[:, None, None]
    memory.samples[rows, slot] = torch.where(kept[..., None], sample, memory.samples[rows, slot])
    memory.labels[rows, slot] = torch.where(kept, label, memory.labels[rows, slot])
    return SampleMemory(
        samples=memory.samples,
        labels=memory.labels,
        weights=torch.where(enters[:, None], updated, weights),
        count=memory.count + enters,
        previous=torch.where(enters, slot, memory.previous),
    )
