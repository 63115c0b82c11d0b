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
from ltr.data.configuration import DataConfig
from ltr.data.layouts import open_store
from ltr.data.names import read_left_out
from ltr.data.pictures import Pictures
from ltr.data.plan import Plan, make_plan
from ltr.data.pools import make_pools
from ltr.data.render import render
from ltr.errors import DataError, FrameError

JUDGED_FROM = 100
"""Samples before the share of unreadable ones is judged."""
MOST_ATTEMPTS = 50
"""At one sample: so many broken pictures in a row are no accident."""


class Drawn(NamedTuple):
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
        stores = [open_store(part, root) for part in config.mix]
        self.config = config
        self.device = device
        self.unreadable = 0
        """Samples whose picture could not be read, so that others took their place."""
        self._drawn = 0
        self._seed = seed
        self._validation = validation
        self._pools = make_pools(config, stores, left_out, validation)
        self._pictures = Pictures(stores, device)

    def batch(self, numbers: Sequence[int]) -> Batch:
        """The samples of these numbers (>= 0). Raises DataError where too many pictures cannot be
        read."""
        return self.counted(self.draw(numbers))

    def draw(self, numbers: Sequence[int]) -> Drawn:
        """The same, without counting what could not be read: for worker processes."""
        failures: list[str] = []
        made = [self._sample(number, failures) for number in numbers]
        crops = torch.stack([crops for _, crops in made])
        boxes = torch.tensor([plan.boxes for plan, _ in made], dtype=torch.float32)
        split = self.config.sampling.train_frames
        boxes = boxes.to(self.device)
        batch = Batch(
            numbers=torch.tensor(numbers, dtype=torch.int64),
            names=tuple(plan.name for plan, _ in made),
            train_crops=crops[:, :split],
            train_boxes=boxes[:, :split],
            test_crops=crops[:, split:],
            test_boxes=boxes[:, split:],
        )
        return Drawn(batch, tuple(failures))

    def counted(self, drawn: Drawn) -> Batch:
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
        return make_plan(rng, self.config, self._pools, self._pictures)

    def _sample(self, number: int, failures: list[str]) -> tuple[Plan, Tensor]:
        """A sample's plan and crops (S + T, 3, n, n) uint8."""
        for attempt in range(MOST_ATTEMPTS):
            try:
                plan = self.plan(number, attempt)
                crops = [render(layers, self._pictures) for layers in plan.crops]
            except FrameError as error:
                failures.append(str(error))
                continue
            return plan, torch.stack(crops).round_().clamp_(0, 255).to(torch.uint8)
        raise DataError(
            f"{MOST_ATTEMPTS} pictures in a row cannot be read; the last: {failures[-1]}"
        )

    def __getstate__(self) -> dict[str, Any]:
        """What worker processes get: they work on the CPU."""
        return {**self.__dict__, "device": torch.device("cpu")}
