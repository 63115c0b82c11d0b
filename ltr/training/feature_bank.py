"""Samples kept as features of the trunk, each used in several steps.

On a slow device most of a step is the making of crops and the trunk. While the trunk is not
trained, its features of a sample stay the same: they are kept in half precision. The bank holds the
samples of a window of numbers that moves on with the steps, and a step takes random ones of it.
Both are pure functions of (seed, step), and a sample passes the trunk by itself, so that its
features do not depend on what else is rendered: a run that is resumed renders the window anew and
goes on with the same bits. The trunk is the folded one, as it tracks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from ltr.data.batch import Batch
from ltr.errors import ConfigError
from ltr.models.backbone import TRUNKS, Taps
from ltr.models.folding import fold
from ltr.models.tracker_net import TrackerNet
from ltr.progress import with_progress
from ltr.training.recipe import FeatureBank, Recipe
from ltr.training.taps import TapsBatch
from ltr.transfer import free_bytes

TRUNK = "feature_extractor."
"""The beginning of the names of the trunk's parameters."""
SPARE = 0.8
"""Share of the free memory that a bank may take: a step needs some too."""
_CHOICE = 0xBA2C
"""Makes these draws others than those of the samples themselves."""


def window(bank: FeatureBank, batch: int, step: int) -> range:
    """The numbers of the samples in the bank at a step, from 0: `batch` / `uses` new ones a
    step."""
    first = step * batch // bank.uses
    return range(first, first + bank.samples)


def numbers_used(bank: FeatureBank, batch: int, seed: int, step: int) -> list[int]:
    """The numbers of the `batch` samples that a step uses, all different. A sample that has gone
    through the bank was used `uses` times in the mean; those of the first window leave early."""
    draws = np.random.default_rng([seed, step, _CHOICE])
    chosen = draws.choice(bank.samples, batch, replace=False)
    return [window(bank, batch, step).start + int(index) for index in chosen]


def numbers_rendered(bank: FeatureBank, batch: int, begin: int, end: int) -> Iterator[range]:
    """What has to be rendered for the steps from `begin` to before `end`, in order and in parts of
    at most `batch`: the window of the first step, then what is new in each later one."""
    if begin >= end:
        return
    filled = window(bank, batch, begin)
    for start in filled[::batch]:
        yield range(start, min(start + batch, filled.stop))
    for step in range(begin + 1, end):
        if new := range(window(bank, batch, step - 1).stop, window(bank, batch, step).stop):
            yield new


def bytes_of_bank(recipe: Recipe) -> int:
    """Memory that the features of a recipe's bank take; 0 without a bank."""
    if recipe.bank is None:
        return 0
    return 2 * recipe.bank.samples * sum(np.prod(s, dtype=int) for s in _shapes(recipe))


def check_bank(recipe: Recipe, device: torch.device) -> None:
    """Raise ConfigError for a bank that cannot be: too small for a step, larger than the memory of
    `device`, or in a recipe that trains the trunk, be it later on."""
    bank = recipe.bank
    if bank is None:
        return
    for names in (name for g in recipe.groups if g.begin < 1 for name in g.parameters):
        if TRUNK.startswith(names) or names.startswith(TRUNK):
            raise ConfigError(
                f"groups train {names or 'all parameters'!r}, but features of the trunk "
                "are kept: set bank=none, or train the trunk in a further run that starts with the "
                "network of this one"
            )
    if bank.samples < recipe.batch:
        raise ConfigError(
            f"bank.samples is {bank.samples}, but a step uses {recipe.batch} different ones: give "
            f"bank.samples at least {recipe.batch}"
        )
    needed, free = bytes_of_bank(recipe), free_bytes(device)
    if free is not None and needed > SPARE * free:
        most = int(SPARE * free) * bank.samples // needed
        raise ConfigError(
            f"bank.samples is {bank.samples}: they need {needed / 1e9:.1f} GB of memory, "
            f"{free / 1e9:.1f} GB are free on {device}; at most {most} have room"
        )


def bank_batches(
    recipe: Recipe, net: TrackerNet, rendered: Iterable[Batch], begin: int, end: int
) -> Iterator[TapsBatch]:
    """What the steps from `begin` to before `end` use, by the recipe's bank, which first fills.

    `rendered`: the samples of `numbers_rendered`, in its order, on the device of `net`, whose trunk
    must not change meanwhile. Raises what `check_bank` does."""
    bank, device = recipe.bank, next(net.parameters()).device
    assert bank is not None, "a recipe without a bank"
    check_bank(recipe, device)
    kept = _Kept(recipe, net, device)
    parts = iter(rendered)
    for batch in with_progress(
        (next(parts) for _ in range(-(-bank.samples // recipe.batch))),
        -(-bank.samples // recipe.batch),
        f"feature bank of {bank.samples} samples, batches",
    ):
        kept.put(batch)
    for step in range(begin, end):
        if step > begin and kept.stop < window(bank, recipe.batch, step).stop:
            kept.put(next(parts))
        yield kept.take(numbers_used(bank, recipe.batch, recipe.seed, step))


class _Kept:
    """The bank itself: sample `number` lies in row `number` modulo their count."""

    def __init__(self, recipe: Recipe, net: TrackerNet, device: torch.device) -> None:
        assert recipe.bank is not None
        self._trunk = fold(net, device).trunk
        self._train = recipe.data.sampling.train_frames
        self._taps = Taps(
            *(
                torch.empty((recipe.bank.samples, *shape), dtype=torch.float16, device=device)
                for shape in _shapes(recipe)
            )
        )
        frames = self._taps.stride8.shape[1]
        self._boxes = torch.empty((recipe.bank.samples, frames, 4), device=device)
        self._names = [""] * recipe.bank.samples
        self.stop = 0
        """One more than the greatest number so far."""

    @torch.no_grad()
    def put(self, batch: Batch) -> None:
        """Keep samples in the place of the oldest ones."""
        crops = torch.cat([batch.train_crops, batch.test_crops], dim=1)
        boxes = torch.cat([batch.train_boxes, batch.test_boxes], dim=1)
        for k, number in enumerate(batch.numbers.tolist()):
            row = number % len(self._names)
            # one sample at a time: a convolution's bits may depend on how many crops it is given
            for tap, kept in zip(self._trunk(crops[k]), self._taps, strict=True):
                kept[row] = tap
            self._boxes[row] = boxes[k]
            self._names[row] = batch.names[k]
            self.stop = number + 1

    def take(self, numbers: list[int]) -> TapsBatch:
        """The samples of these numbers."""
        rows = [number % len(self._names) for number in numbers]
        index = torch.tensor(rows, device=self._boxes.device)
        taps = [tap.index_select(0, index).float() for tap in self._taps]
        boxes = self._boxes.index_select(0, index)
        train, test = slice(None, self._train), slice(self._train, None)
        return TapsBatch(
            torch.tensor(numbers, device=index.device),
            tuple(self._names[row] for row in rows),
            Taps(*(_frames(tap, train) for tap in taps)),
            boxes[:, train],
            Taps(*(_frames(tap, test) for tap in taps)),
            boxes[:, test],
        )


def _frames(tap: Tensor, part: slice) -> Tensor:
    """(B, S + T, C, H, W) -> (B * S, C, H, W), or that of T."""
    return tap[:, part].flatten(0, 1)


def _shapes(recipe: Recipe) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of a sample's features of stride 8 and 16: (S + T, C, H, W)."""
    sampling, side = recipe.data.sampling, recipe.data.crops.side
    frames, trunk = sampling.train_frames + sampling.test_frames, TRUNKS[recipe.network.trunk]
    return (
        (frames, trunk.channels8, side // 8, side // 8),
        (frames, trunk.channels16, side // 16, side // 16),
    )
