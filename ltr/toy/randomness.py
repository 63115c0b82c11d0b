"""Random numbers of the experiments: those of a seed are the same, whichever others train beside
it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from ltr.ebm.noise import Draw


class Randomness(Protocol):
    """Where S seeds take their numbers from, each its own."""

    generators: list[torch.Generator]

    def order(self, count: int) -> Tensor:
        """(S, count), in what order an epoch of each seed goes through its examples."""

    def draws(self, seeds: slice, examples: int) -> Draw:
        """For the examples of these seeds, one seed's after another's."""


class Independent:
    """Every example draws points of its own."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def order(self, count: int) -> Tensor:
        return torch.stack([torch.randperm(count, generator=g) for g in self.generators])

    def draws(self, seeds: slice, examples: int) -> Draw:
        return _Sequence(self.generators[seeds], examples)


class _Sequence:
    """Numbers one after another: asked again, there are others."""

    def __init__(self, generators: Sequence[torch.Generator], examples: int) -> None:
        self._generators, self._examples = generators, examples

    def of(self, purpose: str) -> Draw:
        return self

    def normal(self, *shape: int) -> Tensor:
        numbers = torch.empty(len(self._generators), self._examples, *shape)
        for own, generator in zip(numbers, self._generators, strict=True):
            own.normal_(generator=generator)
        return numbers.flatten(0, 1)

    def integers(self, high: int, *shape: int) -> Tensor:
        shape = (len(self._generators), self._examples, *shape)
        numbers = torch.empty(shape, dtype=torch.int64)
        for own, generator in zip(numbers, self._generators, strict=True):
            own.random_(0, high, generator=generator)
        return numbers.flatten(0, 1)


class Published:
    """As the published programs draw, one seed: its numbers are those that torch's own generator
    would give them. All examples of a batch share the points' offsets."""

    def __init__(self, seed: int) -> None:
        self.generators = [torch.Generator().manual_seed(seed)]

    def order(self, count: int) -> Tensor:
        """That of a `DataLoader` that shuffles: it draws a number for its workers, and one as the
        seed of its order."""
        (generator,) = self.generators
        _, seed = (torch.empty((), dtype=torch.int64).random_(generator=generator) for _ in "12")
        order = torch.randperm(count, generator=torch.Generator().manual_seed(int(seed)))
        return order[None]

    def draws(self, seeds: slice, examples: int) -> Draw:
        return _Shared(self.generators[0], examples)


class _Shared:
    def __init__(self, generator: torch.Generator, examples: int) -> None:
        self._generator, self._examples = generator, examples

    def of(self, purpose: str) -> Draw:
        return self

    def normal(self, *shape: int) -> Tensor:
        numbers = torch.randn(shape, generator=self._generator)
        return numbers.expand(self._examples, *shape)

    def integers(self, high: int, *shape: int) -> Tensor:
        numbers = torch.randint(0, high, shape, generator=self._generator)
        return numbers.expand(self._examples, *shape)
