"""Options and completions that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from ltr.errors import ConfigError, TrackingError, suggestion

if TYPE_CHECKING:
    from ltr.training.recipe import Recipe

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


def recipe_named(name: str) -> Recipe:
    """A recipe by name, or a file NAME.toml of what differs from the defaults. Raises
    ConfigError."""
    from ltr.recipes import RECIPES
    from ltr.settings import with_toml
    from ltr.training.recipe import Recipe

    if name.endswith(".toml"):
        return with_toml(Recipe(), Path(name))
    if name not in RECIPES:
        raise ConfigError(f"unknown recipe {name!r}: {suggestion(name, RECIPES)}")
    return RECIPES[name]


def complete_recipes(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The recipes by name; where none begins like this, files."""
    from ltr.recipes import RECIPES

    named = [
        CompletionItem(name, help=recipe.purpose)
        for name, recipe in RECIPES.items()
        if name.startswith(incomplete)
    ]
    return named or [CompletionItem(incomplete, type="file")]
