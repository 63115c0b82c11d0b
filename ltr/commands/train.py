"""`ltr train`: train a network by a recipe."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ltr.commands.options import complete_recipes
from ltr.console import PATH, debug_option
from ltr.errors import ConfigError, ResultError, TrainingError, nearest
from ltr.signals import ending_of, loading
from ltr.training import PICTURE_MINUTES, SAVE_MINUTES


@click.command(
    short_help="train a network by a recipe, or go on with it",
    context_settings={"ignore_unknown_options": True},
    options_metavar="[OPTIONS] [--FIELD VALUE]...",
)
@click.argument(
    "words",
    nargs=-1,
    type=click.UNPROCESSED,
    metavar="RECIPE",
    shell_complete=complete_recipes,
)
@click.option(
    "--data",
    type=PATH,
    envvar="LTR_DATA",
    metavar="DIR",
    help="The folder of all data sets; by default the environment variable LTR_DATA.",
)
@click.option(
    "--run",
    type=PATH,
    metavar="DIR",
    help="The run's folder; by default outputs/train/RECIPE.",
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="DEVICE",
    help="auto, cpu, cuda or cuda:N.",
)
@click.option(
    "--save-minutes",
    type=click.FloatRange(0, min_open=True),
    default=SAVE_MINUTES,
    show_default=True,
    metavar="N",
    help="How often the state is saved, beside each epoch's end.",
)
@click.option(
    "--pictures",
    type=click.FloatRange(0),
    default=PICTURE_MINUTES,
    show_default=True,
    metavar="MINUTES",
    help="How often samples and what the network makes of them are drawn, into RUN/pictures; "
    "0: never.",
)
@debug_option
def train(
    words: Sequence[str],
    data: Path | None,
    run: Path | None,
    device: str,
    save_minutes: float,
    pictures: float,
) -> int:
    """Trains by RECIPE, a name of `ltr recipes` or a file of settings, of which any field may be
    given: `ltr show RECIPE` names them. A run that was ended, by whatever, goes on from its last
    state when the same command is given again.

    The run's folder gets log.jsonl, networks that track, pictures and states.
    `pytracking validate RUN` tracks with its networks.

    \b
    examples:
      ltr train nce_plus_mobile --data ~/data
      ltr train nce_plus18 --data ~/data --batch 16 --box.objective kld_is --run outputs/kld
      ltr train mine.toml --data ~/data --bank none --device cuda
    """
    name, assignments = _parse(words)
    with loading("ltr"):
        from ltr.commands.options import recipe_named
        from ltr.progress import counted
        from ltr.settings import replace
        from ltr.training.material import of_data
        from ltr.training.run import NEWEST, STATES, check_run, why_best
        from ltr.training.trainer import train as train_recipe
        from ltr.transfer import choose_device

    recipe = recipe_named(name)
    for field, value in assignments:
        recipe = replace(recipe, field, value, f" (in --{field} {value})")
    if data is None:
        raise ConfigError("no data: give --data DIR, the folder of all data sets, or set LTR_DATA")
    if not data.is_dir():
        raise ConfigError(f"data {data} is no folder: give the folder of all data sets as --data")
    title = Path(name).stem
    folder = run or Path("outputs", "train", title)
    chosen = choose_device(device)
    state = folder / STATES / NEWEST
    check_run(folder, recipe)  # before all data are read
    try:
        material = of_data(recipe, data, chosen)
        best = train_recipe(recipe, folder, material, chosen, save_minutes, pictures, name=title)
    except KeyboardInterrupt as error:
        status, word = ending_of(error)
        again = ["ltr", "train", *words, "--data", str(data), "--run", str(folder)]
        more = (
            ("--device", device, "auto"),
            ("--save-minutes", str(save_minutes), str(SAVE_MINUTES)),
            ("--pictures", str(pictures), str(PICTURE_MINUTES)),
        )
        for option, text, usual in more:
            again += [] if text == usual else [option, text]
        kept = f"; to go on: {shlex.join(again)}" if state.exists() else ""
        print(f"ltr: {word}{kept}", file=sys.stderr)
        return status
    except (ResultError, TrainingError) as error:
        print(f"ltr: {error}", file=sys.stderr)
        return 1
    epochs, steps = counted(recipe.epochs, "epoch"), counted(recipe.steps, "step")
    print(f"{folder}: {epochs} of {steps} {'is' if recipe.epochs == 1 else 'are'} done")
    if best is not None:
        net = shlex.quote(str(best))
        print(f"  best network, {why_best(folder)}: {best}")
        print(f"  track with it: pytracking track VIDEO --box X,Y,W,H --net {net}")
    return 0


def _parse(words: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """The recipe and the fields that differ. Raises UsageError."""
    recipes, fields = [], []
    rest = iter(words)
    for word in rest:
        if not word.startswith("--"):
            recipes.append(word)
            continue
        field, equals, value = word[2:].partition("=")
        own, known = {name for p in train.params for name in p.opts}, _fields()
        option = word.partition("=")[0]
        likely = own.intersection(nearest(option, own | known))
        if likely and option.partition(".")[0] not in known:
            raise click.UsageError(f"unknown option {word!r}: did you mean {min(likely)}?")
        if not equals and (value := next(rest, "--")).startswith("--"):
            raise click.UsageError(f"option --{field} needs a value")
        fields.append((field, value))
    if not recipes:
        raise click.UsageError("missing argument RECIPE: `ltr recipes` lists them")
    if len(recipes) > 1:
        raise click.UsageError(f"one recipe at a time, not {' and '.join(recipes)}")
    return recipes[0], fields


def _fields() -> set[str]:
    """The recipe's own, as options."""
    with loading("ltr"):
        from ltr.training.recipe import Recipe
    return {f"--{field.name}" for field in dataclasses.fields(Recipe)}
