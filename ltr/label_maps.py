"""Label maps on the grid of score maps, used by data, models and tracker alike."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian(centre_yx: Tensor, sigma: float, size_hw: tuple[int, int]) -> Tensor:
    """Gaussian label map with peak 1: exp(-|p - c|^2 / (2 sigma^2)) for the cells p of an (H, W) grid.

    centre_yx: (..., 2) in index coordinates of the score map, where a target at crop position p (pool format, pixels)
    sits at p / stride for a 4 x 4 filter. sigma in cells. Returns (..., H, W). (facts: DiMP, supplementary; the
    outer product of two factors is exact.)"""
    height, width = size_hw
    y = torch.arange(height, dtype=centre_yx.dtype, device=centre_yx.device) - centre_yx[..., 0:1]
    x = torch.arange(width, dtype=centre_yx.dtype, device=centre_yx.device) - centre_yx[..., 1:2]
    factor = -0.5 / sigma**2
    return torch.exp(factor * y**2)[..., :, None] * torch.exp(factor * x**2)[..., None, :]
