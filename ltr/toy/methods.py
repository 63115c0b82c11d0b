"""What is compared: the objectives with the settings that the papers publish for each data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ltr.ebm.noise import GaussianMixtureNoise
from ltr.ebm.objectives import LabelDivergence, MaximumLikelihood, NoiseContrastive, Objective
from ltr.ebm.proposals import LearnedProposal
from ltr.ebm.slopes import DenoisingScoreMatching, LangevinLikelihood, ScoreMatching
from ltr.errors import ConfigError, suggestion
from ltr.toy.networks import PREDICTOR_2020, PREDICTOR_2022, Architecture


@dataclass(frozen=True, eq=False)
class Setup:
    """A method on a data set: what is trained, and by what."""

    architecture: Architecture
    objective: Objective | None
    """None: the likelihood of the mixture alone."""
    noise: GaussianMixtureNoise | None = None
    """Fixed noise; a network with a mixture is contrasted with that."""


@dataclass(frozen=True)
class Method:
    """A row of the tables."""

    title: str
    seeds: int
    data: tuple[str, ...]
    """The data sets that it is for, as in the papers."""
    setup: Callable[[str, int], Setup]
    """Of a data set's name and a number of samples."""
    samples: bool = True
    """Whether their number matters."""


_ENERGY, _ENERGY_2022 = Architecture(PREDICTOR_2020), Architecture(PREDICTOR_2022)
BETA = 0.025
LABEL_SIGMA = 0.025


def _noise(*sigmas: float) -> GaussianMixtureNoise:
    return GaussianMixtureNoise(torch.tensor(sigmas)[:, None])


def _nce(data: str, samples: int) -> Setup:
    return Setup(_ENERGY, NoiseContrastive(samples), _noise(0.1, 0.8))


def _nce_plus(data: str, samples: int) -> Setup:
    return Setup(_ENERGY, NoiseContrastive(samples, BETA), _noise(0.1, 0.8))


def _ml_is(data: str, samples: int) -> Setup:
    return Setup(_ENERGY, MaximumLikelihood(samples), _noise(0.2, 1.6))


def _kld_is(data: str, samples: int) -> Setup:
    return Setup(_ENERGY, LabelDivergence(_noise(LABEL_SIGMA), samples), _noise(0.2, 1.6))


def _ml_mcmc(steps: int) -> Callable[[str, int], Setup]:
    def setup(data: str, samples: int) -> Setup:
        length = 0.0125 if data == "2" else 0.05
        return Setup(_ENERGY, LangevinLikelihood(steps, length, samples))

    return setup


def _dsm(data: str, samples: int) -> Setup:
    return Setup(_ENERGY, DenoisingScoreMatching(0.075 if data == "2" else 0.2, samples))


def _sm(data: str, samples: int) -> Setup:
    return Setup(_ENERGY, ScoreMatching())


def _nce_2022(data: str, samples: int) -> Setup:
    noise = _noise(0.4, 3.2) if data == "3" else _noise(0.1, 0.8)
    return Setup(_ENERGY_2022, NoiseContrastive(samples), noise)


def _proposal(components: int) -> Callable[[str, int], Setup]:
    def setup(data: str, samples: int) -> Setup:
        architecture = Architecture(PREDICTOR_2022, components)
        return Setup(architecture, LearnedProposal(NoiseContrastive(samples)))

    return setup


def _teacher(components: int) -> Callable[[str, int], Setup]:
    def setup(data: str, samples: int) -> Setup:
        architecture = Architecture(PREDICTOR_2022, components, teacher=True)
        return Setup(architecture, LearnedProposal(NoiseContrastive(samples), 0.5))

    return setup


def _mdn(components: int) -> Callable[[str, int], Setup]:
    return lambda data, samples: Setup(Architecture(None, components), None)


_FIRST, _SECOND = ("1", "2"), ("1", "3")
METHODS = {
    "nce": Method("NCE", 20, _FIRST, _nce),
    "nce_plus": Method("NCE+", 20, _FIRST, _nce_plus),
    "ml_is": Method("ML-IS", 20, _FIRST, _ml_is),
    "kld_is": Method("KLD-IS", 20, _FIRST, _kld_is),
    "sm": Method("SM", 20, _FIRST, _sm, samples=False),
    "dsm": Method("DSM", 10, _FIRST, _dsm),
    "ml_mcmc1": Method("ML-MCMC, 1 step", 5, _FIRST, _ml_mcmc(1)),
    "ml_mcmc16": Method("ML-MCMC, 16 steps", 1, _FIRST, _ml_mcmc(16)),
    "mdn1": Method("MDN, K = 1", 5, _SECOND, _mdn(1), samples=False),
    "mdn4": Method("MDN, K = 4", 10, _SECOND, _mdn(4), samples=False),
    "mdn16": Method("MDN, K = 16", 5, _SECOND, _mdn(16), samples=False),
    "teacher4": Method("MDN, K = 4, EBM as teacher", 10, _SECOND, _teacher(4)),
    "proposal1": Method("NCE, learned proposal, K = 1", 5, _SECOND, _proposal(1)),
    "proposal4": Method("NCE, learned proposal, K = 4", 10, _SECOND, _proposal(4)),
    "proposal16": Method("NCE, learned proposal, K = 16", 5, _SECOND, _proposal(16)),
    "nce_2022": Method("NCE, network of 2022", 10, _SECOND, _nce_2022),
}


def method_named(name: str) -> Method:
    """Raises ConfigError."""
    if name not in METHODS:
        raise ConfigError(f"unknown objective {name!r}: {suggestion(name, METHODS)}")
    return METHODS[name]
