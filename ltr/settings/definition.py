"""Fields and groups, as a component defines them."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from ltr.settings.annotations import hints_of
from ltr.settings.groups import Origin, check_limits, read_value, unknown_setting

S = TypeVar("S")


def setting(
    default: Any,
    unit: str,
    effect: str,
    limits: tuple[float, float] | None = None,
    *,
    off: tuple[float, float] | None = None,
) -> Any:
    """A dataclass field with its unit ("1" for a plain number), its visible effect, the (least,
    most) that its numbers take, and the (least, most) at which it does nothing."""
    return dataclasses.field(
        default=default, metadata={"unit": unit, "effect": effect, "limits": limits, "off": off}
    )


def group(cls: type[S]) -> type[S]:
    """Class decorator, written below `@dataclass(frozen=True)`: however an instance is made, by
    `dataclasses.replace` too, its values are of their fields' types and within their limits, or
    ConfigError says which one is not. The class's own `__post_init__` runs after that, for what
    does not go together."""
    if "__dataclass_fields__" in vars(cls):
        raise TypeError(f"write @group below the @dataclass of {cls.__name__}")
    own_check = getattr(cls, "__post_init__", None)
    origin = Origin(f" (in {cls.__name__})", cls)

    def __new__(kind: type[Any], /, *given: Any, **named: Any) -> Any:
        for name in named:
            if name not in hints_of(kind):
                raise unknown_setting(name, None, origin)
        return object.__new__(kind)

    def __post_init__(self: Any) -> None:
        for field in dataclasses.fields(self):
            hint, name = hints_of(type(self))[field.name], field.name
            value = read_value(getattr(self, name), hint, None, name, origin)
            check_limits(value, field, name, origin)
            object.__setattr__(self, name, value)
        if own_check is not None:
            own_check(self)

    for method in (__new__, __post_init__):
        setattr(cls, method.__name__, method)
    return cls
