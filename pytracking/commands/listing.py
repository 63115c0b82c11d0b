"""`pytracking networks` and `pytracking presets`: what there is."""

from __future__ import annotations

import click

from ltr.commands.options import complete_networks
from ltr.console import debug_option
from ltr.signals import loading
from pytracking.commands.options import complete_presets


@click.command(short_help="which networks there are")
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_networks)
@debug_option
def networks(name: str | None) -> int:
    """Lists the networks that are found, and the published ones that are not here with the command
    that converts each; or shows NAME in detail.

    \b
    examples:
      pytracking networks
      pytracking networks imagenet18
    """
    with loading("pytracking"):
        from pytracking.apps.listing import run_networks

    return run_networks(name)


@click.command(short_help="which presets there are, and what each setting does")
@click.argument("name", required=False, metavar="[NAME]", shell_complete=complete_presets)
@click.argument("other", required=False, metavar="[OTHER]", shell_complete=complete_presets)
@click.option("--toml", is_flag=True, help="As a settings file.")
@debug_option
def presets(name: str | None, other: str | None, toml: bool) -> int:
    """Lists the presets, or shows every setting of NAME with its value, its visible effect and its
    unit, or in what NAME and OTHER differ. Each is a name, or a file NAME.toml of your own.

    \b
    examples:
      pytracking presets imagenet18
      pytracking presets imagenet18 nce_plus18
      pytracking presets imagenet18 --toml > mine.toml  then: track ... --preset mine.toml
    """
    with loading("pytracking"):
        from pytracking.apps.listing import run_presets

    return run_presets(name, other, toml)
