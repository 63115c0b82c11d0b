"""The energy head: how well a box fits the target, one unbounded number a box (the IoU predictor of
ATOM, Danelljan et al. 2019, section 3.2; trained as an energy in Gustafsson et al. 2020).

The target of the first frame enters as two *modulation* vectors that weigh the channels of both
feature maps. Parameter names are those of the published networks.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ltr.models.backbone import Taps
from ltr.models.box.pooling import pool

CHANNELS = 256
"""Channels of the box features, and of each branch's hidden layer."""
BINS8, BINS16 = 5, 3
"""Bins a side at stride 8 and at stride 16."""


class Modulation(NamedTuple):
    """Channel weights of both branches, (B, 256) each, not negative."""

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

    def __init__(self, channels8: int, channels16: int) -> None:
        super().__init__()
        self.conv3_1r = convolution(channels8, 128)
        self.conv3_1t = convolution(channels8, CHANNELS)
        self.conv3_2t = convolution(CHANNELS, CHANNELS)
        self.fc3_1r = convolution(128, CHANNELS, 3, 0)
        self.conv4_1r = convolution(channels16, CHANNELS)
        self.conv4_1t = convolution(channels16, CHANNELS)
        self.conv4_2t = convolution(CHANNELS, CHANNELS)
        self.fc34_3r = convolution(2 * CHANNELS, CHANNELS, 1, 0)
        self.fc34_4r = convolution(2 * CHANNELS, CHANNELS, 1, 0)
        self.fc3_rt = LinearBlock(CHANNELS * BINS8**2, CHANNELS)
        self.fc4_rt = LinearBlock(CHANNELS * BINS16**2, CHANNELS)
        self.iou_predictor = nn.Linear(2 * CHANNELS, 1)
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
        pooled8 = pool(_channels_last(self.conv3_1r(taps.stride8)), boxes, 8, (3, 3))[:, 0]
        pooled16 = pool(_channels_last(self.conv4_1r(taps.stride16)), boxes, 16, (1, 1))[:, 0]
        both = torch.cat(
            [self.fc3_1r(pooled8.permute(0, 3, 1, 2)), pooled16.permute(0, 3, 1, 2)], dim=1
        )
        return Modulation(self.fc34_3r(both).flatten(1), self.fc34_4r(both).flatten(1))

    def box_features(self, taps: Taps) -> Taps:
        """The feature maps that boxes are pooled from: (B, 256, H/8, W/8) and (B, 256, H/16,
        W/16)."""
        return Taps(
            self.conv3_2t(self.conv3_1t(taps.stride8)), self.conv4_2t(self.conv4_1t(taps.stride16))
        )

    def forward(self, box_features: Taps, modulation: Modulation, boxes_xywh: Tensor) -> Tensor:
        """Energies (B, N) of boxes (B, N, 4) in pool format."""
        branches = []
        for features, weights, stride, bins, hidden in (
            (box_features.stride8, modulation.stride8, 8, BINS8, self.fc3_rt),
            (box_features.stride16, modulation.stride16, 16, BINS16, self.fc4_rt),
        ):
            pooled = (
                pool(_channels_last(features), boxes_xywh, stride, (bins, bins))
                * weights[:, None, None, None]
            )
            branches.append(hidden(pooled.permute(0, 1, 4, 2, 3).flatten(2).flatten(0, 1)))
        return self.iou_predictor(torch.cat(branches, dim=1)).view(boxes_xywh.shape[:2])


def _channels_last(features: Tensor) -> Tensor:
    return features.permute(0, 2, 3, 1)
