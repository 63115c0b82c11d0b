"""The command line of `ltr`: networks are trained, what can be said of one without a video, and
published ones are made ours."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ltr import __version__
from ltr.console import LazyGroup, run

EPILOG = """\
\b
examples:
  ltr train nce_plus_mobile --data DIR    train a network, or go on with it
  ltr inspect imagenet_mobile             check a bundled network and say what it is
  ltr convert dimp50.pth dimp50.safetensors
  ltr COMMAND --help                      more of each
"""
COMMANDS = {
    "train": "ltr.commands.train:train",
    "recipes": "ltr.commands.recipes:recipes",
    "show": "ltr.commands.recipes:show",
    "diff": "ltr.commands.recipes:diff",
    "inspect": "ltr.commands.inspect:inspect",
    "convert": "ltr.commands.convert:convert",
    "toy": "ltr.commands.toy:toy",
    "regress": "ltr.commands.regress:regress",
    "refine-boxes": "ltr.commands.refine_boxes:refine_boxes",
    "completion": "ltr.console:completion",
}
group = click.version_option(__version__, message="ltr %(version)s")(
    LazyGroup(
        "ltr",
        paths=COMMANDS,
        help="Networks of the tracker: train, check, look inside, convert.",
        epilog=EPILOG,
    )
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit status."""
    return run(group, "ltr", arguments)
