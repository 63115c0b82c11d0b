"""What a training tells while it goes: means of the losses, speed, share of waiting, time left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from time import monotonic

from ltr.progress import StatusLine, duration, tell
from ltr.training.learner import Learner, Step
from ltr.training.material import Material, Sampled
from ltr.training.run import Run

SECONDS_BETWEEN_LOG_LINES = 5.0


class Meter:
    """Counts steps; a line of the log every few seconds and at the end of each epoch."""

    def __init__(self, run: Run, learner: Learner, material: Material) -> None:
        self._run, self._learner, self._material = run, learner, material
        self._line = StatusLine()
        self._started = False

    def wait_for(self, batches: Iterator[Sampled]) -> Sampled:
        """The next batch. The wait for the first, before which a bank is filled, does not count."""
        begin = monotonic()
        batch = next(batches)
        if self._started:
            self._waited += monotonic() - begin
        else:
            self._begin_line()
            self._started = True
        return batch

    def add(self, step: Step) -> None:
        """What a step has told. Raises ResultError."""
        self._steps.append(step)
        seconds, recipe = monotonic() - self._begin, self._run.recipe
        number = self._learner.step
        if seconds < SECONDS_BETWEEN_LOG_LINES and number % recipe.steps:
            return
        count = len(self._steps)
        losses = {
            name: sum(one.losses[name] for one in self._steps) / count for name in step.losses
        }
        unreadable = self._material.unreadable()
        speed, waiting = count * recipe.batch / seconds, self._waited / seconds
        self._run.log(
            "train",
            number,
            losses=losses,
            rates=self._learner.rates(),
            gradient=sum(one.gradient for one in self._steps) / count,
            samples_per_second=speed,
            waiting=waiting,
            unreadable=unreadable,
        )
        left = (recipe.epochs * recipe.steps - number) * seconds / count
        epoch, inside = divmod(number - 1, recipe.steps)
        parts = ", ".join(f"{name} {loss:.4g}" for name, loss in losses.items() if name != "total")
        self._line.tell(
            f"epoch {epoch + 1}/{recipe.epochs} step {inside + 1}/{recipe.steps}  loss "
            f"{losses['total']:.4g} ({parts})  {speed:.1f} samples/s, {waiting:.0%} waiting, "
            f"{duration(left)} left" + f", {unreadable} pictures unreadable" * (unreadable > 0)
        )
        self._begin_line()

    def judged(self, samples: int) -> None:
        """So many samples of a validation are done."""
        count, epoch = self._run.recipe.validation_samples, self._epoch()
        self._line.tell(f"epoch {epoch}, validation: {samples} of {count} samples")

    def validated(self, losses: Mapping[str, float] | None) -> None:
        """The mean losses of a validation, which stay to be seen; its time is not that of steps."""
        self._line.end()
        if losses is not None:
            tell(f"epoch {self._epoch()}: validation loss {losses['total']:.4g}")
        self._begin_line()

    def close(self) -> None:
        """What is printed next begins a line."""
        self._line.end()

    def _epoch(self) -> str:
        recipe = self._run.recipe
        return f"{self._learner.step // recipe.steps}/{recipe.epochs}"

    def _begin_line(self) -> None:
        self._steps: list[Step] = []
        self._begin, self._waited = monotonic(), 0.0
