"""A strip of pictures a frame: what the tracker saw, searched and learned, and a page that shows
them in order."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import TracebackType

from ltr.drawing import Colour, short, write_picture
from ltr.errors import ConfigError
from ltr.files import write_text
from ltr.images import Frame
from pytracking.debug.document import document, written_at_both_ends
from pytracking.debug.panels import strip
from pytracking.debug.seen import Seen
from pytracking.sinks.palette import TargetColours
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import Box, Prediction, Status

INDEX = "index.html"
INDEX_EVERY = 20
"""Strips after which the index is written anew."""


@dataclass(frozen=True)
class Entry:
    """A strip of the index."""

    number: int
    name: str
    file: str
    size: tuple[int, int]
    """Width and height in pixels."""
    prediction: Prediction
    colour: Colour
    """The target's."""


class Strips:
    """Writes a strip of pictures a frame and target, as PNG, and index.html, which shows them in
    order.

        with Strips(folder) as strips:
            observer = strips.observer(number)  # the first frame is 1
            state, predictions = engine.step(state, [frame], observer=observer)
            strips.write(number, frame, names, predictions)

    A strip is written of the first tracked frame (2), of every `every`-th one (11, 21, 31 with 10:
    the engine learns on multiples of its interval, counted in the same way), and of the frame after
    one that was left out and in which a status changed, once in `every` frames at the most. `write`
    is called for all frames: it notes the statuses.

    The index is written at the beginning, after
    the first strip, after every 20 further ones and at the end of the block, whatever ends it; it
    lists this run's strips alone. `claim` is called with the name of a strip before it is written;
    `links`, file names and words, stand at the top of the index. Raises ResultError, or
    ConfigError for an `every` below 1."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int = 10,
        colours: TargetColours | None = None,
        claim: Callable[[list[str]], None] = lambda names: None,
        links: Mapping[str, str] | None = None,
    ) -> None:
        if every < 1:
            raise ConfigError(f"a strip every {every} frames cannot be written: give 1 or more")
        self.folder = Path(folder)
        self.every = every
        self.colours = TargetColours() if colours is None else colours
        self.entries: list[Entry] = []
        self._claim = claim
        self._links = links or {}
        self._number = 0
        self._seen: Seen | None = None
        self._files: dict[tuple[str, int], str] = {}
        self._statuses: dict[tuple[str, int], Status] = {}
        self._changed = False
        self._next_extra = 0
        self._next_index = 1
        self._page = written_at_both_ends(self.folder, self._write_index)

    def __enter__(self) -> Strips:
        self._page.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._page.__exit__(kind, error, trace)

    def begin(self, number: int, frame: Frame, boxes: Mapping[str, Box]) -> None:
        """Targets begin: their colours are given out in this order."""
        for name in boxes:
            _ = self.colours[name]

    def observer(self, number: int) -> Observer | None:
        """The observer of frame `number`, or None where the frame is left out, so that nothing is
        computed for it."""
        regular = number == 2 or (number - 1) % self.every == 0
        extra = self._changed and number >= self._next_extra
        self._number = number
        self._seen = Seen() if number > 1 and (regular or extra) else None
        if self._seen is not None and not regular:
            self._next_extra = number + self.every
        return self._seen

    def write(
        self,
        number: int,
        frame: Frame,
        names: Sequence[str],
        predictions: Sequence[Prediction],
        seconds: float = math.nan,
    ) -> None:
        """After the step: write a strip a target of what was observed in it; none where the frame
        was left out.

        names, predictions: of the B targets, in the order of the engine's rows. Raises
        ResultError."""
        keys = [(name, names[:k].count(name)) for k, name in enumerate(names)]
        statuses = {
            key: prediction.status for key, prediction in zip(keys, predictions, strict=True)
        }
        self._changed |= any(
            self._statuses.get(key, status) != status for key, status in statuses.items()
        )
        self._statuses = statuses
        seen, self._seen = self._seen, None
        if seen is None or number != self._number or not seen.values:
            return
        self._changed = False
        for row, (key, prediction) in enumerate(zip(keys, predictions, strict=True)):
            colour = self.colours[key[0]]
            heading = f"frame {number}   {key[0]}"
            picture = strip(heading, frame, prediction, seen.of(row), colour)
            file = f"{number:06d}_{self._file_name(key)}.png"
            self._claim([file])
            write_picture(self.folder / file, picture)
            self.entries.append(
                Entry(
                    number, key[0], file, (picture.shape[1], picture.shape[0]), prediction, colour
                )
            )
        if len(self.entries) >= self._next_index:
            self._write_index()

    def _file_name(self, key: tuple[str, int]) -> str:
        """What stands for a target in the names of its files, the same in all frames and no other
        target's, not even where capitals do not count."""
        if key not in self._files:
            plain = re.sub(r"[^A-Za-z0-9._-]+", "_", key[0])[:60] or "target"
            taken = {name.lower() for name in self._files.values()}
            choices = (plain, *(f"{plain}-{k}" for k in range(2, len(taken) + 2)))
            self._files[key] = next(name for name in choices if name.lower() not in taken)
        return self._files[key]

    def _write_index(self) -> None:
        self._next_index = len(self.entries) + INDEX_EVERY if self.entries else 1
        write_text(self.folder / INDEX, page(self.entries, self._links), "page")


# --- the index


LEGEND = (
    "Left to right: the frame with box and, thin, search area; the search area, hatched beyond the "
    "frame, with the candidate boxes of networks that refine them: the first ones thin, the last "
    "ones bold, brighter with energy, and the way of each centre; the scores, and the same times "
    "the window where there is one, the peak ringed; the energy of each box over the refinement "
    "steps; what each sample in memory counts, the first frame's on the left. A target has one "
    "colour; its box is solid where it was found, dashed where uncertain, dashes and dots for a "
    "hard negative, dotted where it was not found. A score is the peak of the filter's answer: 1 "
    "is what it was taught, more is possible; no probability."
)


def page(entries: Sequence[Entry], links: Mapping[str, str]) -> str:
    """The index as HTML that needs nothing but the strips beside it; links: as of `document`."""
    frames = len({entry.number for entry in entries})
    count = f"{len(entries)} strips of {frames} frames" if entries else "No strip was written yet"
    return document(
        "Tracking, frame by frame",
        f"{count}. {LEGEND}",
        links,
        "".join(_figure(entry) for entry in entries),
    )


def _figure(entry: Entry) -> str:
    x, y, w, h = entry.prediction.box
    status, anchor = entry.prediction.status, entry.file.removesuffix(".png")
    name = escape(entry.name.encode("utf-8", "replace").decode())
    width, height = entry.size
    return (
        f'<figure id="{anchor}">\n<figcaption>'
        f'<a href="#{anchor}">frame {entry.number}</a>'
        f'<b class="target" style="--mark: rgb{entry.colour}">{name}</b>'
        f'<span class="status {status}">{status.replace("_", " ")}</span>'
        f"<span>score {short(entry.prediction.score)}</span><span>box {x:.1f}, {y:.1f}, {w:.1f}, "
        f"{h:.1f}</span>"
        f'</figcaption>\n<img loading="lazy" src="{entry.file}" width="{width}" height="{height}" '
        f'alt="frame {entry.number}, {name}">\n</figure>\n'
    )
