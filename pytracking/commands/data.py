"""`pytracking data`: which benchmarks there are, where they lie, and whether they are complete."""

from __future__ import annotations

from pathlib import Path

import click

from ltr.console import debug_option
from ltr.signals import loading
from pytracking.commands.options import data_option


@click.command(short_help="which benchmarks there are, and whether one is complete")
@click.argument("words", nargs=-1, metavar="[check BENCHMARK | pack BENCHMARK FILE.lmdb]")
@data_option
@click.option("--all", "every_frame", is_flag=True, help="Look at every frame, not two a sequence.")
@debug_option
def data(words: tuple[str, ...], data: Path | None, every_frame: bool) -> int:
    """Lists the benchmarks, the protocol that scores each, and the folder that paths.toml says it
    lies in; `check` opens one, or a folder of sequences, and prints a line a problem: annotations
    that cannot be read, frames that are missing, counts that are not those published. The exit
    status is 2 where there is any. `pack` writes its sequences into one LMDB file, images byte by
    byte, which every command then takes in the place of a folder.

    paths.toml is the file that TRACKING_PATHS names, else the one in the current folder, else
    pytracking/paths.toml in your configuration folder; paths.example.toml shows one.

    \b
    examples:
      pytracking data
      pytracking data check lasot
      pytracking data check otb100 --data /data/OTB --all
      pytracking data pack data/val val.lmdb
    """
    with loading("pytracking"):
        from ltr.errors import ConfigError
        from pytracking.apps.data_sets import run_check, run_list, run_pack

    match words:
        case ():
            return run_list()
        case ("check", name):
            return run_check(name, data, every_frame)
        case ("pack", name, file):
            return run_pack(name, data, Path(file))
    raise ConfigError(
        f"pytracking data {' '.join(words)} says nothing: give check and a benchmark, as in "
        "pytracking data check lasot, or pack, a benchmark and a file NAME.lmdb"
    )
