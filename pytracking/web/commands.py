"""What a person can do: commands by name, what each takes, and the checks of what came as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltr.errors import ConfigError, suggestion

if TYPE_CHECKING:
    from pytracking.live.session import Choice, Session
    from pytracking.sources.feed import Feed

LARGEST = sys.float_info.max
"""Of numbers: JSON knows integers of any length."""
LONGEST_NAME = 40
"""Characters of a target's name."""
Check = Callable[[str, Any], Any]
"""From the name of a field and its JSON value to the value. Raises ConfigError."""


def text(name: str, value: Any) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ConfigError(f"{name} is {value!r:.60}: give a text")
    return value


def new_name(name: str, value: Any) -> str:
    """What a target is to be called: what a page has room for."""
    if len(text(name, value)) > LONGEST_NAME:
        raise ConfigError(f"{name} has {len(value)} characters: give at most {LONGEST_NAME}")
    return str(value)


def number(name: str, value: Any) -> int:
    """A frame number, from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name} is {value!r:.60}: give a frame number, 1 or more")
    return value


def box(name: str, value: Any) -> tuple[float, ...]:
    """Four finite numbers x, y, w, h; whether a target can have them the tracker says."""
    numbers = isinstance(value, list) and len(value) == 4
    if not numbers or not all(
        isinstance(v, (int, float)) and not isinstance(v, bool) and abs(v) <= LARGEST for v in value
    ):
        raise ConfigError(f"{name} is {value!r:.60}: give four numbers [x, y, w, h]")
    return tuple(map(float, value))


@dataclass(frozen=True)
class Command:
    """A method of the session of the same name, or what stands in its place."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check]


def command(required: Mapping[str, Check] | None = None, **optional: Check) -> Command:
    """A command by the fields that it must have and may have."""
    return Command(required or {}, optional)


COMMANDS: Mapping[str, Command] = {
    "add": command({"source": text, "box": box}, name=new_name, number=number),
    "rename": command({"old": text, "new": new_name}),
    "redraw": command({"name": text, "box": box}, number=number),
    "remove": command({"name": text}),
    "reset": command(),
    "hold": command({"source": text, "number": number}),
    "watch": command({"source": text}, name=text),
    "pause": command(),
    "play": command(),
    "step": command(),
    "seek": command({"source": text, "number": number}),
    "open": command({"source": text}),
    "close": command({"source": text}),
    "choose": command({"network": text}, preset=text),
    "start_recording": command(),
    "stop_recording": command(),
    "snapshot": command({"source": text}),
}
"""Each is a method of `Session`, but for `open` and `choose`, of which only what is offered is
allowed. A null stands for a field that is not given."""


def checked(name: str, given: Any) -> dict[str, Any]:
    """The arguments of a command from JSON. Raises ConfigError."""
    if not isinstance(given, dict):
        raise ConfigError(f"{name} got {given!r:.60}: give a JSON object")
    wanted = COMMANDS[name]
    checks = {**wanted.required, **wanted.optional}
    given = {key: value for key, value in given.items() if value is not None}
    for key in given:
        if key not in checks:
            raise ConfigError(f"{name} knows no field {key!r:.60}: {suggestion(key, checks)}")
    for key in wanted.required:
        if key not in given:
            raise ConfigError(f"{name} lacks the field {key}: it takes {', '.join(checks)}")
    return {key: checks[key](key, value) for key, value in given.items()}


@dataclass(frozen=True)
class Offered:
    """What may be opened and chosen from the page: no path, address or file of the server that its
    owner did not name."""

    sources: tuple[str, ...]
    networks: Mapping[str, str]
    """With the preset that goes with each."""
    presets: Mapping[str, str]
    """With what each is for."""
    feed: Callable[[str], Feed]
    """Of a source, or of an upload's path."""
    choice: Callable[[str, str | None], Choice]
    """Of a network and a preset, or the network's own."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "sources": list(self.sources),
            "networks": dict(self.networks),
            "presets": dict(self.presets),
        }


def carry_out(session: Session, offered: Offered, name: str, arguments: dict[str, Any]) -> Any:
    """Have the session carry out a command; its result as JSON can hold it. Raises TrackingError.
    Waits for the tracker: not for the event loop."""
    if name == "open":
        _refuse_unknown("source", arguments["source"], offered.sources)
        return session.open(offered.feed(arguments["source"]))
    if name == "choose":
        network, preset = arguments["network"], arguments.get("preset")
        _refuse_unknown("network", network, offered.networks)
        if preset is not None:
            _refuse_unknown("preset", preset, offered.presets)
        return session.choose(offered.choice(network, preset))
    if name == "watch":
        return session.watch(arguments["source"], arguments.get("name"))
    result = getattr(session, name)(**arguments)
    return result.name if isinstance(result, Path) else result


def _refuse_unknown(what: str, name: str, known: Any) -> None:
    if name not in known:
        raise ConfigError(f"{what} {name!r:.60} is not offered here: {suggestion(name, known)}")
