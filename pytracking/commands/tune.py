"""`pytracking tune`: which values of a preset's settings track best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ltr.console import debug_option
from ltr.signals import loading
from pytracking.commands.options import (
    benchmark_argument,
    data_option,
    device_option,
    network_option,
    output_options,
    preset_option,
    protocol_option,
    seed_option,
    settings_option,
    threads_option,
)


@click.command(short_help="find the settings of a preset that track best")
@benchmark_argument
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--set",
    "values",
    multiple=True,
    required=True,
    metavar="FIELD=V1,V2",
    help="Values of a setting that are tried (may be repeated: all combinations).",
)
@click.option(
    "--random",
    "points",
    type=click.IntRange(1),
    metavar="N",
    help="Try N combinations, drawn at random, instead of all.",
)
@network_option
@preset_option
@settings_option
@device_option
@seed_option
@data_option
@protocol_option
@threads_option
@output_options("outputs/tune/BENCHMARK/NETWORK, with a folder for each variant")
@debug_option
def tune(
    benchmark: str,
    names: Sequence[str],
    values: Sequence[str],
    points: int | None,
    data: Path | None,
    protocol: str | None,
    threads: int,
    output: Path | None,
    overwrite: bool,
    **tracker: Any,
) -> int:
    """Tracks the sequences of BENCHMARK, a name or a folder, with a preset as it is and with each
    variant of it, and prints their scores, best first, with 95 % bootstrap intervals over sequences
    of each score and of its difference from the preset's. The variants share the decoded frames;
    what was tracked before is not tracked again.

    \b
    examples:
      pytracking tune data/val --set size.interval=1,2,4
      pytracking tune data/val --set search.area=4,5,6 --set update.interval=5,10 --random 3
    """
    with loading("pytracking"):
        from pytracking.apps.tracker_choice import TrackerChoice
        from pytracking.apps.tune import TuneRequest, run_tune

    choice = TrackerChoice(assignments=(), **tracker)
    request = TuneRequest(
        benchmark, names, values, points, data, protocol, threads, output, overwrite
    )
    return run_tune(request, choice)
