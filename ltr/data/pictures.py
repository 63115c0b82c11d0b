"""Pictures of several stores as tensors on a device, and what plans must know of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from ltr.data.plans.layers import Layer, Picture
from ltr.data.plans.outlines import Outline, outline_of
from ltr.data.resident import Resident
from ltr.data.store import Store, Track
from ltr.transfer import upload

Pixels = Mapping[tuple[Picture, bool], Tensor]
"""Frames (H, W, 3), and cut-outs (H, W, 4) where the second of the key is true; uint8."""
KEPT = 32
"""Frames read last that are kept, since plans ask for the size of what is drawn soon after."""
KNOWN = 4096
"""Sizes and outlines that are kept, each."""
Value = TypeVar("Value")


class Pictures:
    """Frames, cut-outs, sizes and outlines by `Picture`. Whatever reads raises FrameError."""

    def __init__(self, stores: Sequence[Store], device: torch.device) -> None:
        self.device = device
        self._stores = stores
        self._sizes: dict[Picture, tuple[int, int]] = {}
        self._outlines: dict[Picture, Outline | None] = {}
        self._recent: dict[Picture, Tensor] = {}

    def track(self, store: int, track: int) -> Track:
        """The track itself."""
        return self._stores[store].tracks[track]

    def frame(self, picture: Picture) -> Tensor:
        """(H, W, 3) uint8, not to be written to."""
        store = self._stores[picture.store]
        if isinstance(store, Resident):
            return store.pixels(picture.track, picture.number)

        def read() -> Tensor:
            frame = store.frame(picture.track, picture.number)
            return upload(torch.from_numpy(frame), self.device)

        return _remembered(self._recent, picture, read, KEPT)

    def frame_hw(self, picture: Picture) -> tuple[int, int]:
        """Height and width: there are videos whose frames are not all alike."""

        def measured() -> tuple[int, int]:
            height, width = self.frame(picture).shape[:2]
            return height, width

        return _remembered(self._sizes, picture, measured, KNOWN)

    def shown(self, crops: Iterable[Iterable[Layer]]) -> Pixels:
        """All that the layers of some crops show."""
        wanted = {(layer.picture, layer.cut_out): None for layers in crops for layer in layers}
        return {
            (picture, cut_out): self.cut_out(picture) if cut_out else self.frame(picture)
            for picture, cut_out in wanted
        }

    def cut_out(self, picture: Picture) -> Tensor:
        """(H, W, 4) uint8: the frame and its object's mask, 0 all along the picture's border so
        that nothing is seen beyond it."""
        alpha = torch.nn.functional.pad(self._mask(picture)[1:-1, 1:-1], (1, 1, 1, 1))
        return torch.cat([self.frame(picture), alpha[..., None]], dim=-1)

    def outline(self, picture: Picture) -> Outline | None:
        """The outline of the picture's object; None where it has no mask."""

        def traced() -> Outline | None:
            mask = self._stores[picture.store].mask(picture.track, picture.number)
            return None if mask is None else outline_of(mask)

        return _remembered(self._outlines, picture, traced, KNOWN)

    def _mask(self, picture: Picture) -> Tensor:
        """(H, W) uint8 on the device, of a picture with an outline."""
        store = self._stores[picture.store]
        if isinstance(store, Resident):
            mask = store.mask_pixels(picture.track, picture.number)
        else:
            read = store.mask(picture.track, picture.number)
            mask = None if read is None else upload(torch.from_numpy(read), self.device)
        assert mask is not None, "only things with an outline are pasted"
        return mask

    def __getstate__(self) -> dict[str, Any]:
        """What worker processes get: the way to the pictures, not what was read."""
        return {**self.__dict__, "device": torch.device("cpu"), "_recent": {}}


def _remembered(
    known: dict[Picture, Value], picture: Picture, make: Callable[[], Value], most: int
) -> Value:
    """What is known of a picture, made where it is not; of `most` the oldest goes."""
    if picture not in known:
        if len(known) >= most:
            known.pop(next(iter(known)))
        known[picture] = make()
    return known[picture]
