"""Label maps on the grid of score maps, used by data, models and tracker alike."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor


def gaussian(centre_yx: Tensor, sigma: float, size_hw: tuple[int, int]) -> Tensor:
    """Gaussian label map with peak 1: exp(-|p - c|^2 / (2 sigma^2)) for the cells p of an (H, W)
    grid.

    centre_yx: (..., 2) in index coordinates of the score map, where a target at crop position p
    (pool format, pixels) sits at p / stride for a 4 x 4 filter. sigma in cells. Returns (..., H,
    W): the outer product of one factor an axis."""
    y, x = _offsets(centre_yx, size_hw)
    factor = -0.5 / sigma**2
    return torch.exp(factor * y**2)[..., :, None] * torch.exp(factor * x**2)[..., None, :]


def label_density(
    centre_yx: Tensor,
    sigma: float,
    size_hw: tuple[int, int],
    normalise: bool = True,
    threshold: float = 0.0,
    shrink: float = 0.0,
    uniform: float = 0.0,
) -> Tensor:
    """Probability of each cell to be the target's: the Gaussian with its factor 1 / (2 pi sigma^2),
    zero where it does not exceed `threshold`, divided by its sum if `normalise`, mixed with
    `uniform` of the uniform distribution, times 1 - shrink. centre_yx (..., 2) -> (..., H, W).
    (PrDiMP, Danelljan et al. 2020.)"""
    density = gaussian(centre_yx, sigma, size_hw) / (2 * math.pi * sigma**2)
    density = torch.where(density > threshold, density, 0.0)
    if normalise:
        density = density / (density.sum(dim=(-2, -1), keepdim=True) + 1e-8)
    return (1 - shrink) * ((1 - uniform) * density + uniform / (size_hw[0] * size_hw[1]))


def training_density(
    centre_yx: Tensor,
    sigma: float,
    size_hw: tuple[int, int],
    normalise: bool = True,
    threshold: float = 0.0,
    shrink: float = 0.0,
    uniform: float = 0.0,
) -> Tensor:
    """The density that training holds score maps against. It differs from `label_density`, which
    the filter is learned from, in two points: it is mixed with `uniform` of the uniform
    distribution before what is below `threshold` becomes zero, and `normalise` makes it the uniform
    distribution where its sum is at most 0.01, the target being outside of the map. centre_yx (...,
    2) -> (..., H, W)."""
    cells = size_hw[0] * size_hw[1]
    density = (1 - uniform) * gaussian(centre_yx, sigma, size_hw) / (
        2 * math.pi * sigma**2
    ) + uniform / cells
    density = torch.where(density < threshold, 0.0, density)
    if normalise:
        total = density.sum(dim=(-2, -1), keepdim=True)
        density = torch.where(total > 0.01, density / total.clamp(min=0.01), 1 / cells)
    return (1 - shrink) * density


def distance_map(
    centre_yx: Tensor, bins: int, displacement: float, size_hw: tuple[int, int]
) -> Tensor:
    """How near each cell's distance from the centre is to k * displacement: hat functions of k, the
    last one open.

    centre_yx (..., 2) -> (..., bins, H, W); the values of a cell sum to 1. (DiMP, the
    basis functions of its learned label, mask and weight.)"""
    y, x = _offsets(centre_yx, size_hw)
    distance = (y.square()[..., :, None] + x.square()[..., None, :]).sqrt() / displacement
    k = torch.arange(bins, dtype=centre_yx.dtype, device=centre_yx.device)
    offset = distance[..., None, :, :] - k[:, None, None]
    inner = (1 - offset[..., :-1, :, :].abs()).clamp(min=0)
    last = (1 + offset[..., -1:, :, :]).clamp(0, 1)
    return torch.cat([inner, last], dim=-3)


@lru_cache(maxsize=16)
def hann_window(size: int, effective: int, device: torch.device) -> Tensor:
    """(size, size) Hann window that is zero just outside the map; where `effective` is smaller, of
    that side, brought to the parity of `size`, with its border repeated."""
    effective = min(size, effective + (size - effective) % 2)
    index = torch.arange(1, effective + 1, dtype=torch.float32, device="cpu")
    line = 0.5 * (1 - torch.cos(2 * torch.pi / (effective + 1) * index))
    border = (size - effective) // 2
    line = torch.cat([line[:1].expand(border), line, line[-1:].expand(border)])
    return (line[:, None] * line[None, :]).to(device)


def _offsets(centre_yx: Tensor, size_hw: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Rows (..., H) and columns (..., W) of a grid, counted from centres (..., 2)."""
    rows, columns = (
        torch.arange(size, dtype=centre_yx.dtype, device=centre_yx.device) for size in size_hw
    )
    return rows - centre_yx[..., 0:1], columns - centre_yx[..., 1:2]
