"""Typed settings: frozen dataclasses whose fields carry unit and visible effect, and whose values
are checked wherever they are made.

Python, the command line, TOML files and JSON set the same fields by the same rules; an unknown or
misspelled one is an error with a suggestion. This package knows no setting itself: each component
owns its dataclass, a *group*.

    @dataclass(frozen=True)
    @group
    class Search:
        factor: float = setting(1.04, "1", "ratio of neighbouring sizes; larger follows faster, less
        precisely", (1, 2))

A field is a number, text, a bool, a Literal, a tuple of these, or it holds groups: one, an optional
one (`Group | None`), one of several that differ in their `kind`, or a tuple of groups. A whole
number stands for a float and a list for a tuple; a bool is no number; NaN fits nothing.

TOML knows no null: where a field may be None, the text "none" says so, in TOML and everywhere else.
A tuple of groups is an array of tables; `mix.0.weight` is a setting of the first of them.
"""

from ltr.settings.definition import group, setting
from ltr.settings.reading import from_dict, replace, with_assignments, with_toml
from ltr.settings.writing import Described, as_dict, describe, to_toml, to_toml_value

__all__ = [
    "Described",
    "as_dict",
    "describe",
    "from_dict",
    "group",
    "replace",
    "setting",
    "to_toml",
    "to_toml_value",
    "with_assignments",
    "with_toml",
]
