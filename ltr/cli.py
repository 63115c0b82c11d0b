"""The command line of `ltr`: what can be said of a network without a video, and published networks
made ours."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ltr import __version__
from ltr.console import Parser, run

EPILOG = """\
examples:
  ltr inspect imagenet_mobile             check a bundled network and say what it is
  ltr convert dimp50.pth dimp50.safetensors
  ltr COMMAND --help                      more of each
"""
INSPECT = """\
Checks a network file whole and prints its configuration, its card and what had to be assumed.

examples:
  ltr inspect imagenet_mobile
  ltr inspect ~/networks/mine.safetensors --tensors
  ltr inspect dimp50.pth
"""
CONVERT = """\
Writes a network that its authors publish as a .safetensors file, with the same numbers. Nothing
that the published file says is run. `pytracking networks` lists the published networks, and where
they are found by name.

examples:
  ltr convert dimp50.pth dimp50.safetensors
  ltr convert mine.pth.tar mine.safetensors --as super_dimp  for one that does not say what it is
"""


def inspect(arguments: argparse.Namespace) -> int:
    """Check a network file whole and print its configuration, card, notes and tensors."""
    from ltr.checkpoints import find_network, read_header
    from ltr.models.tracker_net import stored_tensors
    from ltr.models.zoo import PUBLISHED_FILES
    from ltr.networks import open_network
    from ltr.published import is_published_name
    from ltr.settings import describe

    loaded = open_network(arguments.network, arguments.architecture)
    tensors = stored_tensors(loaded.net)
    if is_published_name(arguments.network):
        name, path, card = loaded.preset, Path(arguments.network), {"preset": loaded.preset}
    else:
        file = find_network(arguments.network, PUBLISHED_FILES)
        name, path, card = file.name, file.path, read_header(file.path).card
    print(f"{name}: {path} is sound ({len(tensors)} tensors)")
    for row in describe(loaded.net.config):
        print(f"  {row.name:<{_WIDTH}} {row.value:<14} {row.effect}")
    for key, value in [*card.items(), *(("note", note) for note in loaded.notes)]:
        print(f"  {key:<{_WIDTH}} {value}")
    if arguments.tensors:
        for key, tensor in sorted(tensors.items()):
            print(f"  {key:<60} {list(tensor.shape)}")
    return 0


_WIDTH = len("filter_optimizer.min_filter_reg")


def convert(arguments: argparse.Namespace) -> int:
    """Write a published network as a file of ours, and say what was dropped or assumed."""
    from ltr.checkpoints import known_networks
    from ltr.models.tracker_net import stored_tensors
    from ltr.networks import convert

    old, new = arguments.old, arguments.new
    loaded = convert(old, new, arguments.architecture)
    print(f"{old} is {loaded.preset}: wrote its {len(stored_tensors(loaded.net))} tensors to {new}")
    for note in loaded.notes:
        print(f"  {note}")
    found = known_networks().get(new.stem)
    name = new.stem if found and found.path.samefile(new) else new
    print(f"  track with it: pytracking track VIDEO --box X,Y,W,H --net {name}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    parser = Parser(
        prog="ltr",
        description="Networks of the tracker: check, look inside, convert.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"ltr {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    command = commands.add_parser(
        "inspect", help="check a network file and print what it holds", description=INSPECT
    )
    command.add_argument(
        "network", metavar="NETWORK", help="a name (see `pytracking networks`) or a file"
    )
    command.add_argument(
        "--tensors", action="store_true", help="also list every tensor with its shape"
    )
    command.set_defaults(run=inspect)
    _add_common(command)

    command = commands.add_parser(
        "convert", help="make a published network one of ours", description=CONVERT
    )
    command.add_argument(
        "old", type=Path, metavar="OLD", help="a .pth or .pth.tar file of pytracking's model zoo"
    )
    command.add_argument("new", type=Path, metavar="NEW", help="the .safetensors file to write")
    command.set_defaults(run=convert)
    _add_common(command)
    return run(parser, arguments)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--as",
        dest="architecture",
        metavar="NAME",
        help="what a published file holds that does not say so itself",
    )
    command.add_argument("--debug", action="store_true", help="show a traceback with an error")
