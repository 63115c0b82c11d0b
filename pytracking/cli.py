"""The command line of `pytracking`: which commands there are. What each takes stands in
`pytracking.commands`, what it does in `pytracking.apps`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ltr.console import LazyGroup, run
from pytracking import __version__

EPILOG = """\
\b
examples:
  pytracking demo                                       see a target tracked, in a minute
  pytracking track video.mp4 --box 300,120,80,60        track what lies in that box at first
  pytracking camera                                     track what a camera shows, in a window
  pytracking serve                                      the same in a browser
  pytracking evaluate BENCHMARK                         track and score a benchmark, or a folder
  pytracking COMMAND --help                             more of each
"""
COMMANDS = {
    "demo": "pytracking.commands.demo:demo",
    "track": "pytracking.commands.track:track",
    "camera": "pytracking.commands.camera:camera",
    "serve": "pytracking.commands.serve:serve",
    "visdom": "pytracking.commands.visdom:visdom",
    "evaluate": "pytracking.commands.evaluate:evaluate",
    "data": "pytracking.commands.data:data",
    "tune": "pytracking.commands.tune:tune",
    "reproduce": "pytracking.commands.reproduce:reproduce",
    "report": "pytracking.commands.report:report",
    "play": "pytracking.commands.play:play",
    "pack": "pytracking.commands.pack:pack",
    "vot": "pytracking.commands.vot:vot",
    "validate": "pytracking.commands.validate:validate",
    "networks": "pytracking.commands.listing:networks",
    "presets": "pytracking.commands.listing:presets",
    "completion": "ltr.console:completion",
}
group = click.version_option(__version__, message="pytracking %(version)s")(
    LazyGroup("pytracking", paths=COMMANDS, help="Track objects in videos.", epilog=EPILOG)
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return run(group, "pytracking", arguments)
