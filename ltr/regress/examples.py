"""Images and what is to be told of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.errors import DataError

SPLIT_SEED = 0
"""The published programs shuffle without one: their numbers are met in distribution alone."""


class Examples(NamedTuple):
    """N images of 64 x 64 pixels and their targets."""

    images: Tensor
    """(N, C, 64, 64) uint8, RGB or grey."""
    targets: Tensor
    """(N, D) float32, in the task's unit."""


class Split(NamedTuple):
    """What is trained on, tested on, and, where there is any, looked at meanwhile."""

    train: Examples
    test: Examples
    validation: Examples | None = None


def shuffled(examples: Examples, share: float, place: Path, seed: int = SPLIT_SEED) -> Split:
    """Examples in an order drawn by a seed, the first `share` of them to train on. Raises DataError
    where there are none to train or to test on at the `place` that they are from."""
    count = len(examples.targets)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    first, rest = order[: round(share * count)], order[round(share * count) :]
    if not len(first) or not len(rest):
        raise DataError(f"{place} has too few images, {count}, to train on some and test on others")
    return Split(*(Examples(*(part[rows] for part in examples)) for rows in (first, rest)))
