"""All pictures of a store in the memory of a device: for little data and a fast device."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from time import monotonic
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ltr.data.store import Store, Track
from ltr.errors import DataError, FrameError
from ltr.geometry import resized
from ltr.images import Frame
from ltr.progress import duration, tell, with_progress
from ltr.transfer import free_bytes

LOOKED_AT = 32
"""So many tracks are looked at to tell how much memory all will take."""
MARGIN = 1.05
"""What is needed, relative to what is counted: pictures are not all alike."""


class _Pictures(NamedTuple):
    """The frames of a video, or a photograph."""

    pixels: tuple[Tensor | None, ...]
    """(H, W, 3) uint8 each; None where it could not be read."""
    factors_wh: Tensor
    """(N, 2) by what each was resized; nan where it could not be read."""


class Resident:
    """A store whose pictures and masks are uint8 tensors on `device`, made no longer than
    `longest_side` (0: as they are) by averaging over areas. Boxes are in the smaller pictures.

    Tracks keep names and order. Tracks that show the same pictures share them. What cannot be read
    is passed over: such a frame has no box and is not visible; `unreadable` counts them. What will
    be needed, and what was, is told in a line each.

    Raises DataError where the memory does not suffice or nothing can be read."""

    def __init__(self, store: Store, device: torch.device, longest_side: int) -> None:
        begin = monotonic()
        self.name = store.name
        self.device = device
        self.read = self.unreadable = 0
        """Pictures that were tried; pictures and masks that cannot be read."""
        self.bytes = 0
        """What the pictures and masks take."""
        self._longest_side = longest_side
        self._check_room(store)
        kept: dict[Hashable, _Pictures] = {}
        tracks, pictures, masks = [], [], []
        numbers = with_progress(range(len(store.tracks)), len(store.tracks), f"reading {self.name}")
        for index in numbers:
            track = store.tracks[index]
            key = _key(track, index)
            try:
                if key not in kept:
                    kept[key] = self._pictures(store, index)
                    self.read += len(kept[key].pixels)
                drawn, readable = self._masks(store, index, kept[key])
            except torch.OutOfMemoryError:
                raise DataError(
                    f"{self.name}: {device} is full after {_size(self.bytes)}: {_MEND}"
                ) from None
            tracks.append(_resized_track(track, kept[key].factors_wh, readable))
            pictures.append(kept[key].pixels)
            masks.append(tuple(drawn))
        self.tracks = tuple(tracks)
        self._pixels = tuple(pictures)
        self._mask_pixels = tuple(masks)
        if tracks and not any(track.visible.any() for track in tracks):
            raise DataError(f"{self.name}: no frame with a target could be read")
        passed = f"; {self.unreadable} could not be read and are passed over"
        tell(
            f"{self.name}: {_size(self.bytes)} on {device} in {duration(monotonic() - begin)}"
            f"{passed if self.unreadable else ''}"
        )

    def pixels(self, track: int, number: int) -> Tensor:
        """Picture `number` of a track, (H, W, 3) uint8 on the device; not to be written to. Raises
        FrameError where it could not be read."""
        pixels = self._pixels[track][number]
        if pixels is None:
            raise FrameError(f"frame {number} of {self.tracks[track].name} could not be read")
        return pixels

    def mask_pixels(self, track: int, number: int) -> Tensor | None:
        """(H, W) uint8 on the device, 255 where the target is, else 0; None where there is none."""
        return self._mask_pixels[track][number]

    def frame(self, track: int, number: int) -> Frame:
        """Picture `number` of a track, in the host's memory. Raises FrameError."""
        return self.pixels(track, number).cpu().numpy()

    def mask(self, track: int, number: int) -> NDArray[np.uint8] | None:
        """Its mask, in the host's memory."""
        mask = self.mask_pixels(track, number)
        return None if mask is None else mask.cpu().numpy()

    def _check_room(self, store: Store) -> None:
        """Tell how much memory will be needed, and raise DataError where less is free."""
        pictures = {_key(track, index): index for index, track in enumerate(store.tracks)}
        indices = list(pictures.values())
        total = sum(len(store.tracks[index].boxes_xywh) for index in indices)
        frames = taken = 0
        for index in indices[:: max(1, len(indices) // LOOKED_AT)]:
            try:
                frame, mask = store.frame(index, 0), store.mask(index, 0)
            except FrameError:
                continue
            h, w = _size_within(frame.shape[:2], self._longest_side)
            count = len(store.tracks[index].boxes_xywh)
            frames += count
            taken += count * h * w * (3 if mask is None else 4)
        need = int(total * taken / max(1, frames) * MARGIN)
        free = free_bytes(self.device)
        room = "" if free is None else f", {_size(free)} are free"
        line = f"{self.name}: {total} pictures need about {_size(need)} on {self.device}{room}"
        if free is not None and need > free:
            raise DataError(f"{line}: {_MEND}")
        tell(line)

    def _pictures(self, store: Store, track: int) -> _Pictures:
        pixels: list[Tensor | None] = []
        factors = []
        for number in range(len(store.tracks[track].boxes_xywh)):
            try:
                frame = store.frame(track, number)
            except FrameError:
                self.unreadable += 1
                pixels.append(None)
                factors.append((np.nan, np.nan))
                continue
            size = h, w = _size_within(frame.shape[:2], self._longest_side)
            pixels.append(self._kept(_averaged(frame, size)))
            factors.append((w / frame.shape[1], h / frame.shape[0]))
        return _Pictures(tuple(pixels), torch.tensor(factors, dtype=torch.float64))

    def _masks(
        self, store: Store, track: int, pictures: _Pictures
    ) -> tuple[list[Tensor | None], NDArray[np.bool_]]:
        """The masks of a track, None where there is none, and which frames could be read with
        them."""
        masks: list[Tensor | None] = [None] * len(pictures.pixels)
        readable = np.array([pixels is not None for pixels in pictures.pixels])
        for number, pixels in enumerate(pictures.pixels):
            if pixels is None:
                continue
            try:
                mask = store.mask(track, number)
            except FrameError:
                self.unreadable += 1
                readable[number] = False
                continue
            if mask is not None:
                share = _averaged(mask, (pixels.shape[0], pixels.shape[1]))
                masks[number] = self._kept(np.where(share > 127, np.uint8(255), np.uint8(0)))
        return masks, readable

    def _kept(self, array: NDArray[np.uint8]) -> Tensor:
        self.bytes += array.nbytes
        return torch.from_numpy(array).to(self.device)


_MEND = "make its longest_side smaller, or set resident to false"


def _key(track: Track, index: int) -> Hashable:
    """What the pictures of a track are kept under."""
    return index if track.pictures is None else track.pictures


def _resized_track(track: Track, factors_wh: Tensor, readable: NDArray[np.bool_]) -> Track:
    """A track in pictures resized by (N, 2) factors, nan where one could not be read."""
    boxes = resized(torch.from_numpy(track.boxes_xywh).double(), factors_wh).float().numpy()
    boxes[~readable] = np.nan
    return dataclasses.replace(track, boxes_xywh=boxes, visible=track.visible & readable)


def _size_within(size_hw: tuple[int, ...], longest_side: int) -> tuple[int, int]:
    """The size of a picture that is made no longer than `longest_side`; 0: as it is."""
    h, w = size_hw
    if not 0 < longest_side < max(h, w):
        return h, w
    factor = longest_side / max(h, w)
    return max(1, round(h * factor)), max(1, round(w * factor))


def _averaged(array: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture or mask made smaller by averaging over areas."""
    import cv2

    if array.shape[:2] == size_hw:
        return array
    smaller = cv2.resize(array, size_hw[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8)


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
