"""Random numbers of training as values: a pure function of seed, example, purpose and place.

A counter-based generator (splitmix64: Steele, Lea and Flood, OOPSLA 2014) in integer arithmetic on
whatever device the seeds lie: the same numbers on the CPU and on CUDA, up to the rounding of
logarithm and cosine, one stream an example, whoever else is in the batch, and nothing to save.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ltr.errors import ConfigError


def _signed(word: int) -> int:
    """64 bits as the int64 that has them."""
    return word - 2**64 if word >= 2**63 else word


_GOLDEN = _signed(0x9E3779B97F4A7C15)
_FIRST = _signed(0xBF58476D1CE4E5B9)
_SECOND = _signed(0x94D049BB133111EB)


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of B examples, one stream each.

    Asked again, a value gives the same numbers; what should be independent is drawn `of` different
    purposes. Uniform, normal and whole numbers of one purpose are independent of each other."""

    seeds: Tensor
    """(B,) int64."""

    def of(self, purpose: str) -> Draws:
        """Streams of their own, independent of those of every other purpose."""
        digest = hashlib.sha256(purpose.encode()).digest()
        return Draws(_mixed(self.seeds ^ _signed(int.from_bytes(digest[:8], "big"))))

    def each(self, count: int) -> Draws:
        """(B count,) streams: `count` of each example, those of an example side by side."""
        return Draws(self._words("each", (count,)).flatten())

    def uniform(self, *shape: int) -> Tensor:
        """(B, *shape) float32 from [0, 1), multiples of 2^-24."""
        return _top(self._words("uniform", shape), 24).float() * 2.0**-24

    def normal(self, *shape: int) -> Tensor:
        """(B, *shape) float32, standard normal (Box and Muller 1958), at most 6.8 in size."""
        words = self._words("normal", shape)
        radius = ((_top(words, 32).float() + 0.5) * 2.0**-32).log().mul(-2).sqrt()
        return radius * ((words & 0xFFFFFF).float() * (math.tau * 2.0**-24)).cos()

    def integers(self, high: int, *shape: int) -> Tensor:
        """(B, *shape) int64 from 0 to `high` - 1, for `high` up to 2^31; equally likely to within
        high / 2^31."""
        return _top(self._words("integers", shape), 31) * high >> 31

    def _words(self, kind: str, shape: tuple[int, ...]) -> Tensor:
        """(B, *shape) int64, 64 random bits each."""
        places = torch.arange(1, math.prod(shape) + 1, device=self.seeds.device)
        words = _mixed(self.of(kind).seeds[:, None] + places * _GOLDEN)
        return words.reshape(len(self.seeds), *shape)


def example_draws(seed: int, numbers: Tensor) -> Draws:
    """The draws of the examples with these `numbers` (B,) int64, on their device, in a training
    with this seed: different ones for different numbers. ConfigError for anything else."""
    if not isinstance(numbers, Tensor) or numbers.ndim != 1 or numbers.dtype != torch.int64:
        what = (
            f"{numbers.dtype} {tuple(numbers.shape)}"
            if isinstance(numbers, Tensor)
            else repr(numbers)
        )
        raise ConfigError(
            f"numbers of examples that are {what}: give (B,) int64, as torch.arange(B)"
        )
    return Draws(_mixed(_mixed(torch.full_like(numbers, seed) + _GOLDEN) ^ numbers))


def _mixed(words: Tensor) -> Tensor:
    """The output function of splitmix64, one to one on 64 bits; products wrap."""
    words = (words ^ _shifted(words, 30)) * _FIRST
    words = (words ^ _shifted(words, 27)) * _SECOND
    return words ^ _shifted(words, 31)


def _shifted(words: Tensor, bits: int) -> Tensor:
    """A logical shift to the right: int64 alone would bring the sign along."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)


def _top(words: Tensor, bits: int) -> Tensor:
    """The highest `bits` of each word, the ones that are mixed best."""
    return _shifted(words, 64 - bits)
