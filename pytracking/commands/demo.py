"""`pytracking demo`: see a target tracked, from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ltr.console import PATH, debug_option
from ltr.errors import BoxError
from ltr.signals import loading
from pytracking.commands.options import output_options, tracker_options
from pytracking.commands.track import track_boxes


@click.command(short_help="see a target tracked, from nothing")
@click.option("--video", type=PATH, metavar="FILE", help="Your own video instead of the clip.")
@click.option(
    "--box",
    "boxes",
    multiple=True,
    metavar="[NAME=]X,Y,W,H",
    help="A target in the first frame of --video.",
)
@tracker_options
@output_options("outputs/demo, which is overwritten; with --video as track")
@debug_option
def demo(
    video: Path | None,
    boxes: Sequence[str],
    output: Path | None,
    overwrite: bool,
    **tracker: Any,
) -> int:
    """Renders a clip from two photographs, tracks a face in it and shows how it went. The face
    doubles its size, a twin passes in front of it, and a panel hides it for ten frames while it
    moves on.

    With --video it tracks a target of your own, which --box names: left, top, width and height in
    pixels of the first frame.

    \b
    examples:
      pytracking demo
      pytracking demo --video holiday.mp4 --box 300,120,80,60
    """
    if video is not None:
        return track_boxes(video, boxes, None, output, None, tracker, overwrite=overwrite)
    if boxes:
        raise BoxError("--box goes with --video FILE: the demo clip brings its own box")
    with loading("pytracking"):
        from pytracking.apps.demo import run_demo
        from pytracking.apps.tracker_choice import TrackerChoice

    return run_demo(TrackerChoice(**tracker), output, overwrite)
