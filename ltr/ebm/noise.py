"""The noise around a target from which the points that an energy is trained on are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ltr.errors import ConfigError


class Draw(Protocol):
    """Random numbers of B examples, one stream each; `ltr.draws.Draws` is one."""

    def of(self, purpose: str, /) -> Draw:
        """Numbers that are independent of those of every other purpose."""

    def normal(self, *shape: int) -> Tensor:
        """(B, *shape), standard normal."""

    def integers(self, high: int, /, *shape: int) -> Tensor:
        """(B, *shape) int64, from 0 to `high` - 1."""


@dataclass(frozen=True, eq=False)
class GaussianMixtureNoise:
    """A mixture of K Gaussians of equal weights around the target, with diagonal covariances
    (Gustafsson et al. 2020, "How to Train Your Energy-Based Model for Regression", section 3).

    ConfigError for anything but a table."""

    sigmas: Tensor
    """(K, D) standard deviations, positive; device and type are those of what is drawn."""

    def __post_init__(self) -> None:
        if self.sigmas.ndim != 2 or not self.sigmas.numel():
            raise ConfigError(
                f"noise deviations of shape {tuple(self.sigmas.shape)}: give a row for each "
                "component, a column for each dimension"
            )

    def draw(self, draw: Draw, count: int) -> Tensor:
        """Offsets (B, count, D) from the target."""
        components, dimensions = self.sigmas.shape
        component = draw.of("component").integers(components, count)
        return self.offsets(component, draw.of("offset").normal(count, dimensions))

    def offsets(self, component: Tensor, normal: Tensor) -> Tensor:
        """Offsets (..., D) of drawn components (...), each of all dimensions, and standard normal
        numbers (..., D)."""
        return self.sigmas[component] * normal

    def log_density(self, offsets: Tensor) -> Tensor:
        """The logarithm (...) of the mixture's density at offsets (..., D): finite wherever the
        offset is, also where the density itself is none that floating point holds."""
        components, dimensions = self.sigmas.shape
        exponents = (offsets[..., None, :] / self.sigmas).square().sum(-1) / -2
        per_component = exponents - self.sigmas.log().sum(-1)
        constant = math.log(components) + dimensions / 2 * math.log(math.tau)
        return per_component.logsumexp(-1) - constant
