"""The training loop.

    train(recipe, Path("outputs/train/mine"), of_data(recipe, Path("data"), device))

Step t uses the samples t batch to (t + 1) batch - 1, and everything random follows from the
recipe's seed and such numbers. So a run that goes on from any state makes the same steps as one
that was never interrupted; on the CPU with the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic

import torch

from ltr.errors import DataError, TrainingError
from ltr.signals import postponed
from ltr.training import PICTURE_MINUTES, SAVE_MINUTES
from ltr.training.learner import Learner
from ltr.training.material import Material
from ltr.training.meter import Meter
from ltr.training.pictures import SAMPLES, write_sheet
from ltr.training.recipe import Recipe
from ltr.training.run import NEWEST, STATES, Run, best_network, check_run, open_run
from ltr.training.start import blank_network, first_network


def train(
    recipe: Recipe,
    folder: Path,
    material: Material,
    device: torch.device,
    save_minutes: float = SAVE_MINUTES,
    picture_minutes: float = PICTURE_MINUTES,
    name: str = "",
) -> Path | None:
    """Train by a recipe in a run's folder, from its newest state on, to the end; returns the best
    network's file. A run that is at its end is not touched.

    save_minutes: how often the state is written, beside each epoch's end. picture_minutes: how
    often, from the first step on, samples and what the network makes of them are; 0: never. name:
    what network files call the recipe, by default the folder's name. Raises ConfigError where the
    folder holds another run or the recipe does not fit, and then nothing was made; TrainingError
    for a loss that is not finite, DataError, CheckpointError, ResultError. At a loss that is not
    finite, at an interrupt and where no samples come the state after the last whole step is kept;
    whatever else ends it, a full disk too, leaves the state that was written last."""
    state = check_run(folder, recipe)
    if state is not None and state.progress.validated == recipe.epochs:
        return best_network(folder)
    # where it has begun `start` may be gone
    learner = Learner(recipe, (blank_network if state else first_network)(recipe), device)
    with open_run(folder, recipe, name or folder.name) as run:
        run.begin(learner)
        try:
            _loop(run, learner, material, save_minutes, picture_minutes)
        except TrainingError as error:
            run.save(learner)
            run.log("event", event=str(error))
            where = run.folder / STATES / NEWEST
            raise TrainingError(f"{error}; the state before it is kept in {where}") from None
        except (KeyboardInterrupt, DataError):
            with postponed():
                run.save(learner)
            raise
    return best_network(folder)


def _loop(
    run: Run, learner: Learner, material: Material, save_minutes: float, picture_minutes: float
) -> None:
    recipe, end = run.recipe, run.recipe.epochs * run.recipe.steps
    batches = material.training(learner.net, learner.step, end)
    saved, pictured = monotonic(), -math.inf
    with closing(Meter(run, learner, material)) as meter:
        while True:
            epoch, rest = divmod(learner.step, recipe.steps)
            due = epoch % recipe.validate_every == 0 or learner.step == end
            if rest == 0 and due and epoch > run.progress.validated:
                losses = mean_losses(learner, material, meter.judged)
                with postponed():
                    run.validated(learner, losses)
                meter.validated(losses)
            if learner.step == end:
                return
            try:
                batch = meter.wait_for(batches)
            except RuntimeError:  # as of a worker that was killed: the learner is whole
                with postponed():
                    run.save(learner)
                raise
            with postponed():  # an interrupt finds whole steps and whole states
                meter.add(learner.learn(batch, material.losses))
                if learner.step % recipe.steps == 0 or monotonic() - saved > 60 * save_minutes:
                    run.save(learner)
                    saved = monotonic()
            if picture_minutes and monotonic() - pictured > 60 * picture_minutes:
                shown = material.crops(batch.numbers[:SAMPLES].tolist())
                write_sheet(run.folder, learner.step, learner.mean, shown, recipe)
                pictured = monotonic()


def mean_losses(
    learner: Learner, material: Material, judged: Callable[[int], None]
) -> dict[str, float] | None:
    """By term, over the samples of validation; None where there are none. `judged` is told how many
    of them are done."""
    sums: dict[str, float] = {}
    count = 0
    for batch in material.validation():
        samples = len(batch.names)
        for name, loss in learner.judge(batch, material.losses).losses.items():
            sums[name] = sums.get(name, 0.0) + samples * loss
        count += samples
        judged(count)
    return {name: value / count for name, value in sums.items()} if count else None
