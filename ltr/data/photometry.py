"""What happens to the pixels of crops: colour, mirror, blur, resolution, noise, compression.

What is to happen is drawn on the host, one row a crop; `photographed` does it in tensors on any
device, each change to those crops alone that drew it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ltr.data.configuration import Photometry
from ltr.data.jpeg import compressed
from ltr.draws import Draws
from ltr.transfer import upload
from ltr.transforms import flip, gaussian_kernel

GREY = np.array([9798, 19235, 3735]) / 2**15
"""The weights of red, green and blue in grey, rounded as OpenCV does."""

NOISE_STARTS = 2**18


class Changes(NamedTuple):
    """What happens to R crops; each value (R,) but `blur_yx`."""

    mirror: NDArray[np.bool_]
    grey: NDArray[np.bool_]
    brightness: NDArray[np.float32]
    """Factor on all channels; 1: none."""
    contrast: NDArray[np.float32]
    """Factor about the crop's mean grey; 1: none."""
    saturation: NDArray[np.float32]
    """Factor about each pixel's grey; 1: none."""
    hue: NDArray[np.float32]
    """Degrees of a rotation about the grey axis; 0: none."""
    blur_yx: NDArray[np.float32]
    """(R, 2) pixels, deviations of a Gaussian; 0: sharp."""
    coarse: NDArray[np.float32]
    """Loss of resolution; 1: none."""
    noise: NDArray[np.float32]
    """Grey levels, deviation; 0: none."""
    noise_start: NDArray[np.int64]
    """Which part of the noise is the crop's, 0 to NOISE_STARTS - 1."""
    jpeg_quality: NDArray[np.int64]
    """1 to 100; 0: not compressed."""


def draw_changes(setting: Photometry, frames: int, random: np.random.Generator) -> Changes:
    """The changes of the frames of one sample.

    The same numbers are drawn whatever the settings, so that one of them does not move what the
    others do."""
    joint_grey, joint_flip = random.random(2)
    starts = random.integers(NOISE_STARTS, size=frames)
    uniform = iter(random.random((14, frames)))

    def drawn(share: float) -> NDArray[np.bool_]:
        return next(uniform) < share

    def factor(reach: float) -> NDArray[np.float32]:
        low = max(0.0, 1 - reach)
        return (low + (1 + reach - low) * next(uniform)).astype(np.float32)

    lowest, highest = setting.jpeg_quality
    return Changes(
        mirror=drawn(setting.flip) ^ (joint_flip < setting.joint_flip),
        grey=np.full(frames, joint_grey < setting.joint_grey),
        brightness=factor(setting.brightness),
        contrast=factor(setting.contrast),
        saturation=factor(setting.saturation),
        hue=((2 * next(uniform) - 1) * setting.hue).astype(np.float32),
        blur_yx=(
            drawn(setting.blur)[:, None]
            * setting.blur_sigma
            * np.stack([next(uniform), next(uniform)], axis=1)
        ).astype(np.float32),
        coarse=np.where(drawn(setting.coarse), setting.coarse_factor ** next(uniform), 1.0).astype(
            np.float32
        ),
        noise=(drawn(setting.noise) * setting.noise_deviation * next(uniform)).astype(np.float32),
        noise_start=starts,
        jpeg_quality=np.where(
            drawn(setting.jpeg), np.rint(lowest + (highest - lowest) * next(uniform)), 0
        ).astype(np.int64),
    )


def together(changes: Sequence[Changes]) -> Changes:
    """The changes of the crops of several samples, one after another."""
    return Changes._make(np.concatenate(values) for values in zip(*changes, strict=True))


def photographed(crops: Tensor, changes: Changes) -> Tensor:
    """Crops (R, 3, n, n), float 0..255, with their changes, in the order in which a camera makes
    them: colour of the light, blur, resolution, noise, compression. The crops given are used up.

    Boxes of crops that are mirrored follow by `ltr.geometry.mirrored`."""
    steps: tuple[tuple[NDArray[np.bool_], Callable[[Tensor, Changes], Tensor]], ...] = (
        (changes.mirror, lambda part, own: flip(part)),
        (_coloured(changes), _in_other_light),
        (np.logical_or(*(changes.blur_yx.T > 0)), _blurred),
        (changes.coarse > 1, _coarse),
        (changes.noise > 0, _noisy),
        (changes.jpeg_quality > 0, lambda part, own: compressed(part, own.jpeg_quality)),
    )
    for rows, change in steps:
        if rows.all():
            crops = change(crops, changes)
        elif rows.any():
            index = upload(torch.from_numpy(np.flatnonzero(rows)), crops.device)
            own = Changes._make(value[rows] for value in changes)
            crops.index_copy_(0, index, change(crops.index_select(0, index), own))
    return crops


def _coloured(changes: Changes) -> NDArray[np.bool_]:
    factors = np.stack([changes.brightness, changes.contrast, changes.saturation])
    return changes.grey | (factors != 1).any(0) | (changes.hue != 0)


def _in_other_light(crops: Tensor, changes: Changes) -> Tensor:
    """One affine map of colours a crop: grey, then brightness, contrast, saturation, hue."""
    matrix = torch.from_numpy(colour_matrices(changes).astype(np.float32))
    pixels = crops.flatten(2)
    if (changes.contrast == 1).all():
        mapped = torch.bmm(upload(matrix, crops.device), pixels)
    else:
        # greys stay greys in all that follows, so the mean does
        share = ((1 - changes.contrast) * changes.brightness)[:, None] * GREY
        weights = upload(torch.from_numpy(share.astype(np.float32)), crops.device)
        offset = (weights * pixels.mean(2)).sum(1)[:, None, None]
        mapped = torch.baddbmm(offset, upload(matrix, crops.device), pixels)
    return mapped.clamp_(0, 255).view_as(crops)


def colour_matrices(changes: Changes) -> NDArray[np.float64]:
    """(R, 3, 3), what changes do to (red, green, blue) but for the mean that contrast adds."""
    identity, to_grey = np.eye(3), np.broadcast_to(GREY, (3, 3))

    def column(values: NDArray[np.float32]) -> NDArray[np.float64]:
        return values.astype(np.float64)[:, None, None]

    grey = np.where(changes.grey[:, None, None], to_grey, identity)
    saturation = column(changes.saturation)
    saturated = saturation * identity + (1 - saturation) * to_grey
    # Rodrigues' rotation about (1, 1, 1)
    angle = np.deg2rad(column(changes.hue))
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    hue = np.cos(angle) * identity + (1 - np.cos(angle)) / 3 + np.sin(angle) * across
    return hue @ saturated @ grey * column(changes.brightness) * column(changes.contrast)


def _blurred(crops: Tensor, changes: Changes) -> Tensor:
    """Gaussian blur along rows, then along columns; borders repeat.

    Shifted additions of one crop after another, which stay in a CPU's cache: a sixth of the time
    of grouped convolutions."""
    for row, (down, right) in enumerate(changes.blur_yx):
        for axis, sigma in ((1, down), (2, right)):
            kernel = gaussian_kernel(max(float(sigma), 0.05), torch.device("cpu")).tolist()
            half, size = len(kernel) // 2, crops.shape[1 + axis]
            pad = (0, 0, half, half) if axis == 1 else (half, half, 0, 0)
            padded = F.pad(crops[row], pad, mode="replicate")
            blurred = crops[row].mul_(kernel[half])
            for tap in (k for k in range(len(kernel)) if k != half):
                blurred.add_(padded.narrow(axis, tap, size), alpha=kernel[tap])
    return crops.clamp_(0, 255)  # weights may sum to more than 1 by rounding


def _coarse(crops: Tensor, changes: Changes) -> Tensor:
    """As if seen by a sensor with fewer pixels, and enlarged again."""
    side = crops.shape[-1]
    for row, factor in enumerate(changes.coarse):
        small = F.interpolate(
            crops[row : row + 1], max(1, round(side / float(factor))), mode="area"
        )
        crops[row] = F.interpolate(small, side, mode="bilinear", align_corners=False)[0]
    return crops.clamp_(0, 255)


def _noisy(crops: Tensor, changes: Changes) -> Tensor:
    """Each pixel and channel off by a normal number."""
    count = crops[0].numel()
    table = _normal_numbers(count + NOISE_STARTS, crops.device)
    for row, (start, deviation) in enumerate(
        zip(changes.noise_start.tolist(), changes.noise.tolist(), strict=True)
    ):
        noise = table[start : start + count].view_as(crops[row])
        crops[row].add_(noise, alpha=deviation).clamp_(0, 255)
    return crops


@lru_cache(maxsize=4)
def _normal_numbers(count: int, device: torch.device) -> Tensor:
    """(N,) always the same. To draw new ones costs as much as a crop's way through a trunk; where
    a crop begins to read them is what is drawn."""
    seed = torch.zeros(1, dtype=torch.int64, device=device)
    return Draws(seed).of("sensor noise").normal(count)[0]
