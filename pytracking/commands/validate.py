"""`pytracking validate`: track with the networks of a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ltr.console import PATH, debug_option
from ltr.signals import loading
from pytracking.commands.options import settings_options


@click.command(short_help="track with the networks of a training, as they come")
@click.argument("run", type=PATH, metavar="RUN")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--watch", is_flag=True, help="Go on until the training's last network is there.")
@click.option(
    "--data",
    type=PATH,
    envvar="LTR_DATA",
    metavar="DIR",
    help="The folder of all data sets, as for `ltr train`; by default LTR_DATA.",
)
@click.option(
    "--sequences",
    "folders",
    type=PATH,
    multiple=True,
    metavar="DIR",
    help="Other sequences, as `evaluate` takes them (may be repeated).",
)
@click.option(
    "--seeds",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    metavar="N",
    help="Seeds of the tracker, whose mean counts.",
)
@settings_options
@debug_option
def validate(
    run: Path,
    names: Sequence[str],
    watch: bool,
    data: Path | None,
    folders: Sequence[Path],
    seeds: int,
    **tracker: Any,
) -> int:
    """Tracks sequences with every network that a training has left in the folder RUN, and prints
    mean success AUC, its 95 % interval and the worst sequence. RUN/log.jsonl gets a line each, by
    which the training tells its best network.

    Sequences are those of DIR/val and those that the recipe leaves out of training, or those of
    --sequences; of these the ones named NAME, or all. Boxes are kept in RUN/tracking: what was
    tracked before is not tracked again, unless network or settings differ.

    \b
    examples:
      pytracking validate outputs/train/mine --data data
      pytracking validate outputs/train/mine --watch --seeds 3
      pytracking validate outputs/train/mine Girl Deer --set size.interval=3
    """
    with loading("pytracking"):
        from pytracking.apps.tracker_choice import TrackerChoice
        from pytracking.apps.validate import Question, run_validate, sequences_of

    choice = TrackerChoice(network="", seed=0, **tracker)
    sequences = sequences_of(run, data, list(folders), list(names))
    return run_validate(run, Question(sequences, choice, seeds), watch)
