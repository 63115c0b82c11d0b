"""The four tasks, with what is published of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ltr.ebm.inference import Grid
from ltr.regress.examples import Split
from ltr.regress.readers import (
    AGES,
    ANGLES,
    COUNTS,
    TURNS,
    read_age,
    read_cells,
    read_pose,
    read_steering,
)


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


def _grid(ends: tuple[float, float], size: int, dimensions: int = 1) -> Grid:
    lower, upper = ends
    return Grid((lower,) * dimensions, (upper,) * dimensions, size)


TASKS = {
    "steering": Task("steering angle", "degrees", (1, 40), _grid(ANGLES, 20000), read_steering),
    "cells": Task("cell count", "cells", (1, 40), _grid(COUNTS, 19900), read_cells),
    "age": Task("age", "years", (0.1, 20), _grid(AGES, 5900), read_age),
    "pose": Task("head pose", "degrees", (1, 10), _grid(TURNS, 30, 3), read_pose, 1, True),
}
