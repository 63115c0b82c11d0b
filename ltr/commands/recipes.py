"""`ltr recipes`, `ltr show` and `ltr diff`: what is trained by."""

from __future__ import annotations

import click

from ltr.commands.options import complete_recipes
from ltr.console import debug_option
from ltr.signals import loading


@click.command(short_help="which recipes there are")
@debug_option
def recipes() -> int:
    """Lists the recipes for `ltr train`.

    \b
    examples:
      ltr recipes
    """
    with loading("ltr"):
        from ltr.recipes import RECIPES

    width = max(map(len, RECIPES))
    for name, recipe in RECIPES.items():
        print(f"{name:<{width}}  {recipe.purpose}")
    print("\n`ltr show RECIPE` prints all that it says, `ltr diff A B` in what two differ")
    return 0


@click.command(short_help="all that a recipe says")
@click.argument("name", metavar="RECIPE", shell_complete=complete_recipes)
@click.option("--toml", is_flag=True, help="As a file of settings, for `ltr train FILE`.")
@debug_option
def show(name: str, toml: bool) -> int:
    """Prints every field of RECIPE, a name or a file of settings, with its value, what it does and
    its unit.

    \b
    examples:
      ltr show nce_plus_mobile
      ltr show nce_plus_mobile --toml > mine.toml   then: ltr train mine.toml
      ltr show outputs/train/mine/recipe.toml       that of a run
    """
    with loading("ltr"):
        from ltr.commands.options import recipe_named
        from ltr.settings import describe, to_toml

    recipe = recipe_named(name)
    if toml:
        print(to_toml(recipe), end="")
        return 0
    rows = list(describe(recipe))
    name_width = max(len(row.name) for row in rows)
    value_width = max(len(row.value) for row in rows if len(row.value) <= 24)
    for row in rows:
        unit = "" if row.unit == "1" else f" [{row.unit}]"
        value = "off" if row.off else row.value
        if len(value) > value_width:
            print(f"{row.name:<{name_width}}  {value}")
            value = ""
            row = row._replace(name="")
        print(f"{row.name:<{name_width}}  {value:<{value_width}}  {row.effect}{unit}".rstrip())
    return 0


@click.command(short_help="in what two recipes differ")
@click.argument("a", metavar="A", shell_complete=complete_recipes)
@click.argument("b", metavar="B", shell_complete=complete_recipes)
@debug_option
def diff(a: str, b: str) -> int:
    """Prints every field in which two recipes differ; each is a name or a file of settings, such as
    the recipe.toml of a run.

    \b
    examples:
      ltr diff nce_plus_mobile nce_plus18
      ltr diff nce_plus18 outputs/train/nce_plus18/recipe.toml
    """
    with loading("ltr"):
        from ltr.commands.options import recipe_named
        from ltr.settings import as_dict
        from ltr.settings.difference import differences

    rows = differences(as_dict(recipe_named(a)), as_dict(recipe_named(b)))
    for name, old, new in rows:
        print(f"{name}  {old} -> {new}")
    if not rows:
        print(f"{a} and {b} say the same")
    return 0
