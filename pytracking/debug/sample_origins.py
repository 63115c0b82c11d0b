"""Which frame each sample in memory came from, and what was seen there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from ltr.crops import crop, exact_window
from ltr.drawing import resized
from ltr.geometry import centre_size
from ltr.images import Frame
from pytracking.debug.pictures import crop_picture
from pytracking.debug.seen import Array
from pytracking.tracker.prediction import Box, Prediction

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 72
"""Pixels of a thumbnail."""


@dataclass(frozen=True)
class Origin:
    """Where a sample came from."""

    number: int
    """Of the frame, from 1."""
    picture: Frame
    """(SIDE, SIDE, 3) its search area."""


@dataclass
class StoredSamples:
    """An observer of one step: which slots were filled, with what, and what all samples count.

    Tensors are not copied: the engine writes to none of these later."""

    slots: list[int] = field(default_factory=list)
    """Of each target, -1 where nothing was stored."""
    weights: Tensor | None = None
    """(B, S)."""
    _crops: Tensor | None = None

    def observe(self, name: str, value: Tensor) -> None:
        """As of `Observer`."""
        if name == "search_crop":
            self._crops = value
        elif name == "stored_slot":
            self.slots = value.tolist()
        elif name == "sample_weights":
            self.weights = value

    def picture(self, row: int) -> Frame:
        """The thumbnail of a target's search area."""
        assert self._crops is not None
        return resized(crop_picture(self._crops[row].float().cpu().numpy()), SIDE, SIDE)


class SampleOrigins:
    """The memory of one target over a run, slot by slot."""

    def __init__(self, number: int, frame: Frame) -> None:
        """The target begins in frame `number`."""
        self.by_slot: dict[int, Origin] = {}
        self._first: tuple[int, Frame] | None = (number, frame)
        self._weights: Tensor | None = None

    def add(self, number: int, prediction: Prediction, stored: StoredSamples, row: int) -> None:
        """What a step stored. The first one searches where the target began: its search area shows
        what the first frame's samples were cut from."""
        assert stored.weights is not None
        self._weights = stored.weights[row]
        slot = stored.slots[row]
        if self._first is not None:
            first_number, frame = self._first
            origin = Origin(first_number, _seen_at(frame, prediction.search_area))
            filled = np.flatnonzero(self.weights()).tolist()
            self.by_slot = {k: origin for k in filled if k != slot}
            self._first = None
        if slot >= 0:
            self.by_slot[slot] = Origin(number, stored.picture(row))

    def weights(self) -> Array:
        """(S,) as of the last step; none before the first one."""
        return np.zeros(0, np.float32) if self._weights is None else self._weights.cpu().numpy()

    def by_frame(self) -> dict[int, list[int]]:
        """The slots of each frame that something is remembered of, in the order of the frames."""
        weights = self.weights()
        found: dict[int, list[int]] = {}
        for slot, origin in sorted(self.by_slot.items(), key=lambda item: item[1].number):
            if weights[slot] > 0:
                found.setdefault(origin.number, []).append(slot)
        return found


def _seen_at(frame: Frame, search_area: Box) -> Frame:
    """The thumbnail of a part of a frame."""
    centre, size = centre_size(torch.tensor([search_area]))
    window = exact_window(centre, size, (4 * SIDE, 4 * SIDE))  # then shrunk, as crops are
    seen = crop([torch.from_numpy(frame)], window)[0].numpy()
    return resized(crop_picture(seen), SIDE, SIDE)
