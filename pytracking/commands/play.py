"""`pytracking play`: a sequence with the boxes of several trackers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ltr.console import PATH, debug_option
from ltr.signals import loading
from pytracking.commands.options import benchmark_argument, results_argument
from pytracking.commands.report import DATA


@click.command(short_help="render a sequence with the boxes of several trackers")
@benchmark_argument
@click.argument("sequence", metavar="SEQUENCE")
@results_argument
@DATA
@click.option("--output", type=PATH, required=True, metavar="FILE.mp4", help="The video.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier video.")
@click.option(
    "--start", type=click.IntRange(1), default=1, metavar="N", help="First frame, from 1."
)
@click.option("--end", type=click.IntRange(1), metavar="N", help="Last frame.")
@click.option(
    "--rate",
    type=click.FloatRange(1, 240),
    default=30,
    show_default=True,
    metavar="N",
    help="Frames a second.",
)
@debug_option
def play(
    benchmark: str,
    sequence: str,
    results: Sequence[str],
    data: Path | None,
    output: Path,
    overwrite: bool,
    start: int,
    end: int | None,
    rate: float,
) -> int:
    """Renders SEQUENCE of BENCHMARK with the boxes of RESULTs, as `report` takes them: one colour a
    tracker, its overlap with the true box, which is thin and white. Of several runs of a tracker
    the first is shown; where results tell the tracker's status, the line does as in `track`.

    \b
    examples:
      pytracking play data/val Girl outputs/evaluate/val/imagenet18 kcf.json --output girl.mp4
      pytracking play lasot bird-2 DiMP50.zip ATOM.zip --end 300 --output bird.mp4
    """
    with loading("pytracking"):
        from pytracking.apps.play import Part, run_play

    part = Part(start, end, rate)
    return run_play(benchmark, sequence, results, data, output, overwrite, part)
