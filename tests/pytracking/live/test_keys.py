"""What keys and the mouse mean in the window, without a window: events in, commands for the session out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from shown_views import view_of

from pytracking.live.keys import (
    ESCAPE,
    Closed,
    Command,
    Desk,
    Event,
    Key,
    Mouse,
    Scene,
    react,
    watched,
)
from pytracking.live.tiles import Tile

LEFT, RIGHT = (100.0, 100.0, 80.0, 60.0), (300.0, 100.0, 80.0, 60.0)
VIEW = view_of("cam", {"left": LEFT, "right": RIGHT})
SCENE = Scene([Tile("cam", VIEW, 0, 0, 640, 360)])
DESK = Desk("cam")
HOLD = Command("hold", {"source": "cam", "number": 7})


def after(
    events: Sequence[Event | str], scene: Scene = SCENE, desk: Desk = DESK
) -> tuple[Desk, list[Command]]:
    """The desk after events, a text being a key, and all commands."""
    done: list[Command] = []
    for event in events:
        desk, commands = react(desk, Key(event) if isinstance(event, str) else event, scene)
        done += commands
    return desk, done


def drag(*points: tuple[float, float], end: str = "release") -> list[Event]:
    first, *between, last = points
    return [
        Mouse("press", first),
        *(Mouse("move", point) for point in (*between, last)),
        Mouse(end, last),  # type: ignore[arg-type]
    ]


def added(*box: float, source: str = "cam", number: int = 7) -> Command:
    return Command("add", {"source": source, "box": box, "number": number})


@pytest.mark.parametrize("before", [[], ["a"]])
def test_a_drag_adds_a_target(before: list[str]) -> None:
    desk, commands = after([*before, *drag((400, 200), (450, 220), (470, 250))])
    assert commands == [HOLD, added(400, 200, 70, 50)]
    assert desk == DESK


def test_a_drag_in_any_direction() -> None:
    assert after(drag((470, 250), (400, 200)))[1][1] == added(400, 200, 70, 50)
    assert after(drag((400, 250), (470, 200)))[1][1] == added(400, 200, 70, 50)


def test_a_drag_does_not_leave_the_frame() -> None:
    assert after(drag((600, 300), (900, 500)))[1][1] == added(600, 300, 40, 60)
    assert after(drag((50, 40), (-20, -5)))[1][1] == added(0, 0, 50, 40)


def test_the_picture_stands_still_while_one_drags() -> None:
    """The box belongs to the frame at the press, whatever came since."""
    desk, _ = after([Mouse("press", (400, 200)), Mouse("move", (450, 250))])
    later = Scene([Tile("cam", view_of("cam", {"left": LEFT}, number=19), 0, 0, 640, 360)])
    assert desk.drag
    assert desk.drag.tile.view is VIEW
    _, commands = react(desk, Mouse("release", (450, 250)), later)
    assert commands == [added(400, 200, 50, 50, number=7)]


@pytest.mark.parametrize(
    "gesture",
    [
        drag((400, 200), (470, 250), end="cancel"),
        [*drag((400, 200), (470, 250))[:-1], Key(ESCAPE)],
        [*drag((400, 200), (470, 250))[:-1], Key(ESCAPE), Mouse("release", (480, 250))],
        drag((400, 200), (402, 203)),
        drag((400, 200), (405, 300)),
        drag((400, 200), (400, 200)),
        [*drag((400, 200), (470, 250))[:-1], *map(Key, "rdvp nm")],
    ],
    ids=["right click", "escape", "escape, release", "small", "flat", "click", "keys"],
)
def test_what_is_given_up_changes_nothing(gesture: list[Event]) -> None:
    desk, commands = after(gesture, desk=replace(DESK, selected="left"))
    assert commands == [HOLD], "the frame is kept for a while, no more"
    assert replace(desk, drag=None) == replace(DESK, selected="left")


def test_pixels_of_the_window_become_pixels_of_the_frame() -> None:
    """Two cameras side by side; the second is shown at half its size."""
    tiles = [
        Tile("one", view_of("one"), 0, 0, 640, 360),
        Tile("two", view_of("two", shape=(720, 1280), number=3), 646, 0, 640, 360),
    ]
    desk, commands = after(drag((656, 20), (706, 60)), Scene(tiles))
    hold = Command("hold", {"source": "two", "number": 3})
    assert commands == [hold, added(20, 40, 100, 80, source="two", number=3)]
    assert desk.source == "two"
    assert after(["p"], Scene(tiles), desk)[1] == [Command("snapshot", {"source": "two"})]
    assert after(drag((643, 20), (706, 60)), Scene(tiles))[1] == [], "the gap is no picture"
    # six pixels of the window are a box, whatever the frame has
    assert len(after(drag((656, 20), (661, 60)), Scene(tiles))[1]) == 1
    assert len(after(drag((656, 20), (663, 60)), Scene(tiles))[1]) == 2


def test_a_source_of_which_nothing_came() -> None:
    assert after(drag((10, 10), (90, 90)), Scene([Tile("cam", None, 0, 0, 640, 360)])) == (DESK, [])


REMOVED = [Command("remove", {"name": "right"})]
CLICK = drag((340, 130), (341, 130))


@pytest.mark.parametrize(
    ("events", "commands"),
    [
        ([*CLICK, "d"], [HOLD, *REMOVED]),
        (["d", *CLICK], [HOLD, *REMOVED]),
        (["2", "d"], REMOVED),
        (["d", "2"], REMOVED),
        (["d", "9", "2"], REMOVED),
        (["d", *drag((305, 105), (340, 130))], [HOLD, *REMOVED]),
    ],
)
def test_remove(events: list[Event | str], commands: list[Command]) -> None:
    desk, done = after(events)
    assert done == commands
    assert desk == DESK, "nothing is selected or to be removed any more"


@pytest.mark.parametrize(
    "events",
    [
        ["d"],
        ["d", ESCAPE, "2"],
        ["d", Mouse("cancel", (340, 130)), *CLICK],
        ["d", *drag((500, 300), (501, 300))],
        ["2", "0", "d"],
    ],
)
def test_nothing_is_removed(events: list[Event | str]) -> None:
    desk, done = after(events)
    assert [command for command in done if command != HOLD] == []
    assert not desk.closed


def test_without_targets_d_waits_for_nothing() -> None:
    empty = Scene([Tile("cam", view_of("cam"), 0, 0, 640, 360)])
    assert after(["d"], empty) == (DESK, [])


def test_a_target_that_has_gone_is_not_selected() -> None:
    assert after(["d"], desk=replace(DESK, selected="gone"))[0].intent == "remove"


def test_a_click_selects_the_smallest_target_there() -> None:
    view = view_of("cam", {"large": (100, 100, 300, 200), "small": (150, 150, 40, 40)})
    scene = Scene([Tile("cam", view, 0, 0, 640, 360)])
    assert after(drag((160, 160), (160, 160)), scene)[0].selected == "small"
    assert after(drag((300, 160), (300, 160)), scene)[0].selected == "large"


@pytest.mark.parametrize(
    ("key", "scene", "names"),
    [
        ("r", SCENE, ["reset"]),
        (" ", SCENE, ["pause"]),
        (" ", replace(SCENE, paused=True), ["play"]),
        ("n", SCENE, ["pause", "step"]),
        (".", replace(SCENE, paused=True), ["step"]),
        ("v", SCENE, ["start_recording"]),
        ("v", replace(SCENE, recording=True), ["stop_recording"]),
        ("p", SCENE, ["snapshot"]),
        ("x", SCENE, []),
        ("h", SCENE, []),
    ],
)
def test_keys(key: str, scene: Scene, names: list[str]) -> None:
    desk, commands = after([key], scene)
    assert [command.name for command in commands] == names
    assert not desk.closed


def test_help_comes_and_goes() -> None:
    assert after(["h"])[0].help
    assert not after(["h", "h"])[0].help


@pytest.mark.parametrize("event", [Key("q"), Key(ESCAPE), Closed()])
def test_the_end(event: Event) -> None:
    assert after([event]) == (replace(DESK, closed=True), [])


def test_escape_gives_up_before_it_quits() -> None:
    assert not after(["a", ESCAPE])[0].closed
    assert after(["a", ESCAPE, ESCAPE])[0].closed


def test_whose_score_map_is_shown() -> None:
    one = Tile("one", view_of("one", {"left": LEFT}), 0, 0, 640, 360)
    two = Tile("two", view_of("two", {"right": RIGHT}), 646, 0, 640, 360)
    scene = Scene([one, two])
    assert watched(DESK, scene) is None
    shown = after(["m"], scene)[0]
    assert watched(shown, scene) == ("one", "left")
    assert watched(replace(shown, source="two"), scene) == ("two", "right")
    assert watched(replace(shown, selected="right"), scene) == ("two", "right")
    assert watched(shown, Scene([])) is None
    assert watched(after(["m", "m"], scene)[0], scene) is None
