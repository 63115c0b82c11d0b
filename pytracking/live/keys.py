"""What keys and the mouse mean in the window: a pure function from an event to commands for the
session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pytracking.live.tiles import Point, Tile
from pytracking.tracker.prediction import Box

LEAST = 6.0
"""Pixels of the window: a drag that is shorter in one direction is a click."""
ESCAPE = "escape"
KEYS: Mapping[str, str] = {
    "drag": "choose a target: a box around it, the picture stands still meanwhile",
    "a": "add a target: the next drag is its box (a drag alone does the same)",
    "click, 1 to 9": "select a target, 0 none",
    "d": "remove the selected target, else the one that is clicked or numbered next",
    "r": "reset: forget all targets",
    "space": "pause, and play on",
    "n or .": "pause, and step by one frame",
    "v": "start and stop a recording: video and boxes",
    "p": "snapshot: the picture as PNG",
    "m": "show search area and score map of the selected target, else of the first one",
    "h": "show and hide these keys",
    "right click, Esc": "give up a drag, or what a or d began",
    "q, Esc": "quit",
}
"""What is shown at h and stands in docs/camera.md."""


@dataclass(frozen=True)
class Key:
    """A key was pressed: the character, or ESCAPE."""

    name: str


@dataclass(frozen=True)
class Mouse:
    """The left button was pressed at a point of the window, moved or released, or another button
    pressed: cancel."""

    what: Literal["press", "move", "release", "cancel"]
    at: Point


@dataclass(frozen=True)
class Closed:
    """The window was closed."""


Event = Key | Mouse | Closed


@dataclass(frozen=True)
class Scene:
    """What the person sees."""

    tiles: Sequence[Tile]
    paused: bool = False
    recording: bool = False

    def targets(self) -> list[str]:
        """All targets, in the order of their numbers."""
        return [name for tile in self.tiles for name in tile.boxes()]


@dataclass(frozen=True)
class Drag:
    """A box that is being drawn."""

    tile: Tile
    """As it was at the press: its picture stands still."""
    number: int
    """Of the frame."""
    start: Point
    """Window pixels."""
    end: Point

    def box(self) -> Box:
        """In pixels of the frame."""
        (x0, y0), (x1, y1) = self.tile.in_frame(self.start), self.tile.in_frame(self.end)
        return min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)

    def is_click(self) -> bool:
        """Whether it is too small for a box."""
        height, width = self.tile.frame_hw()
        _, _, w, h = self.box()
        return min(w * self.tile.width / width, h * self.tile.height / height) < LEAST


@dataclass(frozen=True)
class Desk:
    """What the window remembers between two events."""

    source: str
    """The one that was pointed at last: snapshots are of it."""
    drag: Drag | None = None
    intent: Literal["", "add", "remove"] = ""
    selected: str | None = None
    insight: bool = False
    """Search area and score map are shown."""
    help: bool = False
    closed: bool = False


@dataclass(frozen=True)
class Command:
    """A method of the session, and what it is called with."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def react(desk: Desk, event: Event, scene: Scene) -> tuple[Desk, list[Command]]:
    """What an event makes of the desk, and what the session is to do."""
    if isinstance(event, Closed):
        return replace(desk, closed=True), []
    if isinstance(event, Key):
        return _key(desk, event.name, scene)
    return _mouse(desk, event, scene)


def watched(desk: Desk, scene: Scene) -> tuple[str, str] | None:
    """The source and target whose search area and score map are shown: the selected one, else the
    first of the source that was pointed at, else the first."""
    if not desk.insight:
        return None
    found = [(tile.source, name) for tile in scene.tiles for name in tile.boxes()]
    chosen = [pair for pair in found if pair[1] == desk.selected]
    pointed = [pair for pair in found if pair[0] == desk.source]
    return next(iter(chosen + pointed + found), None)


def _key(desk: Desk, key: str, scene: Scene) -> tuple[Desk, list[Command]]:
    if key == ESCAPE:
        if desk.drag or desk.intent:
            return replace(desk, drag=None, intent=""), []
        return replace(desk, closed=True), []
    if key == "q":
        return replace(desk, closed=True), []
    if desk.drag:
        return desk, []
    targets = scene.targets()
    if key.isdigit():
        number = int(key)
        chosen = targets[number - 1] if 0 < number <= len(targets) else None
        return _select(desk, chosen) if chosen or key == "0" else (desk, [])
    match key:
        case "a":
            return replace(desk, intent="add"), []
        case "d" if desk.selected in targets:
            return _removal(desk, str(desk.selected))
        case "d":
            return replace(desk, intent="remove" if targets else ""), []
        case "r":
            return replace(desk, selected=None, intent=""), [Command("reset")]
        case " ":
            return desk, [Command("play" if scene.paused else "pause")]
        case "n" | ".":
            return desk, [*([] if scene.paused else [Command("pause")]), Command("step")]
        case "v":
            return desk, [Command("stop_recording" if scene.recording else "start_recording")]
        case "p":
            return desk, [Command("snapshot", {"source": desk.source})]
        case "m":
            return replace(desk, insight=not desk.insight), []
        case "h":
            return replace(desk, help=not desk.help), []
    return desk, []


def _mouse(desk: Desk, event: Mouse, scene: Scene) -> tuple[Desk, list[Command]]:
    if event.what == "cancel":
        return replace(desk, drag=None, intent=""), []
    if event.what == "press":
        return _press(desk, event.at, scene)
    if desk.drag is None:
        return desk, []
    drag = replace(desk.drag, end=event.at)
    if event.what == "move":
        return replace(desk, drag=drag), []
    if drag.is_click() or desk.intent == "remove":
        return _click(replace(desk, drag=None), drag)
    arguments = {"source": drag.tile.source, "box": drag.box(), "number": drag.number}
    return replace(desk, drag=None, intent=""), [Command("add", arguments)]


def _press(desk: Desk, at: Point, scene: Scene) -> tuple[Desk, list[Command]]:
    """A drag begins: the session is to keep the frame that it is drawn in."""
    tile = next((tile for tile in scene.tiles if tile.holds(at)), None)
    shot = tile.shot() if tile else None
    if tile is None or shot is None:
        return desk, []
    drag = Drag(tile, shot.number, at, at)
    hold = Command("hold", {"source": tile.source, "number": drag.number})
    return replace(desk, source=tile.source, drag=drag), [hold]


def _click(desk: Desk, drag: Drag) -> tuple[Desk, list[Command]]:
    """Selects the smallest target there; where there is none, nothing changes."""
    x, y = drag.tile.in_frame(drag.end)
    there = {
        name: w * h
        for name, (left, top, w, h) in drag.tile.boxes().items()
        if left <= x <= left + w and top <= y <= top + h
    }
    return _select(desk, min(there, key=there.__getitem__)) if there else (desk, [])


def _select(desk: Desk, name: str | None) -> tuple[Desk, list[Command]]:
    if desk.intent == "remove" and name is not None:
        return _removal(desk, name)
    return replace(desk, selected=name), []


def _removal(desk: Desk, name: str) -> tuple[Desk, list[Command]]:
    return replace(desk, selected=None, intent=""), [Command("remove", {"name": name})]
