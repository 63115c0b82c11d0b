"""Which tracks samples are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ltr.data.configuration import DataConfig, Part
from ltr.data.plans.sampling import usable
from ltr.data.store import Store
from ltr.errors import DataError


@dataclass(frozen=True)
class Pool:
    """The tracks of one part of the mix."""

    part: Part
    store: int
    """The part's index, and that of its store."""
    tracks: tuple[int, ...]
    by_category: dict[str, tuple[int, ...]]

    def draw(self, rng: Generator, category: str | None = None) -> int:
        """A track, of a category where one is named."""
        tracks = self.tracks if category is None else self.by_category[category]
        return tracks[int(rng.integers(len(tracks)))]


def draw_pool(rng: Generator, pools: Sequence[Pool]) -> Pool:
    """One of the pools, by weight."""
    weights = np.array([pool.part.weight for pool in pools])
    return pools[int(rng.choice(len(pools), p=weights / weights.sum()))]


def make_pools(config: DataConfig, stores: Sequence[Store], validation: bool) -> tuple[Pool, ...]:
    """The pools of stores, one a part of the mix, without the tracks that sampling cannot use.
    Raises DataError where a part has none to train on, or no part has one to validate with."""
    pools = []
    for index, (part, store) in enumerate(zip(config.mix, stores, strict=True)):
        tracks = [
            number
            for number, track in enumerate(store.tracks)
            if usable(track, config.sampling) and (part.use != "composite" or track.pasteable)
        ]
        if not tracks and not validation:
            if part.use == "composite" and not any(track.pasteable for track in store.tracks):
                raise DataError(
                    f"data set {part.name} ({part.path}) has nothing to paste: no track has masks "
                    "and is shown whole; give it the use motion instead of composite"
                )
            raise DataError(
                f"data set {part.name} ({part.path}) has no track to train on: of "
                f"{len(store.tracks)} that are not left out none is long and visible enough; see "
                "sampling.min_visible and sampling.min_frames"
            )
        if tracks and part.weight > 0:
            pools.append(Pool(part, index, tuple(tracks), _by_category(store, tracks)))
    if not pools:
        raise DataError(
            f"nothing to validate with: no usable track of the data sets is named in "
            f"{config.left_out or 'left_out, which is empty'}"
            if validation
            else "nothing to train on: give data.mix a data set with a weight above 0"
        )
    return tuple(pools)


def _by_category(store: Store, tracks: Sequence[int]) -> dict[str, tuple[int, ...]]:
    groups: dict[str, list[int]] = {}
    for number in tracks:
        category = store.tracks[number].category
        if category is not None:
            groups.setdefault(category, []).append(number)
    return {category: tuple(numbers) for category, numbers in groups.items()}
