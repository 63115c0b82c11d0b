"""`pytracking evaluate`: track annotated sequences and score the result."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ltr.console import PATH, debug_option
from ltr.signals import loading
from pytracking.commands.options import output_options, tracker_options


@click.command(short_help="track annotated sequences and score the result")
@click.argument("folder", type=PATH, metavar="FOLDER")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@tracker_options
@output_options("outputs/evaluate/NETWORK, then NETWORK-2; latest leads to the newest")
@debug_option
def evaluate(
    folder: Path, names: Sequence[str], output: Path | None, overwrite: bool, **tracker: Any
) -> int:
    """Tracks every sequence of FOLDER, or those named NAME, from its first box, rounded to whole
    pixels, to its last frame without a restart, and prints success AUC: the mean over 21 overlap
    thresholds of the share of frames above it. Frames without the target (nan) are left out.

    A sequence is a folder of frames with a groundtruth.txt, or a video with a .txt of the same
    name: x,y,w,h, a line a frame.

    \b
    examples:
      pytracking evaluate data/val
      pytracking evaluate data/val Girl Deer --net imagenet18
    """
    with loading("pytracking"):
        from pytracking.apps.evaluate import run_evaluate
        from pytracking.apps.tracker_choice import TrackerChoice

    return run_evaluate(folder, list(names), TrackerChoice(**tracker), output, overwrite)
