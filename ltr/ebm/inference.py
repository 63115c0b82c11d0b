"""What a trained energy says of a target: by importance sampling from a proposal, in any dimension,
or on a grid in few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ltr.ebm.checks import check_count, check_draw, check_sample, check_scores, check_share
from ltr.ebm.mixture import drawn_by_weight
from ltr.ebm.noise import Density, Draw
from ltr.ebm.objectives import Score, log_mean_exp, weight_moments
from ltr.errors import ConfigError


@dataclass(frozen=True, eq=False)
class WeightedSample:
    """M points for each of B examples, which stand for p(y | x) by their weights: self-normalised
    importance sampling. With exact weights its errors fall as 1 / sqrt(effective size)."""

    points: Tensor
    """(B, M, D)"""
    scores: Tensor
    """(B, M), f."""
    log_proposal: Tensor
    """(B, M), log q of the density that the points were drawn from."""

    @property
    def log_weights(self) -> Tensor:
        """(B, M), f - log q: not normalised."""
        return self.scores - self.log_proposal

    @property
    def weights(self) -> Tensor:
        """(B, M), of sum 1."""
        return self.log_weights.softmax(-1)

    @property
    def log_normalizer(self) -> Tensor:
        """(B,), the estimate of log Z; -log p(y | x) is it minus f(y)."""
        return weight_moments(self.log_weights)[1]

    @property
    def effective_size(self) -> Tensor:
        """(B,), 1 / sum w^2. A few only: the proposal does not cover where the energy is high."""
        return weight_moments(self.log_weights)[0]

    def expectation(self, values: Tensor) -> Tensor:
        """(B, ...) of values (B, M, ...) at the points; of truth values, their probability."""
        dtype = torch.promote_types(self.weights.dtype, values.dtype)
        return torch.einsum("bm,bm...->b...", self.weights.to(dtype), values.to(dtype))

    @property
    def mean(self) -> Tensor:
        """(B, D)"""
        return self.expectation(self.points)

    @property
    def deviations(self) -> Tensor:
        """(B, D), standard deviations of each dimension."""
        return self.expectation((self.points - self.mean[:, None]).square()).sqrt()

    @property
    def mode(self) -> Tensor:
        """(B, D), the point of the highest score; `ltr.ebm.ascent` goes on from it."""
        best = self.scores.argmax(-1)
        return self.points[torch.arange(len(best), device=best.device), best]

    def credible_interval(self, share: float = 0.9) -> tuple[Tensor, Tensor]:
        """Lower and upper end (B, D) for each dimension: between them lies the `share` of the
        weight, as much of the rest below as above. ConfigError unless it is between 0 and 1."""
        if not 0 < share < 1:
            raise ConfigError(
                f"a credible interval of {share}: give a share between 0 and 1, .9 for 90 %"
            )
        return self.quantile((1 - share) / 2), self.quantile((1 + share) / 2)

    def quantile(self, share: float) -> Tensor:
        """(B, D), for each dimension the least point such that the `share` of the weight lies not
        above it. ConfigError unless it is from 0 to 1."""
        check_share("a quantile", share)
        points, order = self.points.sort(dim=1)
        weights = self.weights[..., None].expand_as(order).gather(1, order)
        below = weights.cumsum(1) < share * weights.sum(1, keepdim=True)
        index = below.sum(1, keepdim=True).clamp(max=points.shape[1] - 1)
        return points.gather(1, index)[:, 0]

    def resampled(self, draw: Draw, count: int) -> Tensor:
        """(B, count, D) of the points, drawn by their weights with replacement."""
        check_draw(draw)
        index = drawn_by_weight(self.log_weights, draw.of("resampling"), count)
        return self.points.gather(1, index[..., None].expand(-1, -1, self.points.shape[-1]))


def importance_sample(score: Score, proposal: Density, draw: Draw, count: int) -> WeightedSample:
    """`count` points of the proposal (a `MixtureDensity`, or noise around a first guess), weighted
    for the energy. Without gradient. ConfigError for less than one, for noise that is around
    nothing, and for points that are not (B, count, D)."""
    check_count("samples", count)
    if not hasattr(proposal, "sample"):
        raise ConfigError(
            f"a {type(proposal).__name__} as proposal is no density: give its .around(guess), with "
            "a guess (B, D)"
        )
    with torch.no_grad():
        points = proposal.sample(draw, count)
        check_sample(points, count)
        scores = score(points)
        check_scores(scores, points.shape[:-1])
        return WeightedSample(points, scores, proposal.log_density(points))


@dataclass(frozen=True)
class Grid:
    """Points at even distances in a box, both its ends among them: what can be computed for few
    dimensions without a proposal. ConfigError for a box without a volume."""

    lower: Sequence[float]
    """D numbers."""
    upper: Sequence[float]
    size: int
    """Points along each dimension."""

    def __post_init__(self) -> None:
        check_count("points along a side of a grid", self.size)
        sides = [high - low for low, high in zip(self.lower, self.upper, strict=False)]
        if (
            not sides
            or len(self.lower) != len(self.upper)
            or not all(0 < side < math.inf for side in sides)
        ):
            raise ConfigError(
                f"a grid from {tuple(self.lower)} to {tuple(self.upper)}: give a lower and a "
                "higher end for each dimension"
            )

    def points(
        self, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> Tensor:
        """(size^D, D), the last dimension changing fastest."""
        axes = [
            torch.linspace(low, high, self.size, dtype=dtype, device=device)
            for low, high in zip(self.lower, self.upper, strict=True)
        ]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2)

    def log_normalizer(self, scores: Tensor) -> Tensor:
        """log Z (...) from scores (..., size^D). As published, each point stands for its share of
        the box, though those at the ends stand for half of it: 1 / size too little an axis."""
        sides = (high - low for low, high in zip(self.lower, self.upper, strict=True))
        return log_mean_exp(scores) + sum(math.log(side) for side in sides)

    def log_density(self, scores: Tensor) -> Tensor:
        """log p (..., size^D) at the points."""
        return scores - self.log_normalizer(scores)[..., None]

    def sample(self, scores: Tensor, draw: Draw, count: int) -> Tensor:
        """Points (B, count, D) drawn by scores (B, size^D), of their type and on their device."""
        check_draw(draw)
        points = self.points(scores.dtype, scores.device)
        return points[drawn_by_weight(scores, draw.of("grid"), count)]
