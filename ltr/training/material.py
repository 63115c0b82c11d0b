"""What a training is made of beside the network: samples, and their losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from ltr.draws import Draws
from ltr.models.tracker_net import TrackerNet


class Sampled(Protocol):
    """B samples, as crops or as features of the trunk."""

    @property
    def numbers(self) -> Tensor:
        """(B,) int64, the samples' own numbers."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """B, "store/track"."""
        ...


class Losses(Protocol):
    """What an objective makes of them."""

    @property
    def total(self) -> Tensor:
        """What is minimised, a scalar."""
        ...

    @property
    def terms(self) -> Mapping[str, Tensor]:
        """Its parts and what else is worth a curve, scalars by name."""
        ...


Objective = Callable[[TrackerNet, Any, Draws], Losses]
"""The losses of a network on samples, with the random numbers of each."""


class Material(NamedTuple):
    """Samples and their losses."""

    training: Callable[[TrackerNet, int, int], Iterator[Sampled]]
    """The samples of each step from the first to before the second number: all follow from seed
    and step."""
    validation: Callable[[], Iterator[Sampled]]
    """The samples whose mean loss judges a network, always the same."""
    losses: Objective
