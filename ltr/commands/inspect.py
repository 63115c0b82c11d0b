"""`ltr inspect`: check a network file and print what it holds."""

from __future__ import annotations

from pathlib import Path

import click

from ltr.commands.options import architecture_option, complete_networks
from ltr.console import debug_option
from ltr.signals import loading

_WIDTH = len("filter_optimizer.min_filter_reg")


@click.command(short_help="check a network file and print what it holds")
@click.argument("network", metavar="NETWORK", shell_complete=complete_networks)
@click.option("--tensors", is_flag=True, help="Also list every tensor with its shape.")
@architecture_option
@debug_option
def inspect(network: str, tensors: bool, architecture: str | None) -> int:
    """Checks a network whole and prints its configuration, its card and what had to be assumed.
    NETWORK is a name (see `pytracking networks`) or a file.

    \b
    examples:
      ltr inspect imagenet_mobile
      ltr inspect ~/networks/mine.safetensors --tensors
      ltr inspect dimp50.pth
    """
    with loading("ltr"):
        from ltr.checkpoints import find_network, printable, read_header
        from ltr.models.tracker_net import stored_tensors
        from ltr.models.zoo import PUBLISHED_FILES
        from ltr.networks import open_network
        from ltr.published import is_published_name
        from ltr.settings import describe

    loaded = open_network(network, architecture)
    stored = stored_tensors(loaded.net)
    if is_published_name(network):
        name, path, card = loaded.preset, Path(network), {"preset": loaded.preset}
    else:
        file = find_network(network, PUBLISHED_FILES)
        name, path, card = file.name, file.path, read_header(file.path).card
    print(f"{printable(name)}: {printable(path)} is sound ({len(stored)} tensors)")
    for row in describe(loaded.net.config):
        print(f"  {row.name:<{_WIDTH}} {row.value:<14} {row.effect}")
    told = {f"card.{key}": value for key, value in card.items()}  # it may have names of fields
    for key, value in [*told.items(), *(("note", note) for note in loaded.notes)]:
        print(f"  {printable(key):<{_WIDTH}} {printable(value)}")
    if tensors:
        for key, tensor in sorted(stored.items()):
            print(f"  {key:<60} {list(tensor.shape)}")
    return 0
