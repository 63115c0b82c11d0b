"""How well a trained network tells the targets of images that it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.ebm.inference import Grid
from ltr.ebm.mixture import MixtureDensity
from ltr.regress.examples import Examples
from ltr.regress.networks import EnergyHead, normalized
from ltr.regress.tasks import TASKS
from ltr.regress.training import RegressionNet, Scale, Setup

_BATCH = 256
_POINTS = 1 << 16
"""Of the grid times images that are scored at once, about."""


@dataclass(frozen=True)
class Quality:
    """Means over images, in the task's unit."""

    likelihood: float
    """Negative log likelihood, nats."""
    error: float
    """Mean absolute error of the density's mean, over dimensions too."""
    proposal_likelihood: float | None = None
    """The first of the learned proposal."""


class _Told(NamedTuple):
    """Of some images: negative log likelihoods (B,) and the means of their densities (B, D)."""

    likelihood: Tensor
    mean: Tensor


def evaluate(net: RegressionNet, setup: Setup, examples: Examples, scale: Scale) -> Quality:
    """Of a mixture exactly, of an energy on the task's published grid. The energy that teaches a
    mixture counts for nothing."""
    net.eval()
    log_unit = float(scale.deviation.log().sum())
    grid = _scaled(TASKS[setup.task].grid, scale)
    found: list[_Told] = []
    of_proposal: list[Tensor] = []
    with torch.no_grad():
        on_grid = None
        if net.energy is not None and net.teacher is None:
            on_grid = net.energy.target(grid.points())
        for images, targets in _batches(examples):
            target = scale.inward(targets)
            features = net.features(normalized(images))
            told = None
            if net.mixture is not None:
                told = _of_mixture(net.mixture(features), target)
            if on_grid is not None:
                assert net.energy is not None
                if told is not None:
                    of_proposal.append(told.likelihood)
                told = _of_energy(net.energy, features, target, grid, on_grid)
            assert told is not None
            found.append(told)
    likelihood, mean = (torch.cat(part) for part in zip(*found, strict=True))
    return Quality(
        likelihood=float(likelihood.double().mean()) + log_unit,
        error=float((scale.outward(mean) - examples.targets).abs().mean()),
        proposal_likelihood=(
            float(torch.cat(of_proposal).double().mean()) + log_unit if of_proposal else None
        ),
    )


def _of_mixture(mixture: MixtureDensity, target: Tensor) -> _Told:
    return _Told(-mixture.log_density(target[:, None])[:, 0], mixture.mean)


def _of_energy(
    energy: EnergyHead, features: Tensor, target: Tensor, grid: Grid, on_grid: Tensor
) -> _Told:
    on_image = energy.image(features)
    own = energy.scores(on_image, energy.target(target[:, None]))[:, 0]
    normalizers, means = [], []
    points = grid.points()
    for rows in on_image.split(max(1, _POINTS // len(points))):
        scores = energy.scores(rows, on_grid)
        normalizers.append(grid.log_normalizer(scores.double()).float())
        means.append(scores.softmax(-1) @ points)
    return _Told(torch.cat(normalizers) - own, torch.cat(means))


def _scaled(grid: Grid, scale: Scale) -> Grid:
    """The same points in the scale of training."""
    ends = torch.tensor([tuple(grid.lower), tuple(grid.upper)])
    lower, upper = scale.inward(ends).tolist()
    return Grid(lower, upper, grid.size)


def _batches(examples: Examples) -> Iterator[Examples]:
    for first in range(0, len(examples.targets), _BATCH):
        yield Examples(*(part[first : first + _BATCH] for part in examples))
