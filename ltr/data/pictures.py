"""Pictures of several stores as tensors on a device, and what plans must know of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ltr.data.layers import Picture
from ltr.data.outlines import Outline, outline_of
from ltr.data.store import Store, Track
from ltr.transfer import upload

KEPT = 32
"""Frames read last that are kept, since plans ask for the size of what is drawn soon after."""


class Pictures:
    """Frames, cut-outs, sizes and outlines by `Picture`. Whatever reads raises FrameError."""

    def __init__(self, stores: Sequence[Store], device: torch.device) -> None:
        self._stores = stores
        self._device = device
        self._sizes: dict[Picture, tuple[int, int]] = {}
        self._outlines: dict[Picture, Outline | None] = {}
        self._recent: dict[Picture, Tensor] = {}

    def track(self, store: int, track: int) -> Track:
        """The track itself."""
        return self._stores[store].tracks[track]

    def frame(self, picture: Picture) -> Tensor:
        """(H, W, 3) uint8."""
        if picture not in self._recent:
            if len(self._recent) >= KEPT:
                self._recent.pop(next(iter(self._recent)))
            frame = self._stores[picture.store].frame(picture.track, picture.number)
            self._recent[picture] = upload(torch.from_numpy(frame), self._device)
        return self._recent[picture]

    def frame_hw(self, picture: Picture) -> tuple[int, int]:
        """Height and width; all frames of a track have those of one of them."""
        key = picture._replace(number=0)
        if key not in self._sizes:
            height, width = self.frame(picture).shape[:2]
            self._sizes[key] = (height, width)
        return self._sizes[key]

    def cut_out(self, picture: Picture) -> Tensor:
        """(H, W, 4) uint8: the frame and its object's mask, 0 all along the picture's border so
        that nothing is seen beyond it."""
        mask = self._mask(picture)
        assert mask is not None, "only things with an outline are pasted"
        inner = np.zeros_like(mask)
        inner[1:-1, 1:-1] = mask[1:-1, 1:-1]
        alpha = upload(torch.from_numpy(inner), self._device)
        return torch.cat([self.frame(picture), alpha[..., None]], dim=-1)

    def outline(self, picture: Picture) -> Outline | None:
        """The outline of the picture's object; None where it has no mask."""
        if picture not in self._outlines:
            mask = self._mask(picture)
            self._outlines[picture] = None if mask is None else outline_of(mask)
        return self._outlines[picture]

    def _mask(self, picture: Picture) -> NDArray[np.uint8] | None:
        return self._stores[picture.store].mask(picture.track, picture.number)

    def __getstate__(self) -> dict[str, Any]:
        """What worker processes get: the way to the pictures, not what was read."""
        return {**self.__dict__, "_device": torch.device("cpu"), "_recent": {}}
