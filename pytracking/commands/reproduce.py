"""`pytracking reproduce`: whether stored results come out again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ltr.console import PATH, debug_option
from ltr.signals import loading
from pytracking.commands.options import data_option, device_option


@click.command(short_help="track stored results again and compare")
@click.argument("results", type=PATH, metavar="RESULTS")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@data_option
@device_option
@click.option(
    "--batch", type=click.IntRange(1), default=1, metavar="N", help="Sequences tracked at once."
)
@debug_option
def reproduce(
    results: Path, names: Sequence[str], data: Path | None, device: str, batch: int
) -> int:
    """Tracks again what is in RESULTS, a folder that `pytracking evaluate` wrote, or the sequences
    NAME of it, with the network, settings and seed that it names, and says where boxes differ by
    more than 0.05 pixels. The exit status is 1 where any does.

    \b
    examples:
      pytracking reproduce outputs/evaluate/val/nce_plus_mobile
      pytracking reproduce outputs/evaluate/lasot/nce_plus18 airplane-1 --device cpu
    """
    with loading("pytracking"):
        from pytracking.apps.reproduce import run_reproduce

    return run_reproduce(results, names, data, device, batch)
