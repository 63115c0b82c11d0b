"""In what two groups of settings differ, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_ABSENT = "-"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(dotted name, old value, new value) of every field that differs, in their order; "-" where
    one has no such field. Both as `as_dict` gives them, also after JSON."""
    before, after = dict(_fields(old)), dict(_fields(new))
    return [
        (name, before.get(name, _ABSENT), after.get(name, _ABSENT))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def _fields(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and values as text; an entry of a list of groups has its number."""
    if isinstance(value, Mapping):
        parts: Any = value.items()
    elif isinstance(value, (list, tuple)) and any(isinstance(part, Mapping) for part in value):
        parts = enumerate(value)
    else:
        yield name, "none" if value is None else json.dumps(value)
        return
    for key, part in parts:
        yield from _fields(part, f"{name}.{key}" if name else str(key))
