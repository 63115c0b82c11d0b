"""Where the descent that learns a filter starts from."""

from __future__ import annotations

import math

from torch import Tensor, nn

from ltr.models.box.pooling import pool
from ltr.models.stride import STRIDE


class PooledInitializer(nn.Module):
    """One convolution, then the mean over each of K x K bins of the target's box, and over the
    samples (DiMP, "initial filter prediction"). With `zero_init` training begins at a filter of
    zeros."""

    def __init__(self, channels: int, filter_size: int, zero_init: bool) -> None:
        super().__init__()
        self.filter_size = filter_size
        self.filter_conv = nn.Conv2d(channels, channels, 3, padding=1)
        deviation = 0.0 if zero_init else math.sqrt(2 / (9 * channels))
        nn.init.normal_(self.filter_conv.weight, 0, deviation)
        nn.init.zeros_(self.filter_conv.bias)  # type: ignore[arg-type]

    def forward(self, samples: Tensor, boxes_xywh: Tensor) -> Tensor:
        """samples (B, S, H, W, C) and boxes (B, S, 4) in pool format -> filters (B, C, K, K)."""
        k, boxes = self.filter_size, boxes_xywh.flatten(0, 1)[:, None]  # (B S, 1, 4)
        features = self.filter_conv(samples.flatten(0, 1).permute(0, 3, 1, 2))  # (B S, C, H, W)
        pooled = pool(features.permute(0, 2, 3, 1), boxes, STRIDE, (k, k))  # (B S, 1, K, K, C)
        mean = pooled.view(*samples.shape[:2], k, k, -1).mean(dim=1)  # (B, K, K, C)
        return mean.permute(0, 3, 1, 2).contiguous()


class ZeroInitializer(nn.Module):
    """A filter of zeros, for networks without training."""

    def __init__(self, filter_size: int) -> None:
        super().__init__()
        self.filter_size = filter_size

    def forward(self, samples: Tensor, boxes_xywh: Tensor) -> Tensor:
        """samples (B, S, H, W, C) -> filters (B, C, K, K)."""
        size = self.filter_size
        return samples.new_zeros(len(samples), samples.shape[-1], size, size)
