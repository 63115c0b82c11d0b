"""`pytracking track`: track targets in a video or a folder of frames."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ltr.console import PATH, Choice, debug_option
from ltr.errors import ConfigError
from ltr.signals import loading
from pytracking.commands.options import output_options, tracker_options, visdom_option


@click.command(short_help="track a target in a video or a folder of frames")
@click.argument("source", type=PATH, metavar="SOURCE")
@click.option(
    "--box",
    "boxes",
    multiple=True,
    metavar="[NAME=]X,Y,W,H",
    help="A target in the first frame (may be repeated); without one it is asked for.",
)
@click.option(
    "--boxes",
    "box_file",
    type=PATH,
    metavar="FILE",
    help="A file of such boxes, a line each; a header, blanks for commas, # comments.",
)
@tracker_options
@output_options("outputs/track/NAME, then NAME-2, NAME-3; latest leads to the newest")
@click.option(
    "--debug-dir",
    type=PATH,
    metavar="DIR",
    help="Pictures of every tenth frame, and a page of the whole run.",
)
@visdom_option
@click.option(
    "--trail",
    type=click.IntRange(0, 10_000),
    default=0,
    metavar="N",
    help="Draw the way of the last N frames.",
)
@click.option(
    "--start",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="The frame that the boxes are of, counted from 1.",
)
@click.option("--end", type=click.IntRange(1), metavar="N", help="The last frame, counted from 1.")
@click.option(
    "--stride", type=click.IntRange(1), default=1, metavar="N", help="Track every Nth frame."
)
@click.option("--show", is_flag=True, help="Preview while tracking; q or Esc ends.")
@click.option("--yes", is_flag=True, help="Track all targets of a long --boxes file unasked.")
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
    visdom: tuple[str, int] | None,
    trail: int,
    formats: Sequence[str],
    start: int,
    end: int | None,
    stride: int,
    show: bool,
    yes: bool,
    **tracker: Any,
) -> int:
    """Tracks one or several targets from the first frame to the last and writes boxes, an annotated
    video, timing and settings.

    SOURCE is a video file or a folder of images. A box is that of a target in the first frame, as
    left,top,width,height in pixels (the top-left pixel is 0,0). Give --box once a target, with a
    name in front where there are several; each has a boxes file of its own then, boxes_NAME.txt.
    --debug-dir shows what the tracker sees, --visdom while it runs; `pytracking visdom` starts a
    server for that.

    Without a box the first frame is shown, to draw boxes with the mouse; where there is no display,
    a picture of it with the numbers of its pixels is written. Frames have their numbers in the
    source everywhere, the first being 1.

    \b
    examples:
      pytracking track video.mp4 --box 300,120,80,60
      pytracking track video.mp4 --show
      pytracking track video.mp4 --start 250 --end 500 --box 300,120,80,60 --format csv
      pytracking track video.mp4 --box left=300,120,80,60 --box right=500,110,80,60
      pytracking track frames/ --box 12.5,40,33,61 --net imagenet_mobile --output results/
      pytracking track video.mp4 --box 300,120,80,60 --set size.interval=1 --set search.area=6
    """
    frames = (start, end, stride)
    return track_boxes(
        source,
        boxes,
        box_file,
        output,
        debug_dir,
        tracker,
        overwrite,
        yes,
        frames=frames,
        formats=formats,
        trail=trail,
        show=show,
        visdom=visdom,
    )


def track_boxes(
    source: Path,
    boxes: Sequence[str],
    box_file: Path | None,
    output: Path | None,
    debug_dir: Path | None,
    tracker: dict[str, Any],
    overwrite: bool,
    yes: bool = False,
    frames: tuple[int, int | None, int] = (1, None, 1),
    **shown: Any,
) -> int:
    """Track what the boxes name, or what is drawn in the first frame where there are none. frames:
    start, end and stride; shown: further fields of `TrackRequest`. Raises TrackingError."""
    with loading("pytracking"):
        from pytracking.apps.targets import named_boxes, targets_shown
        from pytracking.apps.track import TrackRequest, run_track
        from pytracking.apps.tracker_choice import TrackerChoice
        from pytracking.sinks.display import opencv_selector, window_refusal
        from pytracking.sources.frame_range import FrameRange, frames_of
        from pytracking.sources.opening import open_source

    if shown.get("show") and (why := window_refusal()):
        raise ConfigError(f"--show needs a window, but {why}: leave it out")
    part = FrameRange(*frames)
    if boxes or box_file is not None:
        targets = named_boxes(boxes, box_file, lambda question: yes or _confirmed(question))
    else:
        opened = frames_of(open_source(source), part)
        first = next(iter(opened))
        targets = targets_shown(first, opened.name, window_refusal(), opencv_selector, part.start)
        drawn = " ".join(
            f"--box {name}={x:.1f},{y:.1f},{w:.1f},{h:.1f}"
            for name, (x, y, w, h) in targets.items()
        )
        print(f"pytracking: the same again without a mouse: {drawn}", file=sys.stderr)
    request = TrackRequest(part, **shown)
    choice = TrackerChoice(**tracker)
    return run_track(source, targets, choice, output, debug_dir, request, overwrite, box_file)


def _confirmed(question: str) -> bool:
    return sys.stdin.isatty() and click.confirm(f"pytracking: {question}", err=True)
