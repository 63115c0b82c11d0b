"""The command line of `pytracking`. Heavy imports happen inside the commands, so that --help
answers at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ltr import __version__
from ltr.console import Parser, run
from ltr.errors import BoxError, ConfigError
from pytracking import DEFAULT_NETWORK

if TYPE_CHECKING:
    from pytracking.apps.track import TrackerChoice

EPILOG = """\
examples:
  pytracking demo                                       see a target tracked, in a minute
  pytracking track video.mp4 --box 300,120,80,60        track what lies in that box at first
  pytracking evaluate DIR                               score all sequences of a folder
  pytracking COMMAND --help                             more of each
"""
DEMO = """\
Renders a clip from two photographs, tracks a face in it and shows how it went. The face doubles its
size, a twin passes in front of it, and a panel hides it for ten frames while it moves on.

With --video it tracks a target of your own, which --box names: left, top, width and height in
pixels of the first frame.

examples:
  pytracking demo
  pytracking demo --video holiday.mp4 --box 300,120,80,60
"""
TRACK = """\
Tracks one or several targets from the first frame to the last and writes boxes, an annotated video,
timing and settings.

The source is a video file or a folder of images. A box is that of a target in the first frame, as
left,top,width,height in pixels (the top-left pixel is 0,0). Give --box once a target, with a name
in front where there are several; each has a boxes file of its own then, boxes_NAME.txt. --debug-dir
shows what the tracker sees.

examples:
  pytracking track video.mp4 --box 300,120,80,60
  pytracking track video.mp4 --box left=300,120,80,60 --box right=500,110,80,60
  pytracking track frames/ --box 12.5,40,33,61 --net imagenet_mobile --output results/
  pytracking track video.mp4 --box 300,120,80,60 --set size.interval=1 --set search.area=6
"""
EVALUATE = """\
Tracks every sequence of a folder from its first box, rounded to whole pixels, to its last frame
without a restart, and prints success AUC: the mean over 21 overlap thresholds of the share of
frames above it. Frames without the target (nan) are left out.

A sequence is a folder of frames with a groundtruth.txt, or a video with a .txt of the same name:
x,y,w,h, a line a frame.

examples:
  pytracking evaluate data/val
  pytracking evaluate data/val Girl Deer --net imagenet18
"""
NETWORKS = """\
Lists the networks that are found, and the published ones that are not here with the command that
converts each; or shows one in detail.

examples:
  pytracking networks
  pytracking networks imagenet18
"""
PRESETS = """\
Lists the presets, or shows every setting of one with its value, its visible effect and its unit.

examples:
  pytracking presets imagenet18
  pytracking presets imagenet18 --toml > mine.toml  then: track ... --settings mine.toml
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    parser = Parser(prog="pytracking", description="Track objects in videos.", epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"pytracking {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    def command(
        name: str, summary: str, text: str, run: Callable[[argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=summary, description=text)
        made.add_argument("--debug", action="store_true", help="show a traceback with an error")
        made.set_defaults(run=run)
        return made

    demo = command("demo", "see a target tracked, from nothing", DEMO, _demo)
    demo.add_argument(
        "--video", type=Path, metavar="FILE", help="your own video instead of the clip"
    )
    demo.add_argument(
        "--box",
        action="append",
        metavar="[NAME=]X,Y,W,H",
        help="a target in the first frame of --video",
    )
    _add_tracker(demo)
    demo.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="default: outputs/demo, outputs/track/NAME with --video",
    )

    track = command("track", "track a target in a video or a folder of frames", TRACK, _track)
    track.add_argument(
        "source", type=Path, metavar="SOURCE", help="a video file or a folder of images"
    )
    track.add_argument(
        "--box",
        action="append",
        metavar="[NAME=]X,Y,W,H",
        help="a target in the first frame (needed, may be repeated)",
    )
    track.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE",
        help="a file of such boxes, a line each; lines with # are comments",
    )
    _add_tracker(track)
    track.add_argument("--output", type=Path, metavar="DIR", help="default: outputs/track/NAME")
    track.add_argument(
        "--debug-dir",
        type=Path,
        metavar="DIR",
        help="pictures of every tenth frame: search area, scores, boxes, memory",
    )

    evaluate = command(
        "evaluate", "track annotated sequences and score the result", EVALUATE, _evaluate
    )
    evaluate.add_argument("folder", type=Path, metavar="FOLDER", help="holds the sequences")
    evaluate.add_argument("names", nargs="*", metavar="NAME", help="only these sequences")
    _add_tracker(evaluate)
    evaluate.add_argument(
        "--output", type=Path, metavar="DIR", help="default: outputs/evaluate/NETWORK"
    )

    networks = command("networks", "which networks there are", NETWORKS, _networks)
    networks.add_argument("name", nargs="?", metavar="NAME", help="show this one")

    presets = command(
        "presets", "which presets there are, and what each setting does", PRESETS, _presets
    )
    presets.add_argument("name", nargs="?", metavar="NAME", help="show this one")
    presets.add_argument("--toml", action="store_true", help="as a settings file")
    return run(parser, arguments)


def _add_tracker(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("tracker")
    group.add_argument(
        "--net",
        metavar="NAME",
        default=DEFAULT_NETWORK,
        help="a network by name or file; default: %(default)s",
    )
    group.add_argument("--preset", metavar="NAME", help="default: the network's own")
    group.add_argument(
        "--settings", type=Path, metavar="FILE", help="a TOML file of settings that differ"
    )
    group.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="one setting that differs"
    )
    group.add_argument(
        "--device",
        default="auto",
        metavar="DEVICE",
        help="auto, cpu, cuda or cuda:N; default: %(default)s",
    )
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of all random draws; default: %(default)s"
    )


def _choice(arguments: argparse.Namespace) -> TrackerChoice:
    from pytracking.apps.track import TrackerChoice

    if arguments.seed < 0:
        raise ConfigError(f"--seed is {arguments.seed}: give 0 or more")
    return TrackerChoice(
        arguments.net,
        arguments.preset,
        arguments.settings,
        arguments.set,
        arguments.device,
        arguments.seed,
    )


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.video is None:
        if arguments.box is not None:
            raise BoxError("--box goes with --video FILE: the demo clip brings its own box")
        from pytracking.apps.demo import run_demo

        return run_demo(_choice(arguments), arguments.output or Path("outputs/demo"))
    arguments.source, arguments.boxes, arguments.debug_dir = arguments.video, None, None
    return _track(arguments)


def _track(arguments: argparse.Namespace) -> int:
    if not arguments.box and arguments.boxes is None:
        raise BoxError(
            "which target? add --box x,y,w,h: left, top, width and height in pixels of the first "
            "frame"
        )
    from pytracking.apps.track import named_boxes, run_track

    targets = named_boxes(arguments.box or [], arguments.boxes)
    return run_track(
        arguments.source, targets, _choice(arguments), arguments.output, arguments.debug_dir
    )


def _evaluate(arguments: argparse.Namespace) -> int:
    from pytracking.apps.evaluate import run_evaluate

    output = arguments.output or Path("outputs/evaluate") / Path(arguments.net).stem
    return run_evaluate(arguments.folder, arguments.names, _choice(arguments), output)


def _networks(arguments: argparse.Namespace) -> int:
    from pytracking.apps.listing import run_networks

    return run_networks(arguments.name)


def _presets(arguments: argparse.Namespace) -> int:
    from pytracking.apps.listing import run_presets

    return run_presets(arguments.name, arguments.toml)
