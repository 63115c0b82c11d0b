"""`pytracking pack`: the archive that a benchmark's server takes."""

from __future__ import annotations

from pathlib import Path

import click

from ltr.console import PATH, Choice, debug_option
from ltr.signals import loading
from pytracking.commands.report import DATA


@click.command(short_help="make the archive that a benchmark's server takes")
@click.argument("server", type=Choice(["trackingnet", "got10k"]), metavar="trackingnet|got10k")
@click.argument("results", type=PATH, metavar="RESULTS")
@DATA
@click.option(
    "--output", type=PATH, metavar="FILE", help="Default: TRACKER_SERVER.zip in this folder."
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier archive.")
@debug_option
def pack(
    server: str, results: Path, data: Path | None, output: Path | None, overwrite: bool
) -> int:
    """Packs RESULTS, of any layout that `report` reads, for the server that scores TrackingNet's or
    GOT-10k's test set. Before that every file is looked at: whether each sequence has one, with as
    many boxes as frames, all of them finite, and for GOT-10k with times. All that is wrong is said,
    a line each, and nothing is written then.

    TrackingNet takes one run; its lengths are known where --data gives its folder. Several runs for
    GOT-10k become its repetitions.

    \b
    examples:
      pytracking pack got10k outputs/evaluate/got10k_test/imagenet18
      pytracking pack trackingnet outputs/evaluate/trackingnet/imagenet18/seed-0 --data DIR
    """
    with loading("pytracking"):
        from pytracking.apps.pack import run_pack

    return run_pack(server, results, data, output, overwrite)
