"""The proposal head: where a box near a first one may lie, a mixture of Gaussians over boxes, given
the target's modulation (Gustafsson et al. 2022, "Learning Proposals for Practical Energy-Based
Regression", whose proposal is this density of a box beside the energy of one).

It pools the feature maps of the energy head around the first box and weighs them by the same
modulation, so that both look at the same target. What goes in is detached: as published, features
are trained by the energy alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ltr.ebm.mixture import MixtureDensity
from ltr.geometry import grown
from ltr.models.backbone import Taps
from ltr.models.box.energy import STRIDES, LinearBlock, Modulation
from ltr.models.box.pooling import pool
from ltr.settings import group, setting

DIMENSIONS = 4
"""Of an offset from the first box: centre (x, y) in its sizes, log ratios of (w, h)."""
_WIDTHS = (0.05, 0.5)
"""Deviations of the first and of the last component before training: those of fixed noise."""


@dataclass(frozen=True)
@group
class MixtureHeadConfig:
    """The sizes of a proposal head. Pairs are (at stride 8, at stride 16)."""

    components: int = setting(4, "1", "Gaussians of the mixture", (1, 64))
    reach: float = setting(
        1.5, "box sizes", "the side of what is seen around the first box", (1, 5)
    )
    bins: tuple[int, int] = setting((7, 5), "1", "bins a side that it is pooled into", (1, 16))
    hidden: tuple[int, int] = setting(
        (128, 128), "1", "width of the hidden layer behind the pooled values", (1, 4096)
    )


class MixtureHead(nn.Module):
    """First boxes of a crop -> densities of boxes, given the target's modulation."""

    def __init__(self, channels: tuple[int, int], config: MixtureHeadConfig) -> None:
        """channels: those of the energy head's feature maps."""
        super().__init__()
        self.config = config
        (p8, p16), (h8, h16) = config.bins, config.hidden
        self.fc3 = LinearBlock(channels[0] * p8**2, h8)
        self.fc4 = LinearBlock(channels[1] * p16**2, h16)
        self.output = nn.Linear(h8 + h16, config.components * (1 + 2 * DIMENSIONS))
        for block in (self.fc3, self.fc4):
            nn.init.kaiming_normal_(block.linear.weight)
            nn.init.zeros_(block.linear.bias)
        nn.init.normal_(self.output.weight, std=1e-3)
        logits, means, log_sigmas = parameters(self.output.bias.data, config.components)
        first, last = (math.log(width) for width in _WIDTHS)
        widths = torch.linspace(first, last, config.components)
        logits.zero_()
        means.zero_()
        log_sigmas.copy_(widths[:, None])

    def forward(
        self, box_features: Taps, modulation: Modulation, first_xywh: Tensor
    ) -> MixtureDensity:
        """Densities of offsets (B, K), as of `ltr.geometry.at_offsets`, from first boxes (B, 4) in
        pool format. box_features and modulation: those of the energy head, detached here."""
        seen = grown(first_xywh, self.config.reach)[:, None]
        hidden = []
        for features, weights, stride, bins, block in zip(
            box_features, modulation, STRIDES, self.config.bins, (self.fc3, self.fc4), strict=True
        ):
            maps = features.detach().permute(0, 2, 3, 1)
            pooled = pool(maps, seen, stride, (bins, bins))[:, 0]  # (B, P, P, C)
            modulated = pooled * weights.detach()[:, None, None]
            hidden.append(block(modulated.permute(0, 3, 1, 2).flatten(1)))
        return mixture(self.output(torch.cat(hidden, dim=1)), self.config.components)


def mixture(numbers: Tensor, components: int) -> MixtureDensity:
    """The densities that the head's output (..., K (1 + 2 D)) stands for."""
    return MixtureDensity(*parameters(numbers, components))


def parameters(numbers: Tensor, components: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (..., K), means and logarithms of deviations (..., K, D), all views."""
    each = components * DIMENSIONS
    logits, means, log_sigmas = numbers.split((components, each, each), dim=-1)
    shape = (components, DIMENSIONS)
    return logits, means.unflatten(-1, shape), log_sigmas.unflatten(-1, shape)
