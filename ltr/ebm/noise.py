"""The noise around a target from which the points that an energy is trained on are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ltr.ebm.checks import check_deviations, check_dimensions, check_draw, check_examples
from ltr.errors import ConfigError


class Draw(Protocol):
    """Random numbers of B examples, one stream each; `ltr.draws.Draws` is one."""

    def of(self, purpose: str, /) -> Draw:
        """Numbers that are independent of those of every other purpose."""

    def normal(self, *shape: int) -> Tensor:
        """(B, *shape), standard normal."""

    def integers(self, high: int, /, *shape: int) -> Tensor:
        """(B, *shape) int64, from 0 to `high` - 1."""


class Density(Protocol):
    """A density over targets for each of B examples."""

    def sample(self, draw: Draw, count: int) -> Tensor:
        """Points (B, count, D) of it, without gradient."""

    def log_density(self, points: Tensor) -> Tensor:
        """Its logarithm (B, N) at points (B, N, D)."""


class Noise(Protocol):
    """What an energy is contrasted with: fixed noise, or a learned proposal."""

    def around(self, target: Tensor) -> Density:
        """The density for targets (B, D)."""

    def perturbed(self, target: Tensor, draw: Draw, beta: float) -> Tensor:
        """Targets (B, D) moved by noise of `beta` times the deviations, without gradient."""


@dataclass(frozen=True, eq=False)
class GaussianMixtureNoise:
    """A mixture of K Gaussians of equal weights around the target, with diagonal covariances
    (Gustafsson et al. 2020, "How to Train Your Energy-Based Model for Regression", section 3).

    ConfigError for anything but a table, for deviations that are not positive and finite, and for
    targets or points of other dimensions."""

    sigmas: Tensor
    """(K, D) standard deviations, positive; device and type are those of what is drawn."""

    def __post_init__(self) -> None:
        if self.sigmas.ndim != 2 or not self.sigmas.numel():
            raise ConfigError(
                f"noise deviations of shape {tuple(self.sigmas.shape)}: give a row for each "
                "component, a column for each dimension"
            )
        check_deviations(self.sigmas)

    def around(self, target: Tensor) -> NoiseAround:
        """The noise around targets (..., D)."""
        self._check("targets", target)
        return NoiseAround(self, target)

    def perturbed(self, target: Tensor, draw: Draw, beta: float) -> Tensor:
        """Targets (B, D) moved by noise of `beta` times the deviations; all of them stay, and
        nothing is drawn, for 0."""
        self._check("targets", target)
        return target + beta * _for_each(target, self.draw(draw, 1))[:, 0] if beta else target

    def draw(self, draw: Draw, count: int) -> Tensor:
        """Offsets (B, count, D) from the target."""
        check_draw(draw)
        components, dimensions = self.sigmas.shape
        component = draw.of("component").integers(components, count)
        return self.offsets(component, draw.of("offset").normal(count, dimensions))

    def offsets(self, component: Tensor, normal: Tensor) -> Tensor:
        """Offsets (..., D) of drawn components (...), each of all dimensions, and standard normal
        numbers (..., D)."""
        self._check("normal numbers", normal)
        return self.sigmas[component] * normal

    def log_density(self, offsets: Tensor) -> Tensor:
        """The logarithm (...) of the mixture's density at offsets (..., D): finite wherever the
        offset is, also where the density itself is none that floating point holds."""
        self._check("points", offsets)
        components, dimensions = self.sigmas.shape
        sigmas = self.sigmas.reshape(components, *[1] * (offsets.ndim - 1), dimensions)
        per_component = log_gaussians(offsets / sigmas, sigmas.log())  # (K, ...): half the time
        constant = math.log(components) + dimensions / 2 * math.log(math.tau)
        return per_component.logsumexp(0) - constant

    def _check(self, what: str, given: Tensor) -> None:
        check_dimensions(what, given, self.sigmas.shape[-1], "noise")


@dataclass(frozen=True, eq=False)
class NoiseAround:
    """Noise, and the targets that it is around: a density of points."""

    noise: GaussianMixtureNoise
    target: Tensor
    """(..., D)"""

    def sample(self, draw: Draw, count: int) -> Tensor:
        """Points (B, count, D) around targets (B, D). ConfigError for targets of other axes, or of
        another B than the random numbers."""
        return self.target[..., None, :] + _for_each(self.target, self.noise.draw(draw, count))

    def log_density(self, points: Tensor) -> Tensor:
        """The logarithm (..., N) of the density at points (..., N, D)."""
        check_dimensions("points", points, self.target.shape[-1], "targets")
        return self.noise.log_density(points - self.target[..., None, :])


def _for_each(target: Tensor, offsets: Tensor) -> Tensor:
    """Offsets (B, N, D) that are of targets (B, D)."""
    check_examples("targets", "(B, D)", target.shape, "random numbers", len(offsets))
    return offsets


def log_gaussians(scaled: Tensor, log_sigmas: Tensor) -> Tensor:
    """The log densities (...) of Gaussians with diagonal covariances, but for their common constant
    -D/2 log(2 pi): at offsets (..., D) in units of the deviations."""
    return scaled.square().sum(-1) / -2 - log_sigmas.sum(-1)
