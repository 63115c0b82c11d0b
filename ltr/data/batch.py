"""What training is given at a time."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """B samples: S frames to learn a filter from and T frames to judge it by, each a crop around a
    place near the target."""

    numbers: Tensor
    """(B,) int64, the samples' own numbers: all of a sample follows from seed and number."""
    names: tuple[str, ...]
    """B, "store/track"."""
    train_crops: Tensor
    """(B, S, 3, n, n) uint8, RGB."""
    train_boxes: Tensor
    """(B, S, 4) float32, pool format."""
    test_crops: Tensor
    """(B, T, 3, n, n) uint8."""
    test_boxes: Tensor
    """(B, T, 4) float32, pool format; a target may lie outside of its crop."""
