"""`pytracking report`: score results on a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from ltr.console import PATH, debug_option
from ltr.signals import loading
from pytracking.commands.options import benchmark_argument, output_options, results_argument


def complete_protocols(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The protocols by name."""
    from pytracking.evaluation.protocols import PROTOCOLS

    return [CompletionItem(name) for name in PROTOCOLS if name.startswith(incomplete)]


DATA = click.option(
    "--data", type=PATH, metavar="DIR", help="The benchmark's folder; default: as paths.toml says."
)


@click.command(short_help="score results on a benchmark, and compare trackers")
@benchmark_argument
@results_argument
@DATA
@click.option(
    "--protocol",
    metavar="NAME",
    shell_complete=complete_protocols,
    help="The conventions of scoring; default: the benchmark's own.",
)
@click.option(
    "--sequence",
    "sequences",
    multiple=True,
    metavar="NAME",
    help="This sequence alone (may be repeated).",
)
@output_options("none, the table is printed")
@click.option(
    "--frame",
    type=PATH,
    metavar="FILE",
    help="A row a tracker, run and sequence, as FILE.csv or FILE.parquet.",
)
@debug_option
def report(
    benchmark: str,
    results: Sequence[str],
    data: Path | None,
    protocol: str | None,
    sequences: Sequence[str],
    output: Path | None,
    overwrite: bool,
    frame: Path | None,
) -> int:
    """Scores RESULTs on BENCHMARK, a name or a folder of sequences, and prints a table: the scores
    in percent, the 95 % interval of the first one by drawing sequences, the difference from the
    first RESULT with its interval, the spread between runs, frames per second.

    A RESULT is a folder or a zip archive: what `evaluate` or `track` wrote, the older framework's
    TRACKER folder, the layout of the GOT-10k toolkit, or NAME.txt files of x,y,w,h lines; or one
    json, {NAME: [[x,y,w,h], ...]}. What is called seed-0, seed-1 or NAME_000, NAME_001 are runs of
    one tracker.

    --output writes the tables as markdown, LaTeX and CSV, the plots, and a page to be opened in a
    browser.

    \b
    examples:
      pytracking report lasot DiMP50.zip ATOM.zip --data data/LaSOT
      pytracking report data/val ours=outputs/evaluate/val/imagenet18 kcf.json --output report
      pytracking report otb100 results/dimp --protocol pytracking --frame scores.csv
    """
    with loading("pytracking"):
        from pytracking.apps.report import run_report

    return run_report(benchmark, results, data, protocol, sequences, output, overwrite, frame)
