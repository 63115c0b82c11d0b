"""What the annotation of a field says: which values fit it, and which names stand below it."""

from __future__ import annotations

import dataclasses
import functools
import numbers
import re
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

NONE = "none"
"""The text that stands for None."""
_SURROGATES = re.compile("[\ud800-\udfff]")
"""Halves of letters, which no file can hold."""


def hints_of(cls: type[Any]) -> dict[str, Any]:
    """The annotations of a group's fields, by name."""
    return _hints_of(cls)  # type: ignore[arg-type]  # mypy takes no class for hashable


@functools.cache
def _hints_of(cls: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    hints = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    for name, hint in hints.items():
        options = options_of(hint)
        if types.NoneType in options and any(NONE in typing.get_args(o) for o in options):
            raise TypeError(f"{cls.__name__}.{name} takes both None and {NONE!r}: they are one")
    return hints


def options_of(hint: Any) -> tuple[Any, ...]:
    """The members of a union, or the one annotation."""
    union = typing.get_origin(hint) in (types.UnionType, typing.Union)
    return typing.get_args(hint) if union else (hint,)


def holds_groups(hint: Any) -> bool:
    """Whether a value may be a group, or a tuple with one in it."""
    return dataclasses.is_dataclass(hint) or any(map(holds_groups, typing.get_args(hint)))


def entry_hints(row: tuple[Any, ...], length: int) -> tuple[Any, ...]:
    """The annotations of the entries of a tuple[row] of this length."""
    return (row[0],) * length if row[-1] is Ellipsis else row


def dotted(group: str, name: object) -> str:
    """The name of a setting of a group; the outermost group has none."""
    return f"{group}.{name}" if group else str(name)


def names_in(hint: Any, name: str = "") -> Iterator[str]:
    """The dotted names of all settings that a value of this annotation can have; where tuples hold
    groups, those of the first."""
    for option in options_of(hint):
        if dataclasses.is_dataclass(option):
            for key, inner in hints_of(option).items():  # type: ignore[arg-type]
                yield from names_in(inner, dotted(name, key))
        elif holds_groups(option):
            yield from names_in(typing.get_args(option)[0], dotted(name, 0))
        elif option is not types.NoneType:
            yield name


def coerce(value: Any, hint: Any) -> Any:
    """`value` as an instance of an annotation without groups. Raises TypeError, or OverflowError
    for a whole number beyond all floats."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        for allowed in args:
            if type(value) is type(allowed) and value == allowed:
                return value
    elif origin is tuple and isinstance(value, (list, tuple)):
        hints = entry_hints(args, len(value))
        if len(hints) == len(value):
            return tuple(coerce(part, h) for part, h in zip(value, hints, strict=True))
    elif origin in (types.UnionType, typing.Union):
        if types.NoneType in args and is_none(value):
            return None
        for option in args:
            try:
                return coerce(value, option)
            except (TypeError, OverflowError):
                continue
    elif hint is bool and isinstance(value, bool):
        return value
    elif hint is float and isinstance(value, numbers.Real) and not isinstance(value, bool):
        if value == value:
            return float(value)
    elif hint is int and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    elif hint is str and isinstance(value, str) and not _SURROGATES.search(value):
        return str(value)
    raise TypeError


def is_none(value: Any) -> bool:
    """Whether a value means None where that is allowed."""
    return value is None or (isinstance(value, str) and value == NONE)


def numbers_in(value: Any) -> Iterator[float]:
    """The numbers of a field's value, those of nested tuples too."""
    if isinstance(value, tuple):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


def in_words(hint: Any) -> str:
    """What fits an annotation, for a message."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " or ".join(repr(a) for a in args)
    if origin is tuple:
        return "a list" if args[-1] is Ellipsis else f"a list of {len(args)}"
    if len(options_of(hint)) > 1:
        return " or ".join(map(in_words, options_of(hint)))
    if dataclasses.is_dataclass(hint):
        return f"the group {hint.__name__}"  # type: ignore[union-attr]
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "text"}
    return {**words, types.NoneType: NONE}.get(hint, str(hint))
