"""What an objective is given of a batch: the trunk's features of its crops, and the boxes."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ltr.data.batch import Batch
from ltr.models.backbone import Taps
from ltr.models.tracker_net import TrackerNet


class TapsBatch(NamedTuple):
    """B samples as `TrackerNet.from_taps` takes them: S train and T test frames each."""

    numbers: Tensor
    """(B,) int64, the samples' own numbers."""
    names: tuple[str, ...]
    """B, "store/track"."""
    train_taps: Taps
    """(B * S, C8, n/8, n/8) and (B * S, C16, n/16, n/16), the frames of a sample beside each
    other."""
    train_boxes: Tensor
    """(B, S, 4) float32, pool format."""
    test_taps: Taps
    """As train_taps, of B * T frames."""
    test_boxes: Tensor
    """(B, T, 4) float32, pool format."""


def taps_of(net: TrackerNet, batch: Batch) -> TapsBatch:
    """The trunk's features of a batch. Train and test frames pass the trunk one after another, each
    with batch statistics of its own where those are learned."""
    train, test = (
        net.trunk(crops.flatten(0, 1)) for crops in (batch.train_crops, batch.test_crops)
    )
    return TapsBatch(batch.numbers, batch.names, train, batch.train_boxes, test, batch.test_boxes)
