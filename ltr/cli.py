"""The command line of `ltr`: what can be said of a network without a video."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ltr import __version__
from ltr.console import Parser, run

EPILOG = """\
examples:
  ltr inspect imagenet_mobile             check a bundled network and say what it is
  ltr inspect ~/networks/mine.safetensors
"""


def inspect(arguments: argparse.Namespace) -> int:
    """Check a network file whole and print its configuration, card and tensors."""
    from ltr.checkpoints import find_network, read_header
    from ltr.models.zoo import load_network
    from ltr.settings import describe

    file = find_network(arguments.network)
    net = load_network(arguments.network)
    header = read_header(file.path)
    print(f"{file.name}: {file.path} is sound ({len(header.shapes)} tensors)")
    for row in describe(net.config):
        print(f"  {row.name:<16} {row.value:<14} {row.effect}")
    for key, value in header.card.items():
        print(f"  {key:<16} {value}")
    if arguments.tensors:
        for key, shape in sorted(header.shapes.items()):
            print(f"  {key:<60} {list(shape)}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    parser = Parser(prog="ltr", description="Networks of the tracker: check them and look inside.", epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"ltr {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    command = commands.add_parser("inspect", help="check a network file and print what it holds", epilog=EPILOG)
    command.add_argument("network", help="a name (see `pytracking networks`) or a .safetensors file")
    command.add_argument("--tensors", action="store_true", help="also list every tensor with its shape")
    command.add_argument("--debug", action="store_true", help="show a traceback with an error")
    command.set_defaults(run=inspect)
    return run(parser, arguments)
