"""`pytracking evaluate`: track the sequences of a benchmark and score them."""

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
    output_options,
    protocol_option,
    threads_option,
    tracker_options,
    visdom_option,
)

COUNT = click.IntRange(1)


@click.command(short_help="track a benchmark and score it")
@benchmark_argument
@click.argument("names", nargs=-1, metavar="[NAME]...")
@tracker_options
@data_option
@protocol_option
@click.option("--runs", type=COUNT, default=1, metavar="N", help="So many seeds, from --seed on.")
@click.option(
    "--batch", type=COUNT, default=1, metavar="N", help="Sequences tracked at once by a worker."
)
@click.option(
    "--workers", type=COUNT, default=1, metavar="N", help="Processes; they share all GPUs."
)
@click.option("--ray", is_flag=True, help="The workers are of a cluster, by Ray.")
@threads_option
@output_options("outputs/evaluate/BENCHMARK/NETWORK, with a folder seed-N for each run")
@visdom_option
@debug_option
def evaluate(
    benchmark: str,
    names: Sequence[str],
    data: Path | None,
    protocol: str | None,
    runs: int,
    batch: int,
    workers: int,
    threads: int,
    ray: bool,
    output: Path | None,
    overwrite: bool,
    visdom: tuple[str, int] | None,
    **tracker: Any,
) -> int:
    """Tracks every sequence of BENCHMARK, or those named NAME, from its first box to its last frame
    without a restart, and scores the boxes as the benchmark's own toolkit does. What was finished
    before is not done again: a run that was interrupted goes on.

    BENCHMARK is one that `pytracking data` lists, or a folder of sequences: folders of frames with
    a groundtruth.txt, or videos with a .txt of the same name, x,y,w,h, a line a frame, nan where
    the target is absent. Of a folder the first box is rounded to whole pixels, and the score is
    success AUC: the mean over 21 overlap thresholds of the share of frames above it, frames without
    the target left out.

    \b
    examples:
      pytracking evaluate lasot --batch 16 --runs 3
      pytracking evaluate data/val
      pytracking evaluate data/val Girl Deer --net imagenet18 --workers 2
    """
    with loading("pytracking"):
        from pytracking.apps.evaluate import EvaluateRequest, run_evaluate
        from pytracking.apps.tracker_choice import TrackerChoice

    request = EvaluateRequest(
        benchmark,
        names,
        data,
        protocol,
        runs,
        batch,
        workers,
        threads,
        ray,
        output,
        overwrite,
        visdom,
    )
    return run_evaluate(request, TrackerChoice(**tracker))
