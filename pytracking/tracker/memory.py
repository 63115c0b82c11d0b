"""The sample memory of each target: what is stored, where, and what each sample counts (DiMP, Bhat
et al. 2019, section 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.transfer import constant
from pytracking.tracker.localization import FOUND, HARD_NEGATIVE
from pytracking.tracker.preset_settings import Memory
from pytracking.tracker.state import SampleMemory
from pytracking.tracker.step import Estimate, Step


class Admission(NamedTuple):
    """Which samples of a step are stored."""

    enters: Tensor
    """(B,) whether the target's sample is."""
    rate: Tensor
    """(B,) the learning rate: the weight of a new sample."""


MemoryRule = Callable[[Step, Estimate], Admission]
"""What a step saw and says -> which samples are stored; pure."""


def trusted_samples(step: Step, estimate: Estimate) -> Admission:
    """Samples of found targets, on every `interval`-th frame, and all hard negative ones."""
    setting, status = step.preset.memory, estimate.status
    hard = status == HARD_NEGATIVE
    on_interval = tuple(number % setting.interval == 0 for number in step.frame_number)
    due = constant(on_interval, status.device, torch.bool)
    rate = torch.where(hard, setting.hard_negative_rate, setting.learning_rate).float()
    return Admission(((status == FOUND) & due) | hard, rate)


def first_memory(samples: Tensor, maps: Tensor, size: int) -> SampleMemory:
    """A memory of `size` slots with the first frame's samples (B, N, H, W, C), weighted alike."""
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
    admission: Admission,
    first: int,
    setting: Memory,
) -> SampleMemory:
    """Put one sample a target, (B, H, W, C) with its maps (B, T, H', W'), into the memories of
    those that are admitted.

    With the learning rate g a new weight is w_n = w_(n-1) / (1 - g), and the weights then sum to 1:
    older samples fade by (1 - g) a sample. The sample takes an empty slot, else that of the
    smallest weight. The `first` slots, of the first frame, are never replaced and keep at least
    `setting.first_samples_weight` of the sum, unless that is 0. A rate of 1 forgets all others."""
    weights, size = memory.weights, memory.weights.shape[1]  # (B, S)
    least, rate = setting.first_samples_weight, admission.rate
    rows = torch.arange(len(weights), device=weights.device)
    restarts = (rate >= 1) | (memory.count == 0)
    protected = first if least > 0 else 0
    oldest = protected + weights[:, protected:].argmin(dim=1)
    slot = torch.where(restarts, 0, torch.where(memory.count < size, memory.count, oldest))

    growth = 1 / (1 - torch.where(restarts, 0.0, rate))  # w_n / w_(n-1)
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

    enters = admission.enters
    stored = enters[:, None, None, None]
    memory.samples[rows, slot] = torch.where(stored, sample, memory.samples[rows, slot])
    memory.maps[rows, slot] = torch.where(stored, maps, memory.maps[rows, slot])
    return SampleMemory(
        samples=memory.samples,
        maps=memory.maps,
        weights=torch.where(enters[:, None], updated, weights),
        count=memory.count + enters,
        previous=torch.where(enters, slot, memory.previous),
    )
