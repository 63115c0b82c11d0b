"""All seeds of a method train at once: Adam of 1e-3, batches of 32, the last one shorter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ltr.ebm.mixture import MixtureDensity
from ltr.ebm.noise import Draw
from ltr.ebm.objectives import Loss, Objective, Score
from ltr.ebm.proposals import mixture_likelihood
from ltr.ebm.slopes import DenoisingScoreMatching, LangevinLikelihood, ScoreMatching
from ltr.seeds import load_moments
from ltr.toy.data import DataSet
from ltr.toy.methods import Setup
from ltr.toy.metric import Scores
from ltr.toy.networks import (
    Buffers,
    Weights,
    features,
    initial_weights,
    mixture,
    scores,
    smooth_scores,
)
from ltr.toy.randomness import Randomness

BATCH = 32
LEARNING_RATE = 1e-3
EPOCHS = 75
_COLUMNS = 1 << 17
"""Points that are scored at once, about: seeds are taken together up to so many."""


class Training:
    """The state of S seeds: weights, moments, random numbers, epoch, losses."""

    def __init__(self, setup: Setup, data: DataSet, randomness: Randomness) -> None:
        self.setup, self.data, self.randomness = setup, data, randomness
        self.weights = initial_weights(setup.architecture, randomness.generators)
        for weight in self.weights.values():
            weight.grad = torch.zeros_like(weight)
        self.optimizer = torch.optim.Adam(list(self.weights.values()), lr=LEARNING_RATE, fused=True)
        self.losses: list[Tensor] = []
        """Of each epoch, (S,)."""
        self.failures: dict[int, str] = {}
        """By the place of a seed: why it learns no more."""
        self.steps = 0
        self._buffers = Buffers()
        self._groups = list(self._seeds_together())

    def epoch(self) -> None:
        """Go through the data once."""
        x, y = self.data.x, self.data.y
        order = self.randomness.order(len(x))
        total = torch.zeros(len(order))
        for batch in order.split(BATCH, dim=1):
            total += self.step(x[batch], y[batch]) * batch.shape[1]
        self.losses.append(total / len(x))

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        """One step of each seed with its batch (S, B). Returns the losses (S,). A seed whose loss
        or gradient is not finite learns no more: its weights stay as they are."""
        self.steps += 1
        losses, told = [], []
        for seeds, weights in self._groups:
            draw = self.randomness.draws(seeds, x.shape[1])
            loss = example_losses(self.setup, weights, x[seeds], y[seeds], draw, self._buffers)
            own = loss.values.view(-1, x.shape[1]).mean(1)
            own.sum().backward()
            losses.append(own.detach())
            told.append((seeds.start, loss.diagnostics))
        values = torch.cat(losses)
        gradients = [_gradient_of(weight) for weight in self.weights.values()]
        sums = values + torch.stack([each.flatten(1).sum(1) for each in gradients]).sum(0)
        for place in sums.isfinite().logical_not().nonzero().flatten().tolist():
            begin, diagnostics = max(group for group in told if group[0] <= place)
            rows = slice((place - begin) * x.shape[1], (place - begin + 1) * x.shape[1])
            self._fail(place, float(values[place]), {n: v[rows] for n, v in diagnostics.items()})
        for place in self.failures:
            self._hold(place)
        self.optimizer.step()
        for each in gradients:
            each.zero_()
        return values

    def _hold(self, place: int) -> None:
        """Without gradient and moments, Adam leaves its weights as they are."""
        for weight in self.weights.values():
            state = self.optimizer.state[weight]  # empty before the first step
            moments = (state[name] for name in ("exp_avg", "exp_avg_sq") if name in state)
            for each in (_gradient_of(weight), *moments):
                each[place].zero_()

    def _fail(self, place: int, value: float, diagnostics: dict[str, Tensor]) -> None:
        largest = "".join(f", {name} {float(v.max()):.4g}" for name, v in diagnostics.items())
        what = "gradient is not finite" if math.isfinite(value) else f"loss is {value}"
        self.failures.setdefault(place, f"at step {self.steps} its {what}; at most{largest[1:]}")

    def scores_of(self, seed: int, of_mixture: bool) -> Scores:
        """The trained scores of the seed of this place, or of its mixture the log density."""
        weights = {name: weight[seed : seed + 1] for name, weight in self.weights.items()}
        return trained_scores(self.setup, weights, of_mixture)

    def state(self) -> dict[str, Any]:
        """All that follows depends on it: to be saved."""
        return {
            "weights": self.weights,
            "optimizer": self.optimizer.state_dict(),
            "generators": [g.get_state() for g in self.randomness.generators],
            "losses": self.losses,
            "failures": self.failures,
            "steps": self.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state of the same setup and seeds. Raises ValueError and others for one that
        is damaged."""
        generators = self.randomness.generators
        for name, weight in self.weights.items():
            if state["weights"][name].shape != weight.shape:
                raise ValueError(f"{name} has another shape")  # `copy_` would broadcast
            weight.copy_(state["weights"][name])
        load_moments(self.optimizer, state["optimizer"])
        for generator, numbers in zip(generators, state["generators"], strict=True):
            generator.set_state(numbers)
        self.losses = [losses.reshape(len(generators)) for losses in state["losses"]]
        places = range(len(generators))
        self.failures = {places[place]: str(why) for place, why in state["failures"].items()}
        self.steps = int(state["steps"])

    def _seeds_together(self) -> Iterator[tuple[slice, Weights]]:
        """Groups of seeds, and their weights as leaves: views of those of all, and so are their
        gradients."""
        samples = getattr(self.setup.objective, "samples", 1)
        energy = getattr(self.setup.objective, "energy", None)
        columns = BATCH * (energy.samples if energy else samples)
        together = max(1, _COLUMNS // columns)
        for begin in range(0, len(self.randomness.generators), together):
            seeds = slice(begin, begin + together)
            leaves = {}
            for name, weight in self.weights.items():
                leaves[name] = weight[seeds].requires_grad_()
                leaves[name].grad = _gradient_of(weight)[seeds]
            yield seeds, leaves


def _gradient_of(weight: Tensor) -> Tensor:
    assert weight.grad is not None
    return weight.grad


def example_losses(
    setup: Setup, weights: Weights, x: Tensor, y: Tensor, draw: Draw, buffers: Buffers
) -> Loss:
    """Values (S B,) of batches (S, B) of as many seeds as there are weights of."""
    feature = features(weights, x)
    target = y.reshape(-1, 1)
    predictor, objective = setup.architecture.predictor, setup.objective
    if objective is None:
        return mixture_likelihood(target, mixture(weights, feature))
    assert predictor is not None
    of_mixture = feature if setup.architecture.teacher else feature.detach()
    if setup.architecture.teacher:
        feature = features(weights, x, "teacher")

    def score(points: Tensor) -> Tensor:
        # chains climb upon the score: then the weights' gradient is not asked for
        own = {n: w.detach() for n, w in weights.items()} if points.requires_grad else weights
        given = feature.detach() if points.requires_grad else feature
        return scores(predictor, own, given, points.view(*x.shape, -1), buffers).flatten(0, 1)

    def smooth_score(points: Tensor) -> Tensor:
        return smooth_scores(predictor, weights, feature, points.view(*x.shape, -1)).flatten(0, 1)

    if isinstance(objective, DenoisingScoreMatching | ScoreMatching):
        return objective(smooth_score, target, None, draw)
    if isinstance(objective, LangevinLikelihood):
        return objective(score, target, None, draw)
    if not setup.architecture.components:
        return objective(score, target, setup.noise, draw)
    return _with_proposal(objective, score, target, mixture(weights, of_mixture), draw)


def _with_proposal(
    objective: Objective, score: Score, target: Tensor, proposal: MixtureDensity, draw: Draw
) -> Loss:
    """Where a mixture is not finite nothing can be drawn from it: all is nan there, and one that
    can be stands for it, so that the others go on."""
    parts = (proposal.logits, proposal.means, proposal.log_sigmas)
    finite = torch.stack([part.isfinite().flatten(1).all(1) for part in parts]).all(0)
    if bool(finite.all()):
        return objective(score, target, proposal, draw)
    kept = (torch.where(finite.view(-1, *[1] * (p.ndim - 1)), p, 0.0) for p in parts)
    loss = objective(score, target, MixtureDensity(*kept), draw)
    values, *told = (
        torch.where(finite, v, math.nan) for v in (loss.values, *loss.diagnostics.values())
    )
    return Loss(values, dict(zip(loss.diagnostics, told, strict=True)))


def trained_scores(setup: Setup, weights: Weights, of_mixture: bool) -> Scores:
    """Those of one seed."""
    predictor, buffers = setup.architecture.predictor, Buffers()
    of_mixture = of_mixture or setup.architecture.teacher

    def of_points(x: Tensor, y: Tensor) -> Tensor:
        with torch.no_grad():
            feature = features(weights, x[None])
            points = y.expand(len(x), -1)
            if of_mixture or predictor is None:
                return mixture(weights, feature).log_density(points[..., None])
            return scores(predictor, weights, feature, points[None], buffers)[0]

    return of_points
