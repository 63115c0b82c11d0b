"""The desktop window upon a stand-in for a session: what is shown, what is handed on; and the thin part under Xvfb."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colours import near
from shown_views import view_of
from stand_ins import StandInFeed, session_of, shown

from ltr.errors import BoxError
from ltr.images import Frame
from pytracking.live.keys import Closed, Command, Desk, Event, Key, Mouse, Scene, react
from pytracking.live.session import Session
from pytracking.live.tiles import Tile
from pytracking.live.views import View
from pytracking.live.window import Window
from pytracking.sinks.palette import PALETTE

LEFT = (100.0, 100.0, 80.0, 60.0)


class StandIn:
    """A session that shows what it is told to, and notes what it is asked for."""

    def __init__(self, *views: View) -> None:
        self.views = {view.source: view for view in views}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[dict[str, Any]] = []
        self.done = threading.Condition()

    def wait(self, source: str, after: int, seconds: float) -> View | None:
        view = self.views.get(source)
        return view if view is not None and view.sequence > after else None

    def status(self) -> dict[str, Any]:
        return {"messages": self.messages}

    def __getattr__(self, name: str) -> Any:
        def command(**arguments: Any) -> Any:
            with self.done:
                self.asked.append((name, arguments))
                self.done.notify_all()
            if name == "remove":
                raise BoxError("no target 'left' is tracked: there are none")
            return {"add": "target2", "snapshot": Path("out/one.png")}.get(name)

        return command

    def names(self, count: int) -> list[str]:
        """The first commands, once there are so many."""
        with self.done:
            assert self.done.wait_for(lambda: len(self.asked) >= count, 30), self.asked
            return [name for name, _ in self.asked]


class Glass:
    """A screen on which everything is seen, and a hand."""

    def __init__(self, *hand: Event) -> None:
        self.hand = list(hand)
        self.pictures: list[Frame] = []

    def show(self, picture: Frame) -> None:
        self.pictures.append(picture)

    def events(self) -> Sequence[Event]:
        return [self.hand.pop(0)] if self.hand else []


def lived(session: Any, glass: Glass, sources: Sequence[str] = ("cam",), turns: int = 9) -> Window:
    with Window(session, sources, glass) as window:
        for _ in range(turns):
            if not window.turn():
                break
    return window


def test_a_new_picture_for_something_new_alone() -> None:
    glass = Glass(Key("h"))
    session = StandIn(view_of("cam", {"left": LEFT}))
    lived(session, glass)
    assert len(glass.pictures) == 2, "the view, and the keys over it"
    assert (glass.pictures[0] != glass.pictures[1]).mean() > 0.2
    assert session.asked == []


def test_commands_go_to_the_session_and_their_end_is_said() -> None:
    drag = [Mouse("press", (400, 200)), Mouse("move", (450, 240)), Mouse("release", (450, 240))]
    session = StandIn(view_of("cam", {"left": LEFT}))
    glass = Glass(*drag, Key("p"), Key("1"), Key("d"))
    with Window(session, ["cam"], glass) as window:  # type: ignore[arg-type]
        while glass.hand:
            window.turn()
        assert session.names(4) == ["hold", "add", "snapshot", "remove"]
        box = (400.0, 200.0, 50.0, 40.0)
        assert session.asked[1] == ("add", {"source": "cam", "box": box, "number": 7})
        for _ in range(1000):  # lines are shown as they come
            window.turn()
            if window.message.startswith("no target"):
                break
        assert window.message == "no target 'left' is tracked: there are none"
    assert window.kept == [Path("out/one.png")]


def test_a_slow_command_does_not_hold_the_window() -> None:
    entered, ready = threading.Event(), threading.Event()

    class Slow(StandIn):
        def reset(self) -> None:
            entered.set()
            ready.wait(30)

    glass = Glass(Key("r"), Key("h"))
    with Window(Slow(view_of("cam")), ["cam"], glass) as window:  # type: ignore[arg-type]
        window.turn()
        assert entered.wait(30)
        window.turn()
        window.turn()
        assert window.desk.help
        ready.set()


def test_the_picture_stands_still_under_a_drag() -> None:
    session = StandIn(view_of("cam"), view_of("two"))
    glass = Glass(Mouse("press", (100, 100)))
    with Window(session, ["cam", "two"], glass) as window:  # type: ignore[arg-type]
        window.turn()
        white = np.full((360, 640, 3), 255, np.uint8)
        for source in ("cam", "two"):
            shot = view_of(source).shot
            object.__setattr__(shot, "frame", white)
            session.views[source] = view_of(source, number=8, shot=shot)
        window.turn()
    frozen, going = glass.pictures[-1][150:250, 200:600], glass.pictures[-1][150:250, 850:1200]
    assert frozen.max() < 100
    assert going.min() > 200


def test_what_is_watched_follows_the_choice() -> None:
    """Nothing is computed that is not shown."""
    right = (300.0, 100.0, 80.0, 60.0)
    session = StandIn(view_of("cam", {"left": LEFT}), view_of("two", {"right": right}))
    glass = Glass(Key("m"), Key("2"), Key("m"))
    with Window(session, ["cam", "two"], glass) as window:  # type: ignore[arg-type]
        for _ in range(5):
            window.turn()
        session.names(4)  # the end of the window would call off what waits
    asked = [(a["source"], a["name"]) for name, a in session.asked if name == "watch"]
    assert asked == [("cam", "left"), ("cam", None), ("two", "right"), ("two", None)]


def test_what_the_session_says_is_shown() -> None:
    session, glass = StandIn(view_of("cam")), Glass()
    with Window(session, ["cam"], glass) as window:  # type: ignore[arg-type]
        window.turn()
        session.messages.append({"number": 1, "line": "cam gives no frames: look at its cable"})
        window.turn()
        window.turn()
    assert window.message == "cam gives no frames: look at its cable"
    assert len(glass.pictures) == 2


@pytest.mark.parametrize("event", [Key("q"), Closed()])
def test_the_end(event: Event) -> None:
    window = lived(StandIn(view_of("cam")), glass := Glass(event))
    assert window.desk.closed
    assert len(glass.pictures) == 1


def test_a_target_is_drawn_and_followed(tmp_path: Path) -> None:
    """With a real session: the box belongs to the frame that stood still, whatever came since."""
    feed = StandInFeed("cam")
    glass = Glass()
    with session_of(tmp_path, feed) as session, Window(session, ["cam"], glass) as window:
        feed.push(np.full((360, 640, 3), 50, np.uint8))
        shown(session, "cam", lambda view: view.shot.number == 1)
        window.turn()
        glass.hand += [Mouse("press", (400, 200)), Mouse("move", (440, 230))]
        window.turn()
        feed.push(np.full((360, 640, 3), 60, np.uint8))
        window.turn()
        glass.hand += [Mouse("release", (450, 240))]
        while glass.hand:
            window.turn()
        shown(session, "cam", lambda view: view.given == {"target": (400, 200, 50, 40)})
        feed.push(np.full((360, 640, 3), 70, np.uint8))
        followed = shown(session, "cam", lambda view: bool(view.predictions))
        window.turn()
    assert followed.predictions["target"].box == (401, 200, 50, 40)
    assert session.status()["targets"][0]["begun"] == 1
    assert near(glass.pictures[-1][190:250, 395:455], PALETTE[0]).any()


def test_commands_are_those_of_a_session() -> None:
    hold = Command("hold", {"source": "cam", "number": 1})
    add = Command("add", {"source": "cam", "box": LEFT, "number": 1})
    scene = Scene([Tile("cam", view_of("cam", {"left": LEFT}), 0, 0, 640, 360)])
    commands = [hold, add, Command("watch", {"source": "cam", "name": None})]
    for key in "r nvp":
        for paused in (False, True):
            state = replace(scene, paused=paused, recording=paused)
            commands += react(Desk("cam"), Key(key), state)[1]
    commands += react(Desk("cam", selected="left"), Key("d"), scene)[1]
    for command in commands:
        inspect.signature(getattr(Session, command.name)).bind(None, **command.arguments)
    seen = {command.name for command in commands}
    assert seen == {
        *("hold", "add", "remove", "reset", "watch", "pause", "play", "step"),
        *("start_recording", "stop_recording", "snapshot"),
    }


SCRIPT = """
import sys, threading
import numpy as np
import cv2
from pytracking.live.screen import OpenCVScreen
from pytracking.live.keys import Key
picture = np.full((360, 640, 3), (200, 30, 10), np.uint8)
with OpenCVScreen("a test") as screen:
    screen.show(picture)
    for _ in range(50):
        assert screen.events() == []
    for what, flags in ((1, 1), (0, 1), (0, 0), (4, 0), (2, 2)):
        screen._on_mouse(what, 10 + what, 20, flags, None)
    print([(event.what, event.at) for event in screen.events()])
"""


def test_a_real_window() -> None:
    """OpenCV's part, on a display of its own."""
    import cv2

    if shutil.which("xvfb-run") is None:
        pytest.skip("xvfb-run is not installed")
    if not cv2.currentUIFramework():
        pytest.skip("this build of OpenCV has no windows")
    command = ["xvfb-run", "-a", sys.executable, "-c", SCRIPT]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == str(
        [
            ("press", (11.0, 20.0)),
            ("move", (10.0, 20.0)),
            ("release", (14.0, 20.0)),
            ("cancel", (12.0, 20.0)),
        ]
    )
