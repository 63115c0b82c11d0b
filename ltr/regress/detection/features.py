"""What a frozen trunk says of photographs, once for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn import functional as nnf

from ltr.images import read_image
from ltr.models.backbone import Taps
from ltr.models.tracker_net import TrackerNet
from ltr.progress import with_progress

_STRIDE = 16
"""Sides of what a trunk is given are multiples of it."""


@torch.inference_mode()
def photograph_taps(net: TrackerNet, file: Path) -> Taps:
    """The trunk's features (1, C8, H/8, W/8) and (1, C16, H/16, W/16) of a photograph, whose sides
    are rounded up. Raises FrameError."""
    pixels = torch.from_numpy(read_image(file)).permute(2, 0, 1).float()
    height, width = pixels.shape[1:]
    right, below = -width % _STRIDE, -height % _STRIDE
    # its last column and row, repeated: a black border would be an edge
    padded = nnf.pad(pixels[None], (0, right, 0, below), mode="replicate")
    return net.trunk(padded)


def all_taps(net: TrackerNet, files: Sequence[Path]) -> list[Taps]:
    """Those of photographs, in half precision: 1 MB each of 480 x 360 pixels by a ResNet-18.
    Raises FrameError."""
    told = with_progress(files, len(files), "features of photographs")
    return [Taps(*(tap.half().clone() for tap in photograph_taps(net, file))) for file in told]
