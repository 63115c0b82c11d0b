"""Random draws as values: each is a pure function of seed, target, frame and purpose. Nothing to
save or keep in step."""

from __future__ import annotations

import hashlib
import operator
from dataclasses import dataclass

import torch
from torch import Tensor

from ltr.errors import ConfigError

SEED_LIMIT = 2**63


def checked_seed(seed: int) -> int:
    """`seed` as an int, or ConfigError: it stands in files and names random draws."""
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if isinstance(seed, bool) or not 0 <= number < SEED_LIMIT:
        shown = f"{seed!r:.80}" if abs(number) < SEED_LIMIT else "out of range"
        raise ConfigError(f"seed is {shown}: give a whole number from 0 to 2^63 - 1")
    return number


@dataclass(frozen=True)
class Draws:
    """The draws of one target. The same numbers on every device, alone or among other targets."""

    seed: int
    name: str

    def shifts(self, count: int) -> Tensor:
        """(count, 2) numbers from [0, 1), as (y, x): random shifts of the first frame's samples."""
        return self._uniform((count, 2), "shifts", 1)

    def dropout(self, count: int, channels: int, share: float) -> Tensor:
        """(count, channels) ones, and zeros in a `share` of the places: which channels a copy of a
        sample keeps."""
        return (self._uniform((count, channels), "dropout", 1) >= share).float()

    def boxes(self, frame_number: int, count: int) -> Tensor:
        """(count, 4) numbers from [0, 1): place and size of the boxes that refinement also starts
        from."""
        return self._uniform((count, 4), "boxes", frame_number)

    def samples(self, frame_number: int, count: int) -> Tensor:
        """(count, 5) numbers from [0, 1): the boxes that are drawn from a proposal."""
        return self._uniform((count, 5), "samples", frame_number)

    def _uniform(self, shape: tuple[int, ...], purpose: str, frame_number: int) -> Tensor:
        key = f"{self.seed}/{frame_number}/{purpose}/{self.name}".encode()
        # 63 bits of a cryptographic hash: neighbouring seeds give unrelated draws
        seed = int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1
        return torch.rand(
            shape,
            generator=torch.Generator("cpu").manual_seed(seed),
            dtype=torch.float32,
            device="cpu",
        )
