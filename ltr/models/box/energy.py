"""The energy head: how well a box fits the target, one unbounded number a box (the IoU predictor of
ATOM, Danelljan et al. 2019, section 3.2; trained as an energy in Gustafsson et al. 2020).

The target of the first frame enters as two *modulation* vectors that weigh the channels of both
feature maps. Parameter names are those of the published networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ltr.models.backbone import Taps
from ltr.models.box.pooling import pool
from ltr.models.precision import widened, without_autocast
from ltr.settings import group, setting

STRIDES = (8, 16)
"""Crop pixels per cell of the maps that boxes are pooled from."""


@dataclass(frozen=True)
@group
class EnergyHeadConfig:
    """The sizes of a box head. Pairs are (at stride 8, at stride 16)."""

    channels: tuple[int, int] = setting(
        (256, 256), "1", "channels of the maps that boxes are pooled from", (1, 4096)
    )
    bins: tuple[int, int] = setting((5, 3), "1", "bins a side that a box is pooled into", (1, 16))
    hidden: tuple[int, int] = setting(
        (256, 256), "1", "width of the hidden layer behind the pooled values", (1, 4096)
    )
    reference: tuple[int, int] = setting(
        (128, 256), "1", "channels of the maps that the target's own box is pooled from", (1, 4096)
    )


class Modulation(NamedTuple):
    """Channel weights of both branches, (B, C8) and (B, C16), not negative."""

    stride8: Tensor
    stride16: Tensor


def convolution(
    channels_in: int, channels: int, kernel: int = 3, padding: int = 1
) -> nn.Sequential:
    """Convolution with bias, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, kernel, padding=padding),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


class LinearBlock(nn.Module):
    """Linear with bias, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels_in, channels)
        self.bn = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.linear(x)).relu()


class EnergyHead(nn.Module):
    """Boxes of a crop -> energies, given the target's modulation."""

    def __init__(
        self, channels8: int, channels16: int, config: EnergyHeadConfig | None = None
    ) -> None:
        """channels8, channels16: those of the trunk's features."""
        super().__init__()
        self.config = c = config or EnergyHeadConfig()
        self.conv3_1r = convolution(channels8, c.reference[0])
        self.conv3_1t = convolution(channels8, c.channels[0])
        self.conv3_2t = convolution(c.channels[0], c.channels[0])
        self.fc3_1r = convolution(c.reference[0], c.reference[1], 3, 0)
        self.conv4_1r = convolution(channels16, c.reference[1])
        self.conv4_1t = convolution(channels16, c.channels[1])
        self.conv4_2t = convolution(c.channels[1], c.channels[1])
        self.fc34_3r = convolution(2 * c.reference[1], c.channels[0], 1, 0)
        self.fc34_4r = convolution(2 * c.reference[1], c.channels[1], 1, 0)
        self.fc3_rt = LinearBlock(c.channels[0] * c.bins[0] ** 2, c.hidden[0])
        self.fc4_rt = LinearBlock(c.channels[1] * c.bins[1] ** 2, c.hidden[1])
        self.iou_predictor = nn.Linear(sum(c.hidden), 1)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            elif isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
                nn.init.uniform_(module.weight)  # as the published networks began
                nn.init.zeros_(module.bias)

    def modulation(self, taps: Taps, boxes_xywh: Tensor) -> Modulation:
        """The target's modulation from the trunk's features (B, ...) of its crop and its box there
        (B, 4)."""
        boxes = boxes_xywh[:, None]
        maps8 = _channels_last(widened(self.conv3_1r(taps.stride8)))
        maps16 = _channels_last(widened(self.conv4_1r(taps.stride16)))
        with without_autocast(boxes.device):
            pooled8 = pool(maps8, boxes, 8, (3, 3))[:, 0].permute(0, 3, 1, 2)  # (B, R8, 3, 3)
            pooled16 = pool(maps16, boxes, 16, (1, 1))[:, 0].permute(0, 3, 1, 2)  # (B, R16, 1, 1)
            both = torch.cat([self.fc3_1r(pooled8), pooled16], dim=1)  # (B, 2 R16, 1, 1)
            return Modulation(self.fc34_3r(both).flatten(1), self.fc34_4r(both).flatten(1))

    def box_features(self, taps: Taps) -> Taps:
        """The feature maps that boxes are pooled from: (B, C8, H/8, W/8) and (B, C16, H/16,
        W/16)."""
        return Taps(
            self.conv3_2t(self.conv3_1t(taps.stride8)), self.conv4_2t(self.conv4_1t(taps.stride16))
        )

    def forward(self, box_features: Taps, modulation: Modulation, boxes_xywh: Tensor) -> Tensor:
        """Energies (B, N) of boxes (B, N, 4) in pool format."""
        branches = []
        for features, weights, stride, bins, hidden in zip(
            box_features,
            modulation,
            STRIDES,
            self.config.bins,
            (self.fc3_rt, self.fc4_rt),
            strict=True,
        ):
            pooled = pool(_channels_last(features), boxes_xywh, stride, (bins, bins))
            modulated = pooled * weights[:, None, None, None]  # (B, N, P, P, C)
            branches.append(hidden(modulated.permute(0, 1, 4, 2, 3).flatten(2).flatten(0, 1)))
        return self.iou_predictor(torch.cat(branches, dim=1)).view(boxes_xywh.shape[:2])


def _channels_last(features: Tensor) -> Tensor:
    return features.permute(0, 2, 3, 1)
