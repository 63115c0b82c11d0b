"""A page for the whole run: score, size and status over time, and the samples in memory."""

from __future__ import annotations

import math
import os
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from types import TracebackType

import numpy as np

from ltr.drawing import Colour, short
from ltr.files import write_text
from ltr.images import Frame
from pytracking.debug.charts import line_chart, status_ribbon
from pytracking.debug.document import document, written_at_both_ends
from pytracking.debug.history import History
from pytracking.debug.sample_origins import SIDE, Origin, SampleOrigins, StoredSamples
from pytracking.sinks.palette import TargetColours
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import STATUSES, Box, Prediction

PAGE = "run.html"
EVERY = 500
"""Frames after which the page is written anew."""


class RunPage:
    """A `Probe` that writes run.html, which needs nothing but itself.

    It is written at the beginning, after the first tracked frame, after every 500 further ones, and
    at the end of the block, whatever ends it. `links`: as of `document`. Raises ResultError."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        colours: TargetColours | None = None,
        links: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.colours = TargetColours() if colours is None else colours
        self._links = links or {}
        self._courses: dict[str, tuple[History, SampleOrigins]] = {}
        self._stored = StoredSamples()
        self._frames = 0
        self._page = written_at_both_ends(self.folder, self._write)

    def __enter__(self) -> RunPage:
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
        """As of `Probe`; a target that was there before begins anew."""
        for name in boxes:
            self._courses[name] = History(), SampleOrigins(number, frame)
            _ = self.colours[name]

    def observer(self, number: int) -> Observer | None:
        """As of `Probe`: every frame is observed, for what it stores."""
        self._stored = StoredSamples()
        return self._stored

    def write(
        self,
        number: int,
        frame: Frame,
        names: Sequence[str],
        predictions: Sequence[Prediction],
        seconds: float = math.nan,
    ) -> None:
        """As of `Probe`."""
        for row, (name, prediction) in enumerate(zip(names, predictions, strict=True)):
            history, origins = self._courses[name]
            history.add(number, prediction, seconds)
            origins.add(number, prediction, self._stored, row)
        self._frames += 1
        if self._frames % EVERY == 1:
            self._write()

    def _write(self) -> None:
        parts = [
            _target(name, self.colours[name], history, origins, self._ends())
            for name, (history, origins) in self._courses.items()
            if history.numbers
        ]
        lead = LEGEND if parts else "No frame has been tracked yet."
        whole = document("Tracking, the whole run", lead, self._links, "".join(parts))
        write_text(self.folder / PAGE, whole, "page")

    def _ends(self) -> tuple[int, int]:
        """The first and the last frame that any target was tracked in."""
        numbers = [history.numbers for history, _ in self._courses.values() if history.numbers]
        return min(n[0] for n in numbers), max(n[-1] for n in numbers)


LEGEND = (
    "Score: the peak of the filter's answer; 1 is what it was taught, more is possible; no "
    "probability. Size: width, and dashed height, of the reported box in pixels. Status: the "
    "taller, the worse. In memory: the search areas that the filter learns from, as they were "
    "when the page was written, in the order of their frames, and what share of the whole "
    "each sample counts; the first frame's are shifted, turned and blurred copies of one picture."
)


def _target(
    name: str, colour: Colour, history: History, origins: SampleOrigins, ends: tuple[int, int]
) -> str:
    numbers, scores, sizes = list(history.numbers), history.scores(), history.sizes_wh()
    milliseconds = 1e3 * history.seconds()
    counts = Counter(history.statuses)
    legend = "".join(
        f'<span class="{status}"><i></i>{status.replace("_", " ")} {counts[status]}</span>'
        for status in STATUSES
        if counts[status]
    )
    charts = [
        _chart(
            "score", _extent(scores, short), line_chart(numbers, [("one", scores)], ends, 0.0, 1.0)
        ),
        _chart(
            "size",
            f"{_size(sizes[0])} to {_size(sizes[-1])}",
            line_chart(numbers, [("one", sizes[:, 0]), ("other", sizes[:, 1])], ends, 0.0, None, 0),
        ),
        _chart("status", legend, status_ribbon(numbers, list(history.statuses), ends)),
    ]
    if np.isfinite(milliseconds).any():
        words = f"median {np.nanmedian(milliseconds):.0f} ms, most {np.nanmax(milliseconds):.0f} ms"
        chart = line_chart(numbers, [("one", milliseconds)], ends, 0.0, None, 0)
        charts.append(_chart("tracker", words, chart))
    words = escape(name.encode("utf-8", "replace").decode())
    axis = f'<div class="axis"><span>frame {ends[0]}</span><span>{ends[1]}</span></div>'
    return (
        f'<section style="--mark: rgb{colour}">\n<h2 class="target">{words}</h2>\n'
        + "\n".join(charts)
        + f"\n{axis}\n{_memory(origins)}\n</section>\n"
    )


def _chart(title: str, words: str, chart: str) -> str:
    return (
        f'<figure class="course"><figcaption><b>{title}</b> <span>{words}</span></figcaption>'
        f"{chart}</figure>"
    )


def _memory(origins: SampleOrigins) -> str:
    weights = origins.weights()
    used, most = int(np.count_nonzero(weights)), float(weights.max(initial=0))
    groups = origins.by_frame()
    figures = "".join(
        _sample(origins.by_slot[slots[0]], slots, float(weights[slots].mean()), most)
        for slots in groups.values()
    )
    count = f"{used} samples in {len(weights)} slots, from {len(groups)} frames"
    return (
        f'<div class="memory"><figcaption><b>in memory</b> <span>{count}</span></figcaption>\n'
        f'<div class="samples">{figures}</div></div>'
    )


def _sample(origin: Origin, slots: Sequence[int], weight: float, most: float) -> str:
    """The samples of one frame; weight: of each."""
    several = len(slots) > 1
    where = f"slots {slots[0]} to {slots[-1]}" if several else f"slot {slots[0]}"
    times = f"{len(slots)} x " if several else ""
    return (
        f'<figure title="{where}"><img src="{_data(origin.picture)}" width="{SIDE}" '
        f'height="{SIDE}" alt="search area of frame {origin.number}">'
        f'<i style="width:{100 * weight / most:.0f}%"></i><figcaption>'
        f"<b>{origin.number}</b> {times}{100 * weight:.1f} %</figcaption></figure>\n"
    )


def _data(picture: Frame) -> str:
    """A picture within the page."""
    import cv2

    _, coded = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85]
    )
    return "data:image/jpeg;base64," + b64encode(coded.tobytes()).decode("ascii")


def _extent(values: np.ndarray, text: Callable[[float], str]) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "none"
    return f"median {text(float(np.median(finite)))}, least {text(float(finite.min()))}"


def _size(size_wh: np.ndarray) -> str:
    return " x ".join(f"{v:.0f}" if math.isfinite(v) else "?" for v in size_wh)
