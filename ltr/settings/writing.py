"""Settings as dictionaries, as TOML, and as rows to be shown."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ltr.settings.annotations import NONE, dotted


class Described(NamedTuple):
    """One setting as it is shown: dotted name, value as TOML text, unit, visible effect, whether
    the value is so extreme that it means off."""

    name: str
    value: str
    unit: str
    effect: str
    off: bool


def as_dict(settings: Any) -> dict[str, Any]:
    """The whole tree of values as plain dictionaries, for metadata and result files."""
    return dataclasses.asdict(settings)


def describe(settings: Any, prefix: str = "") -> Iterator[Described]:
    """Every setting below `settings`, in the order of definition."""
    for field in dataclasses.fields(settings):
        value, name = getattr(settings, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            yield from describe(value, name + ".")
        elif _is_array(value):
            for k, part in enumerate(value):
                yield from describe(part, f"{name}.{k}.")
        else:
            unit, effect = field.metadata.get("unit", "1"), field.metadata.get("effect", "")
            off = field.metadata.get("off")
            is_off = off is not None and off[0] <= value <= off[1]
            yield Described(name, to_toml_value(value), unit, effect, is_off)


def to_toml(settings: Any) -> str:
    """The whole effective configuration as a TOML document that `with_toml` reads back."""
    return "\n\n".join(_tables(settings, "", "")) + "\n"


def _tables(settings: Any, name: str, header: str) -> Iterator[str]:
    """The group's own table below its header, then those of the groups in it."""
    rows, inner = [header] if header else [], []
    for field in dataclasses.fields(settings):
        value, own = getattr(settings, field.name), dotted(name, field.name)
        if dataclasses.is_dataclass(value):
            inner.append((value, own, f"[{own}]"))
        elif _is_array(value):
            inner += [(part, own, f"[[{own}]]") for part in value]
        else:
            rows.append(f"{field.name} = {to_toml_value(value)}")
    if rows:
        yield "\n".join(rows)
    for part in inner:
        yield from _tables(*part)


def _is_array(value: Any) -> bool:
    """Whether a value is written as an array of tables; one that holds other things too is not."""
    return isinstance(value, tuple) and value != () and all(map(dataclasses.is_dataclass, value))


def to_toml_value(value: Any) -> str:
    """One value in TOML's notation, on one line."""
    if value is None:
        return to_toml_value(NONE)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):  # TOML's escapes are those of JSON; it demands one for DEL as well
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return "[" + ", ".join(to_toml_value(v) for v in value) + "]"
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        rows = (f"{name} = {to_toml_value(getattr(value, name))}" for name in names)
        return "{" + ", ".join(rows) + "}"
    return repr(value)
