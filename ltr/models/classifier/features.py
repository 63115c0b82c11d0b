"""Classifier features: what the filter is applied to (DiMP, Bhat et al. 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ltr.models.backbone import BasicBlock


def instance_l2_norm(features: Tensor, filter_size: int) -> Tensor:
    """Scale each image's features to mean square 1/(C K^2), so that a filter's scores do not depend
    on contrast.

    features: (B, H, W, C), channels last. y = x s sqrt(CHW / (sum x^2 + 1e-5)), s = sqrt(1/(C
    K^2))."""
    height, width = features.shape[1:3]
    energy = features.square().sum(dim=(1, 2, 3), keepdim=True)
    return features * torch.sqrt(height * width / (filter_size**2 * (energy + 1e-5)))


class ClassifierFeatures(nn.Sequential):
    """`blocks` residual blocks and one bias-free convolution; the normalisation has no parameters
    and follows it. Convolutions begin as in DiMP: normal, of deviation sqrt(2 / (K K outputs))."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        blocks: int,
        kernel: int,
        signed: bool,
        width: int | None,
    ) -> None:
        """width: channels inside a block, by default `channels_in`."""
        super().__init__(
            *(
                BasicBlock(channels_in, channels_in, signed=signed, inner=width)
                for _ in range(blocks)
            ),
            nn.Conv2d(channels_in, channels, kernel, 1, kernel // 2, bias=False),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
