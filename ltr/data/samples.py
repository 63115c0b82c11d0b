"""Samples by number: everything of one follows from the seed and its number.

Which samples a batch is made of, and where it is made, changes nothing: there is no other state.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ltr.data.batch import Batch
from ltr.data.configuration import DataConfig, Photometry
from ltr.data.layouts import open_store
from ltr.data.names import read_left_out
from ltr.data.photometry import photographed, together
from ltr.data.pictures import Pictures, Pixels
from ltr.data.plans.plan import Plan, make_plan
from ltr.data.plans.pools import make_pools
from ltr.data.render import render
from ltr.data.resident import Resident
from ltr.data.selection import divided
from ltr.data.store import Store
from ltr.errors import DataError, FrameError
from ltr.geometry import mirrored
from ltr.transfer import upload

JUDGED_FROM = 100
"""Samples before the share of unreadable ones is judged."""
MOST_ATTEMPTS = 50
"""At one sample: so many broken pictures in a row are no accident."""

UNCHANGED = Photometry(joint_grey=0, brightness=0)
"""Of validation: pixels as they are."""


class Draw(NamedTuple):
    """A batch and what could not be read while it was made."""

    batch: Batch
    failures: tuple[str, ...]
    """A message each, in the order of the samples."""


class Samples:
    """The samples of a mix of data sets.

    Raises DataError where a data set is not as it should be."""

    def __init__(
        self, config: DataConfig, root: Path, seed: int, device: torch.device, validation: bool
    ) -> None:
        """`root`: the folder of all data; `validation`: of the left-out tracks alone, their pixels
        unchanged."""
        left_out = read_left_out(root / config.left_out) if config.left_out else frozenset()
        stores = _stores(config, root, left_out, validation, device)
        self.config = config
        self.device = device
        self.unreadable = 0
        """Samples whose picture could not be read, so that others took their place."""
        _check_readable(config, stores)
        self._drawn = 0
        self._seed = seed
        self._photometry = UNCHANGED if validation else config.photometry
        self._pools = make_pools(config, stores, validation)
        self._pictures = Pictures(stores, device)

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The samples of these numbers (>= 0). Raises DataError where too many pictures cannot be
        read."""
        return self.counted(self.draw(numbers))

    def draw(self, numbers: Sequence[int]) -> Draw:
        """The same, without counting what could not be read: for worker processes."""
        failures: list[str] = []
        planned = [self._planned(number, failures) for number in numbers]
        # one sample after another stays in a CPU's cache; CUDA likes few and large steps
        step = 1 if self.device.type == "cpu" else len(planned)
        parts = [planned[first : first + step] for first in range(0, len(planned), step)]
        crops = torch.cat([_photographs(part, self.device) for part in parts])
        boxes = upload(
            torch.stack([_boxes(plan, self.config.crops.side) for plan, _ in planned]), self.device
        )
        split = self.config.sampling.train_frames
        batch = Batch(
            numbers=torch.tensor(numbers, dtype=torch.int64),
            names=tuple(plan.name for plan, _ in planned),
            train_crops=crops[:, :split],
            train_boxes=boxes[:, :split],
            test_crops=crops[:, split:],
            test_boxes=boxes[:, split:],
        )
        return Draw(batch, tuple(failures))

    def counted(self, drawn: Draw) -> Batch:
        """The batch of a draw, whose failures are counted. Raises DataError, see `batch`."""
        self._drawn += len(drawn.batch.names)
        self.unreadable += len(drawn.failures)
        share = self.unreadable / max(self._drawn, 1)
        if drawn.failures and self._drawn >= JUDGED_FROM and share > self.config.unreadable:
            raise DataError(
                f"{self.unreadable} pictures of {self._drawn} samples cannot be read, more than "
                f"the share of {self.config.unreadable:g} (data.unreadable); the last: "
                f"{drawn.failures[-1]}"
            )
        return drawn.batch

    def plan(self, number: int, attempt: int = 0) -> Plan:
        """What a sample shows; `attempt` counts the plans whose pictures could not be read. Raises
        FrameError."""
        rng = np.random.default_rng([self._seed, number, attempt])
        return make_plan(rng, self.config, self._photometry, self._pools, self._pictures)

    def _planned(self, number: int, failures: list[str]) -> tuple[Plan, Pixels]:
        """A sample's plan, and the pictures that it shows."""
        for attempt in range(MOST_ATTEMPTS):
            try:
                plan = self.plan(number, attempt)
                return plan, self._pictures.shown(plan.crops)
            except FrameError as error:
                failures.append(str(error))
        raise DataError(
            f"{MOST_ATTEMPTS} pictures in a row cannot be read; the last: {failures[-1]}"
        )

    def __getstate__(self) -> dict[str, Any]:
        """What worker processes get: they work on the CPU."""
        return {**self.__dict__, "device": torch.device("cpu")}


def _stores(
    config: DataConfig,
    root: Path,
    left_out: frozenset[str],
    validation: bool,
    device: torch.device,
) -> list[Store]:
    """The store of each part of the mix, of the tracks to be used alone. Parts that read the same
    files share one."""
    opened: dict[tuple[str, ...], Store] = {}
    stores = []
    for part in config.mix:
        files = (part.layout, part.path, part.names)
        if files not in opened:
            store: Store = divided(open_store(part, root), left_out)[validation]
            if config.resident:
                store = Resident(store, device, config.longest_side)
            opened[files] = store
        stores.append(opened[files])
    return stores


def _check_readable(config: DataConfig, stores: Sequence[Store]) -> None:
    """Raise DataError where too many pictures of resident stores, which were all read, cannot
    be."""
    resident = {id(store): store for store in stores if isinstance(store, Resident)}
    for store in resident.values():
        if store.unreadable > config.unreadable * store.read:
            raise DataError(
                f"{store.name}: {store.unreadable} of {store.read} pictures cannot be read, more "
                f"than the share of {config.unreadable:g} (data.unreadable): fetch them again"
            )


def _photographs(planned: Sequence[tuple[Plan, Pixels]], device: torch.device) -> Tensor:
    """The crops (B, S + T, 3, n, n) uint8 of B samples."""
    layers = [layers for plan, _ in planned for layers in plan.crops]
    shown = {key: picture for _, pictures in planned for key, picture in pictures.items()}
    changes = together([plan.changes for plan, _ in planned])
    crops = photographed(render(layers, shown, device), changes)
    return crops.round_().clamp_(0, 255).to(torch.uint8).unflatten(0, (len(planned), -1))


def _boxes(plan: Plan, side: int) -> Tensor:
    """(S + T, 4), where crops are mirrored too."""
    boxes = torch.tensor(plan.boxes, dtype=torch.float32)
    mirror = torch.from_numpy(plan.changes.mirror)[:, None]
    return torch.where(mirror, mirrored(boxes, side), boxes)
