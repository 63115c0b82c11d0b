"""`pytracking track`: track targets in a video or a folder of frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ltr.console import PATH, Choice, debug_option
from ltr.errors import BoxError
from ltr.signals import loading
from pytracking.commands.options import output_options, tracker_options


@click.command(short_help="track a target in a video or a folder of frames")
@click.argument("source", type=PATH, metavar="SOURCE")
@click.option(
    "--box",
    "boxes",
    multiple=True,
    metavar="[NAME=]X,Y,W,H",
    help="A target in the first frame (needed, may be repeated).",
)
@click.option(
    "--boxes",
    "box_file",
    type=PATH,
    metavar="FILE",
    help="A file of such boxes, a line each; lines with # are comments.",
)
@tracker_options
@output_options("outputs/track/NAME, then NAME-2, NAME-3; latest leads to the newest")
@click.option(
    "--debug-dir",
    type=PATH,
    metavar="DIR",
    help="Pictures of every tenth frame: search area, scores, boxes, memory.",
)
@click.option(
    "--trail",
    type=click.IntRange(0, 10_000),
    default=0,
    metavar="N",
    help="Draw the way of the last N frames.",
)
@click.option(
    "--format",
    "formats",
    type=Choice(["csv", "json", "mot", "got10k"]),
    multiple=True,
    metavar="csv|json|mot|got10k",
    help="Results in this format as well (may be repeated).",
)
@debug_option
def track(
    source: Path,
    boxes: Sequence[str],
    box_file: Path | None,
    output: Path | None,
    overwrite: bool,
    debug_dir: Path | None,
    trail: int,
    formats: Sequence[str],
    **tracker: Any,
) -> int:
    """Tracks one or several targets from the first frame to the last and writes boxes, an annotated
    video, timing and settings.

    SOURCE is a video file or a folder of images. A box is that of a target in the first frame, as
    left,top,width,height in pixels (the top-left pixel is 0,0). Give --box once a target, with a
    name in front where there are several; each has a boxes file of its own then, boxes_NAME.txt.
    --debug-dir shows what the tracker sees.

    \b
    examples:
      pytracking track video.mp4 --box 300,120,80,60
      pytracking track video.mp4 --box left=300,120,80,60 --box right=500,110,80,60
      pytracking track frames/ --box 12.5,40,33,61 --net imagenet_mobile --output results/
      pytracking track video.mp4 --box 300,120,80,60 --set size.interval=1 --set search.area=6
    """
    return track_boxes(
        source, boxes, box_file, output, debug_dir, tracker, trail, formats, overwrite
    )


def track_boxes(
    source: Path,
    boxes: Sequence[str],
    box_file: Path | None,
    output: Path | None,
    debug_dir: Path | None,
    tracker: dict[str, Any],
    trail: int = 0,
    formats: Sequence[str] = (),
    overwrite: bool = False,
) -> int:
    """Track what the boxes name. Raises BoxError where there is none."""
    if not boxes and box_file is None:
        raise BoxError(
            "which target? add --box x,y,w,h: left, top, width and height in pixels of the first "
            "frame"
        )
    with loading("pytracking"):
        from pytracking.apps.targets import named_boxes
        from pytracking.apps.track import TrackerChoice, run_track

    targets = named_boxes(boxes, box_file)
    choice = TrackerChoice(**tracker)
    return run_track(
        source, targets, choice, output, debug_dir, trail, formats, overwrite, box_file
    )
