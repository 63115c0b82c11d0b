"""`ltr convert`: make a published network one of ours."""

from __future__ import annotations

from pathlib import Path

import click

from ltr.commands.options import architecture_option
from ltr.console import PATH, debug_option
from ltr.signals import loading


@click.command(short_help="make a published network one of ours")
@click.argument("old", type=PATH, metavar="OLD")
@click.argument("new", type=PATH, metavar="NEW")
@architecture_option
@debug_option
def convert(old: Path, new: Path, architecture: str | None) -> int:
    """Writes OLD, a .pth or .pth.tar file of pytracking's model zoo, as the .safetensors file NEW,
    with the same numbers. Nothing that the published file says is run. `pytracking networks` lists
    the published networks, and where they are found by name.

    \b
    examples:
      ltr convert dimp50.pth dimp50.safetensors
      ltr convert mine.pth.tar mine.safetensors --as super_dimp  where the file does not say it
    """
    with loading("ltr"):
        from ltr import networks
        from ltr.checkpoints import known_networks
        from ltr.models.tracker_net import stored_tensors

    loaded = networks.convert(old, new, architecture)
    count = len(stored_tensors(loaded.net))
    print(f"{old} is {loaded.preset}: wrote its {count} tensors to {new}")
    for note in loaded.notes:
        print(f"  {note}")
    found = known_networks().get(new.stem)
    name = new.stem if found and found.path.samefile(new) else new
    print(f"  track with it: pytracking track VIDEO --box X,Y,W,H --net {name}")
    return 0
