"""What a training is made of beside the network: samples, and their losses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from ltr.data.batch import Batch
from ltr.data.loader import batches, check_workers
from ltr.data.samples import Samples
from ltr.draws import Draws
from ltr.models.tracker_net import TrackerNet
from ltr.training.feature_bank import bank_batches, check_bank, numbers_rendered
from ltr.training.losses import check_objectives, losses
from ltr.training.recipe import Recipe
from ltr.training.taps import TapsBatch, taps_of


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
    crops: Callable[[Sequence[int]], Batch]
    """Samples of training by their numbers as crops, to be looked at."""
    unreadable: Callable[[], int]
    """How many pictures of training could not be read so far, so that others took their place."""


class Source(NamedTuple):
    """The samples of a data set, which several recipes may share."""

    learned: Callable[[Iterable[Sequence[int]]], Iterator[Batch]]
    """Those of training by lists of their numbers, a batch each, in order."""
    judged: Callable[[Iterable[Sequence[int]]], Iterator[Batch]] | None
    """Those of validation, if there are any."""
    crops: Callable[[Sequence[int]], Batch]
    """As that of the material."""
    unreadable: Callable[[], int]
    """As that of the material."""


def of_data(recipe: Recipe, root: Path, device: torch.device) -> Material:
    """The samples that a recipe's data make of the folder `root`, and its losses. Raises
    ConfigError for a recipe that cannot be trained, DataError where a data set is not as it should
    be."""
    check_objectives(recipe)
    check_bank(recipe, device)
    config, workers = recipe.data, recipe.data.workers
    check_workers(config, workers)
    learned = Samples(config, root, recipe.seed, device, validation=False)
    judges = config.left_out and recipe.validation_samples
    judged = Samples(config, root, recipe.seed, device, validation=True) if judges else None
    source = Source(
        lambda numbers: batches(learned, numbers, workers),
        None if judged is None else lambda numbers: batches(judged, numbers, workers),
        lambda numbers: learned.draw(numbers).batch,
        lambda: learned.unreadable,
    )
    return of_source(recipe, source)


def of_source(recipe: Recipe, source: Source) -> Material:
    """The same of samples that are there."""
    size, count = recipe.batch, recipe.validation_samples

    def training(net: TrackerNet, begin: int, end: int) -> Iterator[Sampled]:
        if recipe.bank is None:
            numbers = (range(step * size, (step + 1) * size) for step in range(begin, end))
            return source.learned(numbers)
        rendered = source.learned(numbers_rendered(recipe.bank, size, begin, end))
        return bank_batches(recipe, net, rendered, begin, end)

    def validation() -> Iterator[Sampled]:
        if source.judged is None:
            return iter(())
        numbers = (range(first, min(first + size, count)) for first in range(0, count, size))
        return source.judged(numbers)

    def objective(net: TrackerNet, batch: Any, draws: Draws) -> Losses:
        taps = batch if isinstance(batch, TapsBatch) else taps_of(net, batch)
        return losses(net, taps, recipe, draws)

    return Material(training, validation, objective, source.crops, source.unreadable)
