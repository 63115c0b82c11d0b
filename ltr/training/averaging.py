"""The exponential moving average of a network while it learns: what is stored and validated."""

from __future__ import annotations

import torch
from torch import nn


def decay_at(decay: float, step: int) -> float:
    """The decay after `step` + 1 steps: less at first, so that the mean soon forgets the weights
    that training began with."""
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def average(mean: nn.Module, net: nn.Module, decay: float) -> None:
    """mean <- decay mean + (1 - decay) net, batch statistics included; whole numbers are those of
    `net`."""
    for kept, new in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)
