"""Photographs with an annotated target each, or several: one still track a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.data.layouts.masks import MaskFile, Polygons, size_text
from ltr.data.store import Track
from ltr.errors import FrameError
from ltr.images import Frame, read_image

NEAR_BORDER = 2
"""Pixels: what comes so near to a border of its photograph may go on beyond it."""


@dataclass(frozen=True)
class Still:
    """The files of a still track."""

    picture: Path
    size_hw: tuple[int, int]
    """As annotated, for its boxes refer to it."""
    mask: MaskFile | Polygons | None


class StillStore:
    """Tracks of one photograph each."""

    def __init__(self, name: str, tracks: Sequence[Track], stills: Sequence[Still]) -> None:
        self.name = name
        self.tracks = tuple(tracks)
        self._stills = tuple(stills)

    def frame(self, track: int, number: int) -> Frame:
        """The photograph of a track; `number` is 0. Raises FrameError, also where it has another
        size than its annotation says."""
        still = self._still(track, number)
        picture = read_image(still.picture)
        if picture.shape[:2] != still.size_hw:
            raise FrameError(
                f"image {still.picture} is {size_text(picture.shape)} pixels, its annotation says "
                f"{size_text(still.size_hw)}: fetch it again"
            )
        return picture

    def mask(self, track: int, number: int) -> NDArray[np.uint8] | None:
        """(H, W), 255 where the target is, else 0; None where only a box is known. Raises
        FrameError, and DataError where it has another size than its photograph."""
        still = self._still(track, number)
        return None if still.mask is None else still.mask.drawn(still.size_hw)

    def _still(self, track: int, number: int) -> Still:
        if number != 0:
            raise FrameError(f"{self.tracks[track].name} is one photograph: it has no {number}")
        return self._stills[track]


def away_from_borders(box_xywh: Sequence[float], size_hw: tuple[int, int]) -> bool:
    """Whether a box keeps so far from the borders of its photograph that all of its target is
    seen."""
    x, y, w, h = box_xywh
    height, width = size_hw
    return min(x, y, width - x - w, height - y - h) > NEAR_BORDER
