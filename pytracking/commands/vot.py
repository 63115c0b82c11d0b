"""`pytracking vot`: the tracker as the VOT toolkit starts it, and a workspace for that toolkit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ltr.console import PATH, Choice, debug_option
from ltr.signals import loading
from pytracking.commands.options import tracker_options


@click.command(short_help="serve a tracker to the VOT toolkit, or write it a workspace")
@click.argument("action", required=False, type=Choice(["init"]), metavar="[init")
@click.argument("folder", required=False, type=PATH, metavar="DIR]")
@tracker_options
@click.option(
    "--polygons",
    type=Choice(["enclosing", "area"]),
    default="enclosing",
    show_default=True,
    metavar="enclosing|area",
    help="Begin with the box around a polygon, or with one of its area.",
)
@click.option(
    "--stack",
    default="vot2018/shortterm",
    show_default=True,
    metavar="NAME",
    help="The experiments of the workspace.",
)
@debug_option
def vot(action: str | None, folder: Path | None, polygons: str, stack: str, **tracker: Any) -> int:
    """Answers the VOT toolkit over the TraX protocol: the toolkit starts this command itself, as
    the trackers.ini of a workspace says. `vot init DIR` writes such a workspace, with the tracker
    that the other options name. Needs the package vot-trax (extra `vot`); docs/vot.md says more.

    \b
    examples:
      pytracking vot init workspace/
      pytracking vot init workspace/ --net imagenet_mobile --polygons area
    """
    if action and folder is None:
        raise click.UsageError("init needs a folder: pytracking vot init DIR")
    with loading("pytracking"):
        from pytracking.apps.tracker_choice import TrackerChoice
        from pytracking.apps.vot import run_vot, write_workspace

    if folder is None:
        return run_vot(TrackerChoice(**tracker), "area" if polygons == "area" else "enclosing")
    return write_workspace(folder, stack, _arguments(polygons=polygons, **tracker))


def _arguments(
    network: str,
    preset: str | None,
    settings: Path | None,
    assignments: tuple[str, ...],
    device: str,
    seed: int,
    polygons: str,
) -> list[str]:
    """The options as they are said on a command line, files by their absolute paths."""
    network = str(Path(network).absolute()) if Path(network).is_file() else network
    preset = str(Path(preset).absolute()) if preset and Path(preset).is_file() else preset
    chosen = {
        "--net": network,
        "--preset": preset,
        "--settings": settings and str(settings.absolute()),
        "--device": device,
        "--seed": str(seed),
        "--polygons": polygons,
    }
    words = [word for name, value in chosen.items() if value for word in (name, value)]
    return words + [word for text in assignments for word in ("--set", text)]
