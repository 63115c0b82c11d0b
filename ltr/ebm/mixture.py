"""Mixtures of Gaussians whose parameters a network gives, each example its own: the output of a
mixture density network (Bishop 1994), the proposal of an energy (Gustafsson et al. 2022)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ltr.ebm.checks import check_dimensions, check_draw, check_examples
from ltr.ebm.noise import Draw, log_gaussians
from ltr.errors import ConfigError, TrainingError

_STEPS = 1 << 24
"""Of a uniform number: as many as a float32 tells apart."""


@dataclass(frozen=True, eq=False)
class MixtureDensity:
    """Mixtures of K Gaussians with diagonal covariances over D dimensions, one for each of B
    examples. All is done with logarithms; nothing is clamped.

    A network of one dimension gives (B, K) each; `[..., None]` makes means and log deviations of
    these, and half of what is trained as the logarithm of a variance is that of a deviation.
    ConfigError for shapes that do not go together, also of targets and points."""

    logits: Tensor
    """(..., K), of the weights: their softmax."""
    means: Tensor
    """(..., K, D)"""
    log_sigmas: Tensor
    """(..., K, D), logarithms of the standard deviations."""

    def __post_init__(self) -> None:
        logits, means, log_sigmas = (
            tuple(part.shape) for part in (self.logits, self.means, self.log_sigmas)
        )
        if means != log_sigmas or logits != means[:-1] or not logits:
            raise ConfigError(
                f"a mixture of logits {logits}, means {means} and log deviations {log_sigmas}: "
                "give (..., K), (..., K, D) and (..., K, D)"
            )

    def around(self, target: Tensor) -> MixtureDensity:
        """Itself: it does not know the target. It is `Noise` for an objective."""
        return self

    def sample(self, draw: Draw, count: int) -> Tensor:
        """Points (B, count, D), without gradient: they are never reparametrised. A component is
        drawn for all dimensions. TrainingError where a parameter is not finite."""
        with torch.no_grad():
            check_draw(draw)
            component = self._components(draw, count)
            normal = draw.of("offset").normal(count, self.means.shape[-1]).to(self.means.dtype)
            return self.points(component, normal)

    def points(self, component: Tensor, normal: Tensor) -> Tensor:
        """The points (..., N, D) of drawn components (..., N) and standard normal numbers
        (..., N, D)."""
        self._check("normal numbers", normal)
        chosen = component[..., None].expand(*component.shape, self.means.shape[-1])
        return self.means.gather(-2, chosen) + self.log_sigmas.exp().gather(-2, chosen) * normal

    def log_density(self, points: Tensor) -> Tensor:
        """The logarithm (..., N) of the density at points (..., N, D)."""
        self._check("points", points)
        means, log_sigmas = (  # (K, ..., 1, D): components first take half the time
            part.movedim(-2, 0)[..., None, :] for part in (self.means, self.log_sigmas)
        )
        per_component = log_gaussians((points - means) * (-log_sigmas).exp(), log_sigmas)
        log_weights = self.logits.log_softmax(-1).movedim(-1, 0)[..., None]
        constant = points.shape[-1] / 2 * math.log(math.tau)
        return (log_weights + per_component).logsumexp(0) - constant

    def perturbed(self, target: Tensor, draw: Draw, beta: float) -> Tensor:
        """Targets (B, D) moved by a centred Gaussian of `beta` times the deviations of a component
        that is drawn by its weight; none is moved, and nothing is drawn, for 0."""
        self._check("targets", target)
        if not beta:
            return target
        check_examples("targets", "(B, D)", target.shape, "a mixture", len(self.logits))
        centred = MixtureDensity(self.logits, torch.zeros_like(self.means), self.log_sigmas)
        return target + beta * centred.sample(draw, 1)[:, 0]

    @property
    def mean(self) -> Tensor:
        """(..., D)"""
        return (self.logits.softmax(-1)[..., None] * self.means).sum(-2)

    def _check(self, what: str, given: Tensor) -> None:
        check_dimensions(what, given, self.means.shape[-1], "a mixture")

    def _components(self, draw: Draw, count: int) -> Tensor:
        for name in ("logits", "means", "log_sigmas"):
            if not bool(getattr(self, name).isfinite().all()):
                raise TrainingError(
                    f"the {name} of a mixture of {self.logits.shape[-1]} are not finite: nothing "
                    "can be drawn from it; lower the learning rate, or begin with its likelihood"
                )
        return drawn_by_weight(self.logits, draw.of("component"), count)


def drawn_by_weight(log_weights: Tensor, draw: Draw, count: int) -> Tensor:
    """Indices (B, count) that are drawn, with replacement, by weights whose logarithms, up to a
    constant, are (B, K). ConfigError for other axes, or for another B than that of the numbers."""
    check_draw(draw)
    steps = draw.integers(_STEPS, count)
    check_examples("weights", "(B, K)", log_weights.shape, "random numbers", len(steps))
    return chosen_by_weight(log_weights, steps.double() / _STEPS)


def chosen_by_weight(log_weights: Tensor, uniform: Tensor) -> Tensor:
    """Indices (..., N) that numbers of [0, 1), `uniform` (..., N), choose by weights whose
    logarithms, up to a constant, are (..., K): those of even numbers have the shares of the
    weights."""
    upper = log_weights.detach().double().softmax(-1).cumsum(-1)[..., :-1]
    return torch.searchsorted(upper.contiguous(), uniform.double().contiguous(), right=True)
