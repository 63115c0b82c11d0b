"""The four tasks, with what is published of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ltr.ebm.inference import Grid
from ltr.regress.examples import Split
from ltr.regress.readers import read_age, read_cells, read_pose, read_steering


@dataclass(frozen=True)
class Task:
    """What is told of an image, in the task's own unit."""

    title: str
    unit: str
    sigmas: tuple[float, ...]
    """Deviations of the noise that an energy is contrasted with, the same in each dimension."""
    grid: Grid
    """On which an energy is made a density."""
    read: Callable[[Path], Split]
    """The published files of a folder."""
    warm_up: int = 0
    """Epochs in which a mixture is trained by its likelihood alone; its teacher as ever."""
    augmented: bool = False

    @property
    def dimensions(self) -> int:
        return len(self.grid.lower)


TASKS = {
    "steering": Task(
        "steering angle", "degrees", (1, 40), Grid((-100,), (100,), 20000), read_steering
    ),
    "cells": Task("cell count", "cells", (1, 40), Grid((1,), (200,), 19900), read_cells),
    "age": Task("age", "years", (0.1, 20), Grid((1,), (60,), 5900), read_age),
    "pose": Task(
        "head pose", "degrees", (1, 10), Grid((-80,) * 3, (80,) * 3, 30), read_pose, 1, True
    ),
}
