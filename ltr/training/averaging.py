"""The exponential moving average of a network while it learns: what is stored and validated."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def decay_at(decay: float, step: int) -> float:
    """The decay after `step` + 1 steps: less at first, so that the mean soon forgets the weights
    that training began with."""
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def average(
    mean: nn.Module,
    net: nn.Module,
    decay: float,
    begun: Mapping[str, tuple[Tensor, float]] | None = None,
) -> None:
    """mean <- decay mean + (1 - decay) net, batch statistics included; whole numbers are those of
    `net`. In the place of the tensors of `begun` stands a share of the way from there to `net`: a
    mean of the weights before and after a training, which keeps what the former were good at
    (WiSE-FT, Wortsman et al. 2022)."""
    state = net.state_dict()
    for key, kept in mean.state_dict().items():
        new = state[key]
        if begun and key in begun:
            first, share = begun[key]
            new = torch.lerp(first, new, share)
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)
