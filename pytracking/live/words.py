"""What is said of a source in a line: speed, and how its targets are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ltr.drawing import short

if TYPE_CHECKING:
    from pytracking.live.session import Session
    from pytracking.live.views import View


def speed_of(view: View) -> str:
    """Frames a second from end to end, and of the tracker alone."""
    rates = view.rates
    said = f"{rates.end_to_end:.1f} frames/s"
    return f"{said}, tracker {rates.tracker:.1f}" if rates.tracker else said


def statement(view: View) -> str:
    """A line of a source: frame, speed, targets, what is wrong with it."""
    words = [f"frame {view.shot.number}", speed_of(view)]
    words += [
        f"{name} {p.status.replace('_', ' ')} {short(p.score)}"
        for name, p in view.predictions.items()
    ]
    words += [f"{name} given" for name in view.given if name not in view.predictions]
    if view.paused:
        words.append("paused")
    if view.recording:
        words.append(f"recording to {view.recording}")
    if view.condition.word != "running":
        words.append(f"{view.condition.word} {view.condition.line}".strip())
    return f"{view.source}: {'  '.join(words)}"


class News:
    """What a session says, on the terminal: each line once, however often it is said in a row, and
    what is wrong with a source once for each change."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told = 0
        self._wrong: dict[str, str] = {}

    def tell(self) -> None:
        """Print what is new."""
        status = self._session.status()
        conditions = {source["name"]: source["condition"] for source in status["sources"]}
        wrong = {name: condition["line"] for name, condition in conditions.items()}
        lines = []
        for message in status["messages"]:
            if message["number"] - message["times"] >= self._told:
                lines.append(message["line"])
            self._told = max(self._told, message["number"])
        lines = [line for line in lines if line not in wrong.values()]
        for name, line in wrong.items():
            if line == self._wrong.get(name, ""):
                continue
            if line:
                lines.append(line)
            elif conditions[name]["word"] == "running":
                lines.append(f"{name} gives frames again")
        self._wrong = wrong
        for line in lines:
            print(f"pytracking: note: {line}", file=sys.stderr, flush=True)
