"""Pictures of heads, mirrored, scaled and cut, as the published training does."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ltr.draws import Draws
from ltr.regress.examples import Examples

_MIRROR = torch.tensor([-1.0, 1.0, -1.0])
"""Yaw and roll change their sign, pitch does not."""


def augmented(examples: Examples, draws: Draws) -> Examples:
    """Copies of B examples: each mirrored or not, scaled by .7, .8, ... or 1.5, with zeros to its
    right and below where it is then too small, and a part of its former size cut out anywhere."""
    images, poses = examples
    side = images.shape[-1]
    mirrored = draws.of("mirror").integers(2).bool()
    scales = draws.of("scale").integers(9).tolist()
    places = draws.of("place").uniform(2).tolist()
    images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    poses = torch.where(mirrored[:, None], poses * _MIRROR, poses)
    parts = zip(images, scales, places, strict=True)
    return Examples(torch.stack([_part(i, 0.7 + j / 10, p, side) for i, j, p in parts]), poses)


def _part(image: Tensor, scale: float, place: list[float], side: int) -> Tensor:
    size = round(scale * side)
    scaled = interpolate(image[None].float(), (size, size), mode="bilinear", align_corners=False)
    missing = max(0, side - size)
    whole = pad(scaled[0], (0, missing, 0, missing)).round().to(torch.uint8)
    top, left = (int(share * (whole.shape[-1] - side + 1)) for share in place)
    return whole[:, top : top + side, left : left + side]
