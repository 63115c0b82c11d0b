"""The objectives by which a box energy is trained, with the settings of the NCE+ paper's detection
experiment (Gustafsson et al. 2020, BMVC). All boxes are offsets from the target in relative
coordinates, its own size as their unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ltr.ebm.noise import GaussianMixtureNoise
from ltr.ebm.objectives import LabelDivergence, MaximumLikelihood, NoiseContrastive, Objective
from ltr.ebm.slopes import DenoisingScoreMatching, LangevinLikelihood
from ltr.errors import ConfigError, suggestion

_WIDE, _NARROW = (0.075, 0.15, 0.3), (0.0375, 0.075, 0.15)


@dataclass(frozen=True)
class Method:
    """An objective by name, and by what it is trained here."""

    title: str
    sigmas: tuple[float, ...] = ()
    """Of the noise, for centre and log size alike; none where it needs no noise."""
    chains: bool = False
    """Whether it needs a step length."""
    samples: int = 32
    """Boxes that are drawn for each target by default. Published: 127, or 128 where the target is
    not scored beside them; what needs slopes takes several times as long."""

    @property
    def noise(self) -> GaussianMixtureNoise | None:
        """Around a target, (K, 4) deviations."""
        return _noise(self.sigmas) if self.sigmas else None


METHODS = {
    "ml_is": Method("ML-IS", _NARROW),
    "kld_is": Method("KLD-IS", _NARROW),
    "ml_mcmc": Method("ML-MCMC", chains=True, samples=16),
    "nce": Method("NCE", _WIDE),
    "dsm": Method("DSM", samples=16),
    "nce_plus": Method("NCE+", _WIDE),
}


def method_named(name: str) -> Method:
    """Raises ConfigError with a suggestion."""
    if name not in METHODS:
        raise ConfigError(f"unknown objective {name!r}: {suggestion(name, METHODS)}")
    return METHODS[name]


def objective_of(name: str, samples: int, step_length: float | None) -> Objective[Any]:
    """The objective with so many samples; `step_length`: of the chains of ML-MCMC, 8 steps each."""
    if name == "ml_is":
        return MaximumLikelihood(samples)
    if name == "kld_is":
        return LabelDivergence(_noise((0.0225,)), samples)
    if name == "ml_mcmc":
        assert step_length is not None
        return LangevinLikelihood(steps=8, step_length=step_length, samples=samples)
    if name == "dsm":
        return DenoisingScoreMatching(0.075, samples)
    return NoiseContrastive(samples, 0.1 if name == "nce_plus" else 0.0)


def _noise(sigmas: tuple[float, ...]) -> GaussianMixtureNoise:
    return GaussianMixtureNoise(torch.tensor(sigmas)[:, None].expand(-1, 4))
