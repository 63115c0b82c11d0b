"""A tree of values as groups: each value becomes what its field says, or an error of one line."""

from __future__ import annotations

import dataclasses
import re
import reprlib
import types
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from ltr.errors import ConfigError, nearest, suggestion
from ltr.settings.annotations import (
    coerce,
    dotted,
    entry_hints,
    hints_of,
    holds_groups,
    in_words,
    is_none,
    names_in,
    numbers_in,
    options_of,
)

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef, import-not-found, unused-ignore]

S = TypeVar("S")


class Origin(NamedTuple):
    """Where values come from, and so how they are read."""

    where: str
    """The end of a message."""
    root: type[Any]
    """The group whose names are suggested."""
    as_text: bool = False
    """Whether text is TOML to be read, as on the command line."""
    absent: Mapping[type[Any], Mapping[str, Any]] | None = None
    """What absent fields mean, by group; others are missed. None: they have their defaults."""


def read_group(
    cls: type[S], tree: Mapping[str, Any], old: S | None, name: str, origin: Origin
) -> S:
    """A group from the values of `tree`; those that are not there are as in `old`, where there is
    one. Raises ConfigError."""
    hints, absent = hints_of(cls), (origin.absent or {}).get(cls, {})
    for key, value in tree.items():
        if key not in hints:
            raise unknown_setting(dotted(name, key), value, origin)
    values = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        own = dotted(name, field.name)
        before = getattr(old, field.name, None)
        if field.name in tree:
            value = tree[field.name]
        elif old is not None:
            values[field.name] = before
            continue
        elif origin.absent is None and _has_default(field):
            continue
        elif field.name in absent:
            value = absent[field.name]
        else:
            raise ConfigError(f"setting {own!r} is missing{origin.where}")
        values[field.name] = read_value(value, hints[field.name], before, own, origin)
        check_limits(values[field.name], field, own, origin)
    try:
        return cls(**values)
    except ConfigError as error:  # values that do not go together
        raise ConfigError(f"{error}{f' (in {name})' if name else ''}{origin.where}") from None


def read_value(value: Any, hint: Any, old: Any, name: str, origin: Origin) -> Any:
    """A value of an annotation: a plain one, a group, or a tuple with groups in it. Raises
    ConfigError."""
    options = options_of(hint)
    if origin.as_text and isinstance(value, str) and str not in options:
        value, origin = _parse(value, name, origin), origin._replace(as_text=False)
    if not holds_groups(hint):
        if isinstance(value, Mapping):
            raise unknown_setting(name, value, origin)
        try:
            return coerce(value, hint)
        except (TypeError, OverflowError):
            raise _misfit(value, hint, name, origin) from None
    groups = [option for option in options if dataclasses.is_dataclass(option)]
    rows = [typing.get_args(o) for o in options if typing.get_origin(o) is tuple]
    if types.NoneType in options and is_none(value):
        return None
    if type(value) in groups:
        return value
    if isinstance(value, Mapping) and rows and isinstance(old, tuple):
        return _with_entries(old, rows[0], value, name, origin)
    if isinstance(value, Mapping) and groups:
        cls = _of_kind(groups, value, old, name, origin)
        return read_group(cls, value, old if type(old) is cls else None, name, origin)
    if isinstance(value, (list, tuple)) and rows:
        hints = entry_hints(rows[0], len(value))
        if len(hints) == len(value):
            return tuple(
                read_value(part, hints[k], None, dotted(name, k), origin)
                for k, part in enumerate(value)
            )
    if groups and not dataclasses.is_dataclass(value):
        known = ", ".join(sorted(set(names_in(hint, name))))
        raise ConfigError(f"{name!r} is a group, not a setting{origin.where}: known: {known}")
    raise _misfit(value, hint, name, origin)


def _with_entries(
    old: tuple[Any, ...], row: tuple[Any, ...], tree: Mapping[str, Any], name: str, origin: Origin
) -> tuple[Any, ...]:
    """The tuple with those entries changed that `tree` has by number."""
    entries = {str(k): part for k, part in enumerate(old)}
    hints = dict(zip(entries, entry_hints(row, len(old)), strict=True))
    for key, value in tree.items():
        own = dotted(name, key)
        if key not in entries:
            has = f"has the entries 0 to {len(old) - 1}" if old else "has no entry"
            raise ConfigError(f"unknown setting {own[:_LONGEST]!r}{origin.where}: {name!r} {has}")
        entries[key] = read_value(value, hints[key], entries[key], own, origin)
    return tuple(entries.values())


def _of_kind(
    groups: list[Any], tree: Mapping[str, Any], old: Any, name: str, origin: Origin
) -> type[Any]:
    """The one of several groups whose default `kind` is that of `tree`, or else that of `old`."""
    if len(groups) == 1:
        return groups[0]
    if "kind" not in tree and type(old) in groups:
        return type(old)
    kinds = {group.kind: group for group in groups}
    kind = tree.get("kind")
    if origin.as_text and isinstance(kind, str):
        kind = _parse(kind, f"{name}.kind", origin)
    if not isinstance(kind, str) or kind not in kinds:
        known = " or ".join(map(repr, kinds))
        raise ConfigError(f"setting '{name}.kind' takes {known}, not {_short(kind)}{origin.where}")
    return kinds[kind]


def _parse(text: str, name: str, origin: Origin) -> Any:
    """Text of the command line as a TOML value; a bare word is itself."""
    try:
        tree = tomllib.loads(f"v = {text}")
    except RecursionError:
        raise ConfigError(f"setting {name!r} is nested too deeply{origin.where[:200]}") from None
    except ValueError:
        return text
    return tree["v"] if len(tree) == 1 else text


def check_limits(value: Any, field: dataclasses.Field[Any], name: str, origin: Origin) -> None:
    """Raises ConfigError where a number of `value` is not within the field's limits."""
    if not field.metadata.get("limits"):
        return
    least, most = field.metadata["limits"]
    unit = "" if field.metadata["unit"] == "1" else f" {field.metadata['unit']}"
    for number in numbers_in(value):
        if not least <= number <= most:
            raise ConfigError(
                f"setting {name!r} takes {least:g} to {most:g}{unit}, not "
                f"{_short_number(number)}{origin.where}"
            )


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return not (
        field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    )


_LONGEST = 100
"""Letters of an unknown name that are shown."""


def unknown_setting(name: str, value: Any, origin: Origin) -> ConfigError:
    """The error for an unknown name. If its value is a table, the first name in it was meant."""
    while isinstance(value, Mapping) and value and len(name) < _LONGEST:
        key = next(iter(value))
        name, value = dotted(name, key), value[key]
    name, names = name[:_LONGEST], list(names_in(origin.root))
    if re.sub(r"\.\d+\b", ".0", name) in names:
        return ConfigError(f"setting {name!r} is one of another kind{origin.where}: set kind first")
    return ConfigError(f"unknown setting {name!r}{origin.where}: {_suggest(name, names)}")


def _suggest(name: str, names: list[str]) -> str:
    """The nearest dotted names, or those whose last part is near: `area` is meant for
    `search.area`."""
    last = {known.rpartition(".")[2]: known for known in names}
    near = [last[part] for part in nearest(name.rpartition(".")[2], last)]
    likely = nearest(name, names) or near
    return f"did you mean {' or '.join(likely)}?" if likely else suggestion(name, names)


def _misfit(value: Any, hint: Any, name: str, origin: Origin) -> ConfigError:
    return ConfigError(
        f"setting {name!r} takes {in_words(hint)}, not {_short(value)}{origin.where}"
    )


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 60


def _short(value: Any) -> str:
    """A value of any kind and depth as a part of a line."""
    try:
        return " ".join(_REPR.repr(value).splitlines())
    except ValueError:
        return "a number of thousands of digits"


def _short_number(value: float) -> str:
    try:
        return f"{value:g}"
    except OverflowError:
        return _short(value)
