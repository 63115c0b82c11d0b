"""Options and completions that several commands have."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from ltr.errors import TrackingError

architecture_option = click.option(
    "--as",
    "architecture",
    metavar="NAME",
    help="What a published file holds that does not say so itself.",
)


def complete_networks(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The networks by name; where none begins like this, files."""
    from ltr.checkpoints import known_networks

    try:
        named = [
            CompletionItem(name, help=file.summary)
            for name, file in known_networks().items()
            if name.startswith(incomplete)
        ]
    except TrackingError:  # said by the command itself, not amid a line that is being typed
        named = []
    return named or [CompletionItem(incomplete, type="file")]
