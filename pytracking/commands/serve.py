"""`pytracking serve`: track live, in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ltr.console import PATH, debug_option
from ltr.signals import loading
from pytracking.commands.options import size_and_rate_options, tracker_options, visdom_option


@click.command(short_help="track live, in a browser")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="H",
    help="The address to listen on. Any other than loopback asks for a token.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8321,
    show_default=True,
    metavar="P",
    help="0 takes a free one.",
)
@click.option(
    "--max-upload",
    type=click.IntRange(1, 1_000_000),
    default=500,
    show_default=True,
    metavar="MB",
    help="How large an uploaded video may be.",
)
@size_and_rate_options
@tracker_options
@click.option(
    "--output",
    type=PATH,
    metavar="DIR",
    help="For recordings and snapshots. Default: outputs/serve.",
)
@visdom_option
@debug_option
def serve(
    sources: Sequence[str],
    host: str,
    port: int,
    max_upload: int,
    size: tuple[int, int] | None,
    frame_rate: float | None,
    output: Path | None,
    visdom: tuple[str, int] | None,
    **tracker: Any,
) -> int:
    """Starts a web page that shows sources live: drag boxes with mouse or finger, watch scores,
    look inside the tracker, record. Many may watch, one steers.

    SOURCE is the number of a camera, an address (rtsp://, http://), a video file, a folder of
    images or `synthetic`. Without one the page asks: the camera of the browser, a video to upload,
    or the synthetic clip.

    It listens on this machine alone. To see a server without a screen, open it through ssh:
    ssh -L 8321:127.0.0.1:8321 SERVER, then http://localhost:8321/ on your own machine. With --host
    0.0.0.0 it listens to all, and asks for the token in the address that is printed.

    \b
    examples:
      pytracking serve
      pytracking serve 0 --net nce_plus18
      pytracking serve synthetic --port 9000
      pytracking serve gate.mp4 yard.mp4 --host 0.0.0.0 --max-upload 2000
    """
    with loading("pytracking"):
        from pytracking.apps.serve import ServeRequest, run_serve
        from pytracking.apps.tracker_choice import TrackerChoice

    most = max_upload * 10**6
    request = ServeRequest(sources, host, port, most, size, frame_rate, visdom)
    return run_serve(request, TrackerChoice(**tracker), output)
