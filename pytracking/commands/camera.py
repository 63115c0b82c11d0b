"""`pytracking camera`: track live, in a window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ltr.console import PATH, debug_option
from ltr.errors import ConfigError
from ltr.signals import loading
from pytracking.commands.options import size_and_rate_options, tracker_options, visdom_option


@click.command(short_help="track what a camera shows, in a window")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--box",
    "boxes",
    multiple=True,
    metavar="[NAME=]X,Y,W,H",
    help="A target in the first frame of the first source (may be repeated).",
)
@size_and_rate_options
@tracker_options
@click.option(
    "--output",
    type=PATH,
    metavar="DIR",
    help="For recordings and snapshots. Default: outputs/camera.",
)
@click.option("--record", is_flag=True, help="Record from the beginning.")
@click.option(
    "--frames", type=click.IntRange(1), metavar="N", help="End when a source comes to frame N."
)
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), metavar="S", help="End after S seconds."
)
@click.option("--no-window", is_flag=True, help="Print a line a second instead.")
@visdom_option
@debug_option
def camera(
    sources: Sequence[str],
    boxes: Sequence[str],
    size: tuple[int, int] | None,
    frame_rate: float | None,
    output: Path | None,
    record: bool,
    frames: int | None,
    seconds: float | None,
    no_window: bool,
    visdom: tuple[str, int] | None,
    **tracker: Any,
) -> int:
    """Shows sources live, side by side, and tracks what you draw a box around with the mouse. h
    shows the keys; v records video and boxes; q ends.

    SOURCE is the number of a camera (0 without one), an address (rtsp://, http://), `synthetic`,
    which needs no camera, or a video file or folder of images, of which every frame is shown.
    Cameras give their newest frame, so a slow tracker leaves frames out and stays up to date.

    \b
    examples:
      pytracking camera
      pytracking camera 0 2 --size 1280x720 --rate 30
      pytracking camera synthetic
      pytracking camera rtsp://host/stream --record --output outputs/gate
      pytracking camera 0 --no-window --box 300,120,80,60 --record --seconds 60
    """
    if not no_window:
        from pytracking.sinks.display import window_refusal

        if why := window_refusal():
            raise ConfigError(
                f"no window can be opened: {why}; give --no-window, or see it in a browser with "
                "`pytracking serve`"
            )
    with loading("pytracking"):
        from pytracking.apps.camera import CameraRequest, run_camera
        from pytracking.apps.targets import named_boxes
        from pytracking.apps.tracker_choice import TrackerChoice

    targets = named_boxes(boxes, None) if boxes else {}
    request = CameraRequest(
        sources or ("0",), targets, size, frame_rate, not no_window, record, frames, seconds, visdom
    )
    return run_camera(request, TrackerChoice(**tracker), output)
