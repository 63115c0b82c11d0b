"""`pytracking visdom`: a server that --visdom shows runs on."""

from __future__ import annotations

from pathlib import Path

import click

from ltr.console import PATH, debug_option
from ltr.signals import loading


@click.command(short_help="start the server that --visdom shows runs on")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8097,
    show_default=True,
    metavar="P",
    help="0 takes a free one.",
)
@click.option(
    "--environments",
    type=PATH,
    metavar="DIR",
    help="Where pages that are saved lie. Default: visdom's own, ~/.visdom.",
)
@click.option(
    "--fetch",
    is_flag=True,
    help="Fetch what scripts its page lacks, 4 MB, from where the package says.",
)
@debug_option
def visdom(port: int, environments: Path | None, fetch: bool) -> int:
    """Starts a visdom server for `--visdom` of track, evaluate, camera and serve, on this machine
    alone: visdom asks nobody for a password. Ctrl-C ends it. Nothing is fetched unless --fetch says
    so; the page needs scripts that the package lacks, and without them --debug-dir shows the same
    as files.

    To see the page of a server without a screen, open it through ssh: ssh -L 8097:127.0.0.1:8097
    SERVER, then http://localhost:8097/ on your own machine.

    \b
    examples:
      pytracking visdom
      pytracking visdom --fetch --port 9000
    """
    with loading("pytracking"):
        from pytracking.apps.visdom import run_visdom

    return run_visdom(port, environments, fetch)
