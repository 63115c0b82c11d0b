"""Typed settings: frozen dataclasses whose fields carry unit and visible effect.

Command line, TOML files and Python set the same fields; an unknown or misspelled one is an error
with a suggestion. This module knows no setting itself: each component owns its dataclass.

    @dataclass(frozen=True)
    class Search:
        factor: float = setting(1.04, "1", "ratio of neighbouring sizes; larger follows faster, less
        precisely")
"""

from __future__ import annotations

import contextlib
import dataclasses
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from ltr.errors import ConfigError, nearest, suggestion

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef, import-not-found, unused-ignore]

S = TypeVar("S")


class Described(NamedTuple):
    """One setting as it is shown: dotted name, value as TOML text, unit, visible effect, whether
    the value is so extreme that it means off."""

    name: str
    value: str
    unit: str
    effect: str
    off: bool


def setting(
    default: Any,
    unit: str,
    effect: str,
    limits: tuple[float, float] | None = None,
    *,
    off: tuple[float, float] | None = None,
) -> Any:
    """A dataclass field with its unit ("1" for a plain number), its visible effect, the (least,
    most) it takes, and the (least, most) at which it does nothing."""
    return dataclasses.field(
        default=default, metadata={"unit": unit, "effect": effect, "limits": limits, "off": off}
    )


def replace(settings: S, name: str, value: Any, where: str = "") -> S:
    """`settings` with the dotted field `name` set to `value` (typed, or text as on the command
    line).

    Raises ConfigError for an unknown name or a value of another type; `where` ends the message."""
    names = _names(settings)
    if name not in names:
        members = [known for known in names if known.startswith(f"{name}.")]
        if members:
            raise ConfigError(
                f"{name!r} is a group, not a setting{where}: known: {', '.join(sorted(members))}"
            )
        raise ConfigError(f"unknown setting {name!r}{where}: {_suggested(name, names)}")
    return _replaced(settings, name, name, value, where)


def _replaced(settings: S, path: str, name: str, value: Any, where: str) -> S:
    head, _, rest = path.partition(".")
    if rest:
        changed = _replaced(getattr(settings, head), rest, name, value, where)
    else:
        changed = _typed(value, typing.get_type_hints(type(settings))[head], name, where)
        _check_limits(settings, head, changed, name, where)
    return dataclasses.replace(settings, **{head: changed})  # type: ignore[type-var]


def with_assignments(settings: S, assignments: Iterable[str]) -> S:
    """`settings` with command line assignments "group.field=value" applied in order."""
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set {text!r} is not of the form field=value")
        settings = replace(settings, name.strip(), value.strip(), f" (in --set {text})")
    return settings


def with_toml(settings: S, path: Path) -> S:
    """`settings` with the values of a TOML file applied; tables are groups."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read settings {path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    for name, value in _flat(tree):
        settings = replace(settings, name, value, f" (in {path})")
    return settings


def as_dict(settings: Any) -> dict[str, Any]:
    """The whole tree of values as plain dictionaries, for metadata and result files."""
    return dataclasses.asdict(settings)


def from_dict(cls: type[S], tree: Mapping[str, Any], where: str) -> S:
    """The inverse of `as_dict` (also after JSON): every field must be there, none may be
    unknown."""
    hints = typing.get_type_hints(cls)
    for name in tree:
        if name not in hints:
            raise ConfigError(f"unknown setting {name!r}{where}: {suggestion(name, hints)}")
    values: dict[str, Any] = {}
    for name, hint in hints.items():
        if name not in tree:
            raise ConfigError(f"setting {name!r} is missing{where}")
        groups = [g for g in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(g)]
        if groups and tree[name] is None and types.NoneType in typing.get_args(hint):
            values[name] = None
        elif groups:
            if not isinstance(tree[name], Mapping):
                raise ConfigError(f"setting {name!r} must be a group{where}")
            values[name] = from_dict(_of_kind(groups, tree[name], name, where), tree[name], where)
        else:
            values[name] = _typed(tree[name], hint, name, where)
            _check_limits(cls, name, values[name], name, where)
    return cls(**values)


def _of_kind(groups: list[Any], tree: Mapping[str, Any], name: str, where: str) -> type[Any]:
    """The one of several groups whose default `kind` is that of `tree`."""
    if len(groups) == 1:
        return groups[0]
    kinds = {group.kind: group for group in groups}
    kind = tree.get("kind")
    if kind not in kinds:
        raise ConfigError(
            f"setting '{name}.kind' takes {' or '.join(map(repr, kinds))}, not {kind!r}{where}"
        )
    return kinds[kind]


def describe(settings: Any, prefix: str = "") -> Iterator[Described]:
    """Every setting below `settings`, in the order of definition."""
    for field in dataclasses.fields(settings):
        value, name = getattr(settings, field.name), prefix + field.name
        if dataclasses.is_dataclass(value):
            yield from describe(value, name + ".")
        else:
            unit, effect, off = (field.metadata[key] for key in ("unit", "effect", "off"))
            is_off = off is not None and off[0] <= value <= off[1]
            yield Described(name, to_toml_value(value), unit, effect, is_off)


def to_toml(settings: Any) -> str:
    """The whole effective configuration as a TOML document that `with_toml` reads back."""
    tables: dict[str, list[str]] = {"": []}
    for row in describe(settings):
        table, _, name = row.name.rpartition(".")
        tables.setdefault(table, []).append(f"{name} = {row.value}")
    blocks = [
        "\n".join([f"[{table}]", *rows] if table else rows)
        for table, rows in tables.items()
        if rows
    ]
    return "\n\n".join(blocks) + "\n"


def to_toml_value(value: Any) -> str:
    """One value in TOML's notation."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(to_toml_value(v) for v in value) + "]"
    return repr(value)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _names(settings: Any) -> list[str]:
    return [row.name for row in describe(settings)]


def _suggested(name: str, names: list[str]) -> str:
    """The nearest dotted names, or those whose last part is near: `area` is meant for
    `search.area`."""
    last = {known.rpartition(".")[2]: known for known in names}
    near = [last[part] for part in nearest(name.rpartition(".")[2], last)]
    likely = nearest(name, names) or near
    return f"did you mean {' or '.join(likely)}?" if likely else suggestion(name, names)


def _check_limits(settings: Any, field: str, value: Any, name: str, where: str) -> None:
    limits = settings.__dataclass_fields__[field].metadata["limits"]
    if limits is None or value is None:
        return
    if isinstance(value, tuple):
        for part in value:
            _check_limits(settings, field, part, name, where)
    elif not limits[0] <= value <= limits[1]:
        raise ConfigError(
            f"setting {name!r} takes {limits[0]:g} to {limits[1]:g}, not {value:g}{where}"
        )


def _typed(value: Any, hint: Any, name: str, where: str) -> Any:
    """`value` as an instance of the annotation `hint`; text is read as a TOML value first."""
    if isinstance(value, str) and hint is not str:
        with contextlib.suppress(tomllib.TOMLDecodeError):  # a bare word fits a Literal or nothing
            value = tomllib.loads(f"v = {value}")["v"]
    try:
        return _coerce(value, hint)
    except TypeError:
        raise ConfigError(f"setting {name!r} takes {_spoken(hint)}, not {value!r}{where}") from None


def _coerce(value: Any, hint: Any) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in args:
            return value
    elif origin is tuple and isinstance(value, (list, tuple)):
        if args[-1] is Ellipsis:
            return tuple(_coerce(v, args[0]) for v in value)
        if len(args) == len(value):
            return tuple(_coerce(v, a) for v, a in zip(value, args, strict=True))
    elif origin in (types.UnionType, typing.Union):
        for option in args:
            try:
                return _coerce(value, option)
            except TypeError:
                continue
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if value == value:  # NaN fits nothing
            return float(value)
    elif isinstance(hint, type) and type(value) is hint:
        return value
    raise TypeError


def _spoken(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " or ".join(repr(a) for a in args)
    if origin is tuple:
        return "a list" if args[-1] is Ellipsis else f"a list of {len(args)}"
    return {float: "a number", int: "a whole number", bool: "true or false", str: "text"}.get(
        hint, str(hint)
    )
