"""Some tracks of a store, as a store."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ltr.data.store import Store
from ltr.images import Frame


class Selection:
    """The tracks of a store with the given indices, in their order."""

    def __init__(self, store: Store, chosen: Sequence[int]) -> None:
        self.name = store.name
        self.tracks = tuple(store.tracks[index] for index in chosen)
        self._store = store
        self._chosen = tuple(chosen)

    def frame(self, track: int, number: int) -> Frame:
        """Picture `number` of a track. Raises FrameError."""
        return self._store.frame(self._chosen[track], number)

    def mask(self, track: int, number: int) -> NDArray[np.uint8] | None:
        """Its mask, as the store has it. Raises FrameError."""
        return self._store.mask(self._chosen[track], number)


def divided(store: Store, left_out: Collection[str]) -> tuple[Selection, Selection]:
    """The tracks to train on, and those whose names are left out, to validate with; either may be
    none."""
    indices = range(len(store.tracks))
    out = [index for index in indices if store.tracks[index].name in left_out]
    kept = [index for index in indices if store.tracks[index].name not in left_out]
    return Selection(store, kept), Selection(store, out)
