"""What JPEG does to pictures, in tensors on any device: nothing is encoded but for the loss.

The baseline of ITU-T T.81: JFIF's YCbCr, chroma at half the resolution, 8 x 8 cosine transforms,
coefficients rounded to multiples of the tables of its annex K, scaled by quality as libjpeg does.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ltr.transfer import constant, upload

_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
_TO_YCC = (
    (0.299, 0.587, 0.114),
    (-0.168735892, -0.331264108, 0.5),
    (0.5, -0.418687589, -0.081312411),
)
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))
_COSINES = tuple(
    tuple(
        math.cos((2 * x + 1) * u * math.pi / 16) * math.sqrt((2 if u else 1) / 8) for x in range(8)
    )
    for u in range(8)
)


def compressed(crops: Tensor, quality: NDArray[np.int64]) -> Tensor:
    """Crops (R, 3, H, W), 0..255, as they come back from JPEG of qualities (R,), 1 to 100: whole
    grey levels."""
    height, width = crops.shape[2:]
    padded = F.pad(crops, (0, -width % 16, 0, -height % 16), mode="replicate")
    luma, blue, red = _mixed(padded, _TO_YCC).round_().unbind(1)
    luma = _quantised(luma - 128, _tables(_LUMA, quality, crops.device))
    chroma = F.avg_pool2d(torch.stack([blue, red], 1), 2).round_()
    table = _tables(_CHROMA, quality, crops.device)
    chroma = torch.stack([_quantised(plane, table) for plane in chroma.unbind(1)], 1)
    # decoders draw chroma larger with the weights 3/4 and 1/4: bilinear
    chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    ycc = torch.cat([luma[:, None] + 128, chroma], dim=1)
    return _mixed(ycc, _TO_RGB).round_().clamp_(0, 255)[..., :height, :width]


def _mixed(planes: Tensor, matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    """Channels of (R, 3, H, W) times a matrix."""
    weights = constant(matrix, planes.device, torch.float32)
    return torch.matmul(weights, planes.flatten(2)).view_as(planes)


def _tables(
    base: tuple[tuple[int, ...], ...], quality: NDArray[np.int64], device: torch.device
) -> Tensor:
    """(R, 8, 8) steps of coefficients, whole numbers."""
    quality = quality.clip(1, 100)[:, None, None]
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    steps = ((np.array(base) * percent + 50) // 100).clip(1, 255)
    return upload(torch.from_numpy(steps.astype(np.float32)), device)


def _quantised(plane: Tensor, steps: Tensor) -> Tensor:
    """Planes (R, H, W), about zero, with the coefficients of 8 x 8 blocks rounded to multiples of
    steps (R, 8, 8)."""
    count, height, width = plane.shape
    cosines = constant(_COSINES, plane.device, torch.float32)
    rows = torch.matmul(cosines, plane.reshape(count, height // 8, 8, width))
    coefficients = torch.matmul(rows.view(count, height // 8, 8, width // 8, 8), cosines.T)
    steps = steps[:, None, :, None, :]
    coefficients = coefficients.div_(steps).round_().mul_(steps)
    rows = torch.matmul(coefficients, cosines).view(count, height // 8, 8, width)
    plane = torch.matmul(cosines.T, rows).view(count, height, width)
    return plane.round_().clamp_(-128, 127)
