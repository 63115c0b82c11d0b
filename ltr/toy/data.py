"""The three data sets of the papers, x to y, and the true densities of the first two."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ltr.errors import ConfigError, suggestion


@dataclass(frozen=True, eq=False)
class DataSet:
    """Pairs (x, y), float32 vectors, to train on; what is known of the truth, or pairs to test on.

    Data set 1 is the draw that the proposals paper published (fregu856/ebms_proposals, MIT licence,
    `data1.npz`); it was made without a seed. The others are made here."""

    name: str
    x: Tensor
    y: Tensor
    log_density: Callable[[Tensor, Tensor], Tensor] | None = None
    """The true log p(y | x), of float64 that broadcast."""
    test: tuple[Tensor, Tensor] | None = None


def data_set(name: str) -> DataSet:
    """By name: 1, 2, 3. Raises ConfigError."""
    if name not in _MAKERS:
        raise ConfigError(f"unknown data set {name!r}: {suggestion(name, _MAKERS)}")
    return _MAKERS[name]()


def _first() -> DataSet:
    with np.load(Path(__file__).parent / "data1.npz") as file:
        x, y = torch.from_numpy(file["x"]), torch.from_numpy(file["y"])
    return DataSet("1", x, y, log_density_1)


def log_density_1(x: Tensor, y: Tensor) -> Tensor:
    """For x < 0 two Gaussians around sin x and -sin x, of weights .8 and .2; else a log-normal of
    .25, shifted by -1."""
    mean = x.sin()
    two = torch.logaddexp(
        math.log(0.8) + _log_normal(y, mean, 0.075), math.log(0.2) + _log_normal(y, -mean, 0.075)
    )
    inside = y > -1
    logarithm = torch.where(inside, y, 0).log1p()
    skewed = torch.where(inside, _log_normal(logarithm, 0.0, 0.25) - logarithm, -math.inf)
    return torch.where(x < 0, two, skewed)


def _second() -> DataSet:
    random = np.random.RandomState(0)  # the one of the runs compared with
    x = random.uniform(-3, 3, 2000).astype(np.float32)
    scale = np.float32(0.15) / (1 + np.exp(-x))
    y = np.sin(x) + scale * random.normal(size=2000)
    return DataSet("2", torch.from_numpy(x), torch.from_numpy(y.astype(np.float32)), log_density_2)


def log_density_2(x: Tensor, y: Tensor) -> Tensor:
    """A Gaussian around sin x whose deviation grows with x."""
    return _log_normal(y, x.sin(), 0.15 * x.sigmoid())


def pairs_3() -> tuple[Tensor, Tensor]:
    """All 3,800 pairs of data set 3, float64: four zones of x, skewed, symmetric, uniform, three
    modes. The first 1,900 are to test on, 190 to validate (not used), 1,710 to train on."""
    random = np.random.RandomState(41)
    n = 1000
    skewed = 5 * random.beta(0.5, 1, 4 * n // 5) + 0.5
    random.shuffle(skewed)
    centre = 3 * np.cos(np.linspace(0, 5, n)) - 2
    symmetric = centre + random.normal(0, np.abs(centre) / 4, n)
    low, high = np.linspace(-2, -4.5, n // 2), np.linspace(-0.5, 9, n // 2)
    uniform = random.uniform(low, high, n // 2)
    modes = np.concatenate(
        [
            8 + random.uniform(0, 0.5, n // 2),
            1 + random.uniform(0, 3.0, n // 2),
            -4.5 + random.uniform(0, 1.5, n // 2),
        ]
    )
    random.shuffle(modes)
    values = np.concatenate([skewed, symmetric, uniform, modes])
    order = np.arange(len(values))
    random.shuffle(order)
    return torch.from_numpy(order / (len(values) - 1)), torch.from_numpy(values[order])


def _third() -> DataSet:
    x, y = (part.float() for part in pairs_3())
    half = len(y) // 2
    train = half + half // 10
    return DataSet("3", x[train:], y[train:], test=(x[:half], y[:half]))


_MAKERS: dict[str, Callable[[], DataSet]] = {"1": _first, "2": _second, "3": _third}
DATA_SETS = tuple(_MAKERS)


def _log_normal(y: Tensor, mean: Tensor | float, deviation: Tensor | float) -> Tensor:
    scaled = (y - mean) / deviation
    width = deviation.log() if isinstance(deviation, Tensor) else math.log(deviation)
    return -scaled.square() / 2 - width - math.log(math.tau) / 2
