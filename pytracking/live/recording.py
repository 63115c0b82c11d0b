"""What a session records: of each source a video and a table of boxes, whole at any time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ltr.errors import ResultError, TrackingError
from ltr.files import make_folder, safe_name
from pytracking.live.pictures import picture_of
from pytracking.live.views import View
from pytracking.sinks.growing_video import GrowingVideo, growing_suffix
from pytracking.sinks.overlays import Overlay
from pytracking.sinks.result_formats import TIMED_COLUMNS, ResultRow, timed_csv_line

WAITING = 8
"""Frames that wait for the encoder at the most."""


def new_folder(recordings: Path) -> Path:
    """A new folder below `recordings`, named by the time, and a number where that is taken. Raises
    ResultError."""
    make_folder(recordings)
    stem, number = time.strftime("%Y-%m-%d_%H-%M-%S"), 1
    while True:
        folder = recordings / (stem if number == 1 else f"{stem}_{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        except OSError as error:
            raise ResultError(f"cannot make folder {folder}: {error.strerror or error}") from None
        else:
            return folder


class Recording:
    """A folder with a video and a table of boxes a source: video.mp4 and boxes.csv, with the name
    of the source where there are several.

    boxes, frame and finish are called by one thread. Boxes are written at once. Frames go to a
    thread a source that encodes them; where that is slower, frames of a live source are left out,
    and one of a file waits."""

    def __init__(self, folder: Path, sources: Sequence[str]) -> None:
        self.folder = folder
        self._several = len(sources) > 1
        self._parts: dict[str, SourceRecording] = {}
        self._names: set[str] = set()

    def boxes(self, source: str, live: bool, frame_rate: float, rows: Sequence[ResultRow]) -> None:
        """Rows of the table of a source. Raises ResultError."""
        self._part(source, live, frame_rate).boxes(rows)

    def frame(self, view: View, live: bool, frame_rate: float) -> None:
        """The next frame of a source. Raises ResultError where one before it could not be
        written."""
        self._part(view.source, live, frame_rate).frame(view)

    def finish(self) -> None:
        """No more comes."""
        for part in self._parts.values():
            part.finish()

    def close(self) -> list[str]:
        """Wait until all is written, after `finish`, by whichever thread; returns what there is to
        say of it."""
        return [line for part in self._parts.values() for line in part.close()]

    def _part(self, source: str, live: bool, frame_rate: float) -> SourceRecording:
        if source not in self._parts:
            end = f"_{safe_name(source)}" if self._several or self._parts else ""
            while end in self._names:
                end += "_"
            self._names.add(end)
            self._parts[source] = SourceRecording(self.folder, source, end, live, frame_rate)
        return self._parts[source]


class SourceRecording:
    """The video and the boxes of one source."""

    def __init__(self, folder: Path, source: str, end: str, live: bool, frame_rate: float) -> None:
        self._source, self._live, self._frame_rate = source, live, frame_rate
        self._video = folder / f"video{end}{growing_suffix()}"
        self._table = folder / f"boxes{end}.csv"
        self._rows: TextIO | None = None
        self._began: float | None = None
        self._frames = 0
        self._left_out = 0
        self._failure = ""
        self._waiting: queue.Queue[tuple[View, float] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(
            target=self._encode, name=f"recording {source}", daemon=True
        )
        self._thread.start()

    def boxes(self, rows: Sequence[ResultRow]) -> None:
        lines = [timed_csv_line(row) for row in rows]
        try:
            if self._rows is None:
                self._rows = self._table.open("x", encoding="utf-8")
                lines.insert(0, ",".join(TIMED_COLUMNS))
            self._rows.write("".join(f"{line}\n" for line in lines))
            self._rows.flush()
        except OSError as error:
            raise ResultError(
                f"cannot write boxes {self._table}: {error.strerror or error}"
            ) from None

    def frame(self, view: View) -> None:
        if self._failure:
            raise ResultError(self._failure)
        if self._began is None:
            self._began = view.shot.captured
        since = view.shot.captured - self._began
        item = (view, since if self._live else self._frames / self._frame_rate)
        self._frames += 1
        if not self._live:
            self._waiting.put(item)
            return
        try:
            self._waiting.put_nowait(item)
        except queue.Full:
            self._left_out += 1

    def finish(self) -> None:
        self._waiting.put(None)

    def close(self) -> list[str]:
        self._thread.join()
        lines = [self._failure] if self._failure else []
        if self._left_out:
            lines.append(
                f"{self._video} lacks {self._left_out} of {self._frames} frames, which came while "
                "the encoder was busy; their boxes are there"
            )
        if self._rows is not None:
            try:
                self._rows.close()
            except OSError as error:
                lines.append(f"cannot write boxes {self._table}: {error.strerror or error}")
        return lines

    def _encode(self) -> None:
        overlay, video = Overlay(self._frame_rate), GrowingVideo(self._video, self._frame_rate)
        while item := self._waiting.get():
            if self._failure:
                continue  # whoever puts frames must not wait
            try:
                video.write(picture_of(item[0], overlay, item[1]), item[1])
            except Exception as error:
                self._failure = _line(self._video, error)
        try:
            video.close()
        except Exception as error:
            self._failure = self._failure or _line(self._video, error)


def _line(path: Path, error: Exception) -> str:
    return str(error) if isinstance(error, TrackingError) else f"cannot write video {path}: {error}"
