"""Settings from the command line, TOML files and dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ltr.errors import ConfigError
from ltr.paths import read_regular
from ltr.settings.groups import Origin, read_group, tomllib

S = TypeVar("S")


def replace(settings: S, name: str, value: Any, where: str = "") -> S:
    """`settings` with the dotted field `name` set to `value` (typed, or text as on the command
    line). Where the field is a group, a mapping says what of it differs.

    Raises ConfigError for an unknown name or a value of another type; `where` ends the message."""
    tree = value
    for part in reversed(name.split(".")):
        tree = {part: tree}
    origin = Origin(where, type(settings), as_text=True)
    return read_group(type(settings), tree, settings, "", origin)


def with_assignments(settings: S, assignments: Iterable[str]) -> S:
    """`settings` with command line assignments "group.field=value" applied in order."""
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text!r} is not of the form field=value")
        shown = text if text.isprintable() else repr(text)
        settings = replace(settings, name.strip(), value.strip(), f" (in --set {shown})")
    return settings


def with_toml(settings: S, path: Path) -> S:
    """`settings` with the values of a TOML file applied, all at once; tables are groups. An array
    of tables [[mix]] replaces a tuple of groups, a table [mix.0] changes its first. Raises
    ConfigError."""
    try:
        tree = tomllib.loads(read_regular(path).decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read settings {path}: {error.strerror or error}") from None
    except RecursionError:
        raise ConfigError(f"settings {path} are nested too deeply: no setting is") from None
    except ValueError as error:  # not TOML, not UTF-8, or a number of thousands of digits
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    return read_group(type(settings), tree, settings, "", Origin(f" (in {path})", type(settings)))


def from_dict(
    cls: type[S],
    tree: Mapping[str, Any],
    where: str,
    absent: Mapping[type[Any], Mapping[str, Any]] | None = None,
) -> S:
    """The inverse of `as_dict` (also after JSON): every field must be there, none may be unknown.

    `absent` is for files that were written before some field existed: the value that a file means
    without it, by group at any depth, as {HingeConfig: {"leak": 0.1}}. Raises ConfigError; `where`
    ends the message."""
    return read_group(cls, tree, None, "", Origin(where, cls, absent=absent or {}))
