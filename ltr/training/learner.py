"""What learns: the network with its mean, its optimizer and the number of its step."""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.draws import example_draws
from ltr.errors import ConfigError, TrainingError
from ltr.models.tracker_net import TrackerNet
from ltr.training.averaging import average, decay_at
from ltr.training.material import Losses, Objective, Sampled
from ltr.training.parameters import beginnings, begun, optimizer_of, set_trained
from ltr.training.recipe import Recipe
from ltr.training.schedule import rate_factor

_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Step(NamedTuple):
    """What a step tells of itself."""

    losses: dict[str, float]
    """By term, before the step; `total` is what was minimised."""
    gradient: float
    """Its norm, before it is clipped."""


class Learner:
    """All that a step changes, and the step itself. A resumed run makes one and restores it."""

    def __init__(self, recipe: Recipe, net: TrackerNet, device: torch.device) -> None:
        """Raises ConfigError where the recipe's groups do not fit `net`."""
        self.recipe, self.device = recipe, device
        self.net = net.to(device)
        self.mean = copy.deepcopy(self.net).eval() if recipe.averaging else self.net
        """What is validated and stored."""
        self.begun = beginnings(self.net, recipe.groups)
        """Where tensors began that the mean follows by a share."""
        self.optimizer = optimizer_of(self.net, recipe)
        self.scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
        self.step = 0
        """Steps that were made."""
        self._trained: tuple[bool, ...] | None = None

    def learn(self, batch: Sampled, objective: Objective) -> Step:
        """One step. Raises TrainingError where the loss or its gradient is not finite, and then
        nothing was changed; ConfigError where nothing that is trained changes the loss."""
        self._set_trained()
        statistics = [buffer.clone() for buffer in self.net.buffers()]
        for group in self.optimizer.param_groups:
            rate = self.recipe.groups[group["group"]].learning_rate
            group["lr"] = rate * rate_factor(self.recipe, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        first = self.step * self.recipe.batch
        numbers = torch.arange(first, first + self.recipe.batch, device=self.device)
        with self._autocast():
            losses = objective(self.net, batch, example_draws(self.recipe.seed, numbers))
        if not losses.total.requires_grad:
            raise ConfigError(
                f"nothing that is trained in step {self.step + 1} changes the loss: set classifier "
                "or box for what groups train, and begin=0 for one of them"
            )
        self.scaler.scale(losses.total).backward()
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(
            [p for p in self.net.parameters() if p.grad is not None],
            self.recipe.clip_gradient or math.inf,
        )
        step = Step(*_read(losses, norm))
        if term := self._not_finite(step):
            for buffer, before in zip(self.net.buffers(), statistics, strict=True):
                buffer.copy_(before)
            raise TrainingError(
                f"{term} is not finite in step {self.step + 1}, of the samples "
                f"{', '.join(dict.fromkeys(batch.names))}"
            )
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.mean is not self.net:
            decay = decay_at(self.recipe.averaging, self.step)
            average(self.mean, self.net, decay, self.begun)
        self.step += 1
        return step

    @torch.no_grad()
    def judge(self, batch: Sampled, objective: Objective) -> Step:
        """The losses of the mean network, which does not change."""
        self._trained = None
        self.mean.eval()
        draws = example_draws(self.recipe.seed, batch.numbers.to(self.device))
        with self._autocast():
            losses = objective(self.mean, batch, draws)
        return Step(*_read(losses, losses.total.new_zeros(())))

    def rates(self) -> dict[str, float]:
        """The learning rate of each group in the last step, by its first name; 0 where it is not
        trained yet."""
        return {
            group.parameters[0]: group.learning_rate * rate_factor(self.recipe, self.step - 1) * now
            for group, now in zip(
                self.recipe.groups, begun(self.recipe, self.step - 1), strict=True
            )
        }

    def _autocast(self) -> AbstractContextManager[object]:
        """Convolutions in the recipe's precision."""
        half = _TYPES.get(self.recipe.precision)
        return torch.autocast(self.device.type, half, enabled=half is not None)

    def _set_trained(self) -> None:
        now = begun(self.recipe, self.step)
        if now != self._trained:
            set_trained(self.net, self.recipe, now)
            self._trained = now

    def _not_finite(self, step: Step) -> str:
        if not math.isfinite(step.losses["total"]):
            return f"loss {next(n for n, v in step.losses.items() if not math.isfinite(v))!r}"
        # in half precision a gradient may well overflow: the scaler leaves that step out
        if not math.isfinite(step.gradient) and not self.scaler.is_enabled():
            return "the gradient"
        return ""


def _read(losses: Losses, norm: Tensor) -> tuple[dict[str, float], float]:
    """The numbers, in one transfer. The total comes last: a term says more."""
    named = {**losses.terms, "total": losses.total}
    numbers = torch.stack([value.detach().float() for value in (*named.values(), norm)]).tolist()
    return dict(zip(named, numbers, strict=False)), numbers[-1]
