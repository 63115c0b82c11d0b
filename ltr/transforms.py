"""Transforms of image patches (C, H, W), which first frames and training share."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ltr.transfer import upload


def cut(patch: Tensor, side: int, shift_yx: tuple[int, int]) -> Tensor:
    """The middle (3, side, side) of a patch whose content was moved by whole pixels down and right;
    borders repeat."""

    def indices(size: int, shift: int) -> Tensor:
        first = -((side - size) // 2 + shift)
        return torch.arange(first, first + side, device=patch.device).clamp(0, size - 1)

    rows, columns = indices(patch.shape[1], shift_yx[0]), indices(patch.shape[2], shift_yx[1])
    return patch.index_select(1, rows).index_select(2, columns)


def flip(patch: Tensor) -> Tensor:
    """Mirror the columns."""
    return patch.flip(-1)


def gaussian_kernel(sigma: float, device: torch.device) -> Tensor:
    """(2 k + 1,) weights that sum to 1, k = ceil(2 sigma)."""
    half = math.ceil(2 * sigma)
    values = torch.exp(
        -torch.arange(-half, half + 1, dtype=torch.float32, device=device).square() / (2 * sigma**2)
    )
    return values / values.sum()


def blur(patch: Tensor, sigma_yx: tuple[float, float]) -> Tensor:
    """Gaussian blur, vertical then horizontal, with zeros beyond the border."""
    down, right = (gaussian_kernel(sigma, patch.device) for sigma in sigma_yx)
    planes = F.conv2d(patch[:, None], down[None, None, :, None], padding=(len(down) // 2, 0))
    return F.conv2d(planes, right[None, None, None, :], padding=(0, len(right) // 2))[:, 0]


def rotate(patch: Tensor, degrees: float) -> Tensor:
    """Rotate counter-clockwise as seen on screen about the centre, sampled bilinearly and exactly;
    borders repeat."""
    height, width = patch.shape[1:]
    return rotated_middles(patch[None], [degrees], (height, width), torch.float64)[0].float()


def rotated_middles(
    patches: Tensor,
    degrees: Sequence[float],
    out_hw: tuple[int, int],
    precision: torch.dtype = torch.float32,
) -> Tensor:
    """The middles (R, C, *out_hw) of patches (R, C, H, W), each rotated by its own angle as
    `rotate` does it, computed in `precision`."""
    device = patches.device
    last_y, last_x = (size - 1 for size in patches.shape[2:])
    y = torch.arange(out_hw[0], dtype=torch.float64, device=device)[:, None] - (out_hw[0] - 1) / 2
    x = torch.arange(out_hw[1], dtype=torch.float64, device=device)[None, :] - (out_hw[1] - 1) / 2
    angles = [math.radians(angle) for angle in degrees]
    turns = [[math.cos(angle), math.sin(angle)] for angle in angles]
    table = upload(torch.tensor(turns, dtype=torch.float64, device="cpu"), device)
    cos, sin = table[:, :, None, None].unbind(1)
    from_x, from_y = cos * x - sin * y, sin * x + cos * y
    grid = torch.stack([from_x / (last_x / 2), from_y / (last_y / 2)], dim=-1)
    return F.grid_sample(
        patches.to(precision),
        grid.to(precision),
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )
