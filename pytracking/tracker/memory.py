"""The sample memory of each target: what its filter is learned from, and what each sample counts
(facts of the published trackers, DiMP section 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pytracking.tracker.preset_settings import Memory


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


def first_memory(samples: Tensor, maps: Tensor, size: int) -> SampleMemory:
    """A memory of `size` slots that begins with the first frame's samples (B, N, H, W, C), weighted
    alike."""
    batch, first = samples.shape[:2]
    memory = SampleMemory(
        samples=samples.new_zeros(batch, size, *samples.shape[2:]),
        maps=maps.new_zeros(batch, size, *maps.shape[2:]),
        weights=samples.new_zeros(batch, size),
        count=torch.full((batch,), first, device=samples.device),
        previous=torch.full((batch,), -1, device=samples.device),
    )
    memory.samples[:, :first] = samples
    memory.maps[:, :first] = maps
    memory.weights[:, :first] = 1 / first
    return memory


def store(
    memory: SampleMemory,
    sample: Tensor,
    maps: Tensor,
    enters: Tensor,
    rate: Tensor,
    first: int,
    setting: Memory,
) -> SampleMemory:
    """Put one sample a target, (B, H, W, C) with its maps (B, T, H', W'), into the memories where
    `enters` (B,) holds.

    A new sample's weight exceeds the one before by the factor 1 / (1 - rate), rate (B,); it takes
    an empty slot, else that of the smallest weight. The `first` slots, of the first frame, are
    never replaced and keep at least `setting.first_samples_weight` of the sum, unless that is 0. A
    rate of 1 forgets everything else."""
    weights, size, least = memory.weights, memory.weights.shape[1], setting.first_samples_weight
    rows = torch.arange(len(weights), device=weights.device)
    restarts = (rate >= 1) | (memory.count == 0)
    protected = first if least > 0 else 0
    oldest = protected + weights[:, protected:].argmin(dim=1)
    slot = torch.where(restarts, 0, torch.where(memory.count < size, memory.count, oldest))

    growth = 1 / (1 - torch.where(restarts, 0.0, rate))
    begins = memory.previous < 0
    newest = torch.where(begins, rate, weights[rows, memory.previous.clamp(min=0)] * growth)
    updated = torch.where((begins & ~restarts)[:, None], weights * growth[:, None], weights)
    updated = torch.where(restarts[:, None], 0.0, updated)
    updated = updated.scatter(1, slot[:, None], torch.where(restarts, 1.0, newest)[:, None])
    updated = updated / updated.sum(dim=1, keepdim=True)
    first_sum = updated[:, :first].sum(dim=1, keepdim=True)
    floored = updated / (least + updated[:, first:].sum(dim=1, keepdim=True))
    floored[:, :first] = least / first
    updated = torch.where(first_sum < least, floored, updated)

    kept = enters[:, None, None, None]
    memory.samples[rows, slot] = torch.where(kept, sample, memory.samples[rows, slot])
    memory.maps[rows, slot] = torch.where(kept, maps, memory.maps[rows, slot])
    return SampleMemory(
        samples=memory.samples,
        maps=memory.maps,
        weights=torch.where(enters[:, None], updated, weights),
        count=memory.count + enters,
        previous=torch.where(enters, slot, memory.previous),
    )
