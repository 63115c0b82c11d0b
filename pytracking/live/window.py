"""The desktop window upon a session: shows the newest views, and hands on what keys and mouse
mean."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from ltr.errors import TrackingError
from ltr.images import Frame
from pytracking.live.keys import Command, Desk, Event, Scene, react, watched
from pytracking.live.window_picture import WindowPicture

if TYPE_CHECKING:
    from pytracking.live.session import Session
    from pytracking.live.views import View

PATIENCE = 0.008
"""Seconds that are waited for a view before keys and mouse are looked at."""
SAID = {
    "add": "{result} is tracked",
    "snapshot": "wrote {result}",
    "start_recording": "recording to {result}",
    "stop_recording": "kept {result}",
    "reset": "all targets are forgotten",
}
"""What is said when a command is done; of others nothing."""


class Screen(Protocol):
    """Where the window is shown, and where keys and the mouse come from."""

    def show(self, picture: Frame) -> None:
        """The next picture, RGB."""

    def events(self) -> Sequence[Event]:
        """What a person did since the last call, in order; does not wait longer than a
        millisecond."""


class Window:
    """Shows the sources of a session on a screen until a person ends it. Commands are carried out
    one after another by a thread of their own, so that the window answers meanwhile.

        with Window(session, sources, screen) as window:
            while window.turn():
                ...
    """

    def __init__(self, session: Session, sources: Sequence[str], screen: Screen) -> None:
        self.desk = Desk(sources[0])
        self.kept: list[Path] = []
        """Recordings and snapshots, as they were begun."""
        self._session = session
        self._screen = screen
        self._picture = WindowPicture()
        self.views: dict[str, View | None] = dict.fromkeys(sources)
        """What is shown of each source."""
        self._scene = Scene(())
        self.message = ""
        """The last line that was to be said."""
        self._drawn: Desk | None = None
        self._watched: tuple[str, str] | None = None
        self._heard = 0
        self._said: SimpleQueue[str] = SimpleQueue()
        self._hands = ThreadPoolExecutor(1, "commands")

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self._hands.shutdown(wait=False, cancel_futures=True)

    def turn(self) -> bool:
        """Show what is new, and have done what a person wants; False once he has ended it."""
        new = self._look()
        if new or self._drawn is not self.desk:
            picture, self._scene = self._picture.draw(self.views, self.desk, self.message)
            self._screen.show(picture)
            self._drawn = self.desk
        for event in self._screen.events():
            self.desk, commands = react(self.desk, event, self._scene)
            for command in commands:
                self._have_done(command)
        self._watch()
        return not self.desk.closed

    def say(self, message: str) -> None:
        """Show a line until there is another one; from any thread."""
        self._said.put(message)

    def _look(self) -> bool:
        """Take the newest views and lines; whether there is anything new. Waits for the first
        source alone, since whoever looks at several sees each a moment later anyway."""
        new, wait = False, PATIENCE
        for source, view in self.views.items():
            newest = self._session.wait(source, view.sequence if view else -1, wait)
            wait = 0.0
            if newest is not None:
                self.views[source], new = newest, True
        messages = self._session.status()["messages"]
        if messages and messages[-1]["number"] > self._heard:
            self._heard, new = messages[-1]["number"], True
            self.message = messages[-1]["line"]
        while not self._said.empty():
            self.message, new = self._said.get(), True
        return new

    def _watch(self) -> None:
        """Have search area and score map computed of the target of which they are shown."""
        wanted = watched(self.desk, self._scene)
        if wanted == self._watched:
            return
        if self._watched and (wanted is None or wanted[0] != self._watched[0]):
            self._have_done(Command("watch", {"source": self._watched[0], "name": None}))
        if wanted:
            self._have_done(Command("watch", {"source": wanted[0], "name": wanted[1]}))
        self._watched = wanted

    def _have_done(self, command: Command) -> None:
        self._hands.submit(self._do, command)

    def _do(self, command: Command) -> None:
        try:
            result = getattr(self._session, command.name)(**command.arguments)
        except TrackingError as error:
            self.say(str(error))
            return
        if isinstance(result, Path) and result not in self.kept:
            self.kept.append(result)
        if command.name in SAID:
            self.say(SAID[command.name].format(result=result))
