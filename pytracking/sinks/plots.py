"""Pictures of a run: overlap and score over time, and a strip of what the tracker saw."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ltr.drawing import Colour, Pattern
from ltr.files import write_bytes
from ltr.images import Frame
from pytracking.sinks.palette import FIRST_COLOUR, LINE_STYLES, TRUTH
from pytracking.sinks.search_crop import box_in_crop, hatched_beyond
from pytracking.tracker.prediction import Box, Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#1f2933", "#8a94a0"
SHADES = ("#f3e3c4", "#d5dce4", "#d9ebe0")
RESOLUTION = 140
"""Pixels an inch of the saved pictures."""


@dataclass(frozen=True)
class Span:
    """Frames of an event: from `first` to before `end`."""

    label: str
    first: int
    end: int


@dataclass(frozen=True)
class Column:
    """What the strip shows of one frame."""

    frame: Frame
    prediction: Prediction
    search_crop: Frame
    """(n, n, 3) of the search area."""
    score_map: NDArray[np.float32]
    """(H, W) scores over the search area."""
    caption: str
    true_box: Box | None = None


def overlap_and_score(
    path: str | os.PathLike[str],
    overlaps: NDArray[np.float64],
    scores: NDArray[np.float64],
    statuses: Sequence[str],
    spans: Sequence[Span] = (),
    colour: Colour = FIRST_COLOUR,
) -> None:
    """Save a plot of overlaps (N,) and scores (N,) over the frames, numbered from 1, as PNG; NaN
    leaves a gap.

    Frames with status not_found are ringed, `spans` shaded and labelled; colour: the target's.
    Raises ResultError."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12)  # type: ignore[union-attr, call-arg]
    above, below = figure.subplots(2, sharex=True)
    time = np.arange(1, len(overlaps) + 1)
    missing = np.array([status == "not_found" for status in statuses], dtype=bool)
    for axes, values, name in ((above, overlaps, "overlap"), (below, scores, "score")):
        for span, shade in zip(spans, SHADES * len(spans), strict=False):
            axes.axvspan(span.first - 0.5, span.end - 0.5, color=shade, alpha=0.6, linewidth=0)
        axes.plot(time, values, color=hexadecimal(colour), linewidth=2.2)
        axes.plot(
            time[missing],
            values[missing],
            "o",
            color="white",
            markersize=5,
            markeredgecolor=INK,
            markeredgewidth=1.2,
            label="not found",
        )
        axes.set_ylabel(name, color=INK, fontsize=11)
        low, high = float(np.nanmin(values, initial=0)), float(np.nanmax(values, initial=1))
        room = 0.04 * (high - low)
        axes.set_ylim(low - room, high + room)
        axes.set_yticks(np.arange(np.ceil(2 * low), np.floor(2 * high) + 1) / 2)
        plain(axes)
    above.set_xlim(-0.5, max(len(overlaps) + 1.5, 3.5))
    for span in spans:
        middle = (span.first + span.end - 1) / 2
        above.annotate(
            span.label,
            (middle, 1.0),
            (0, 4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=INK,
            fontsize=10,
        )
    if missing.any():
        below.legend(
            loc="lower right",
            bbox_to_anchor=(1, 0.98),
            frameon=False,
            fontsize=9,
            handletextpad=0.2,
            labelcolor=INK,
        )
    below.set_xlabel("frame", color=INK, fontsize=11)
    save(figure, path)


def strip(
    path: str | os.PathLike[str], columns: Sequence[Column], colour: Colour = FIRST_COLOUR
) -> None:
    """Save one picture with a column a frame, as PNG: caption, frame, search area, score map with
    its peak ringed and a scale beside it; all score maps share one. Box and search area are drawn
    in the frame, the box in the search area too, the true one thin. Raises ResultError."""
    from matplotlib.figure import Figure

    width = 2.7
    frame_height = max(width * column.frame.shape[0] / column.frame.shape[1] for column in columns)
    heights = (frame_height, width, width)
    bar_width = 0.13
    size = (width * len(columns) + bar_width + 1.2, sum(heights) + 0.55)
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)  # type: ignore[union-attr, call-arg]
    widths = [width] * len(columns) + [bar_width]
    ratios = {"height_ratios": heights, "width_ratios": widths}
    grid = figure.subplots(3, len(widths), gridspec_kw=ratios)
    brightest = max(0.5, max(float(column.score_map.max()) for column in columns))
    names = ("frame,\nsearch area", "search area", "score map")
    for row, name in zip(grid, names, strict=True):
        row[0].set_ylabel(name, color=INK, fontsize=12, labelpad=6)
    for axes, column in zip(grid.T[:-1], columns, strict=True):
        area, side = column.prediction.search_area, column.search_crop.shape[0]
        show(axes[0], column.frame)
        axes[0].set_title(column.caption, color=INK, fontsize=11.5, pad=6)
        rectangle(axes[0], area, TRUTH, 0.8)
        show(axes[1], hatched_beyond(column.search_crop, area, column.frame))
        marks: list[tuple[Box, Colour, float, Pattern]] = []
        if column.true_box is not None:
            marks.append((column.true_box, TRUTH, 0.8, ()))
        marks.append((column.prediction.box, colour, 1.8, LINE_STYLES[column.prediction.status]))
        for box, line, thick, pattern in marks:
            rectangle(axes[0], box, line, thick, pattern)
            rectangle(axes[1], box_in_crop(box, area, side), line, thick, pattern)
        scores = axes[2].imshow(
            column.score_map, cmap="magma", vmin=0, vmax=brightest, interpolation="nearest"
        )
        y, x = np.unravel_index(int(column.score_map.argmax()), column.score_map.shape)
        axes[2].plot(
            x,
            y,
            "o",
            markersize=15,
            markerfacecolor="none",
            markeredgecolor="white",
            markeredgewidth=1.2,
        )
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    figure.colorbar(scores, cax=grid[2, -1]).outline.set_visible(False)
    grid[2, -1].tick_params(colors=FAINT, labelcolor=INK, labelsize=10, length=3)
    save(figure, path)


def show(axes: Axes, image: Frame) -> None:
    """Lay an image into axes, its pixels on whole numbers, and let nothing that is drawn later
    change what is seen."""
    axes.imshow(image, interpolation="antialiased")
    axes.set_autoscale_on(False)


def rectangle(axes: Axes, box: Box, colour: Colour, width: float, pattern: Pattern = ()) -> None:
    """Draw the edges of a box over an image, with a dark rim."""
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import Normal, Stroke

    x, y, w, h = box
    axes.add_patch(
        Rectangle(
            (x - 0.5, y - 0.5),
            w,
            h,
            fill=False,
            edgecolor=hexadecimal(colour),
            linewidth=width,
            linestyle=(0, pattern) if pattern else "solid",
            capstyle="round",
            path_effects=[Stroke(linewidth=width + 1.2, foreground=INK), Normal()],
        )
    )


def hexadecimal(colour: Colour) -> str:
    """A colour as matplotlib understands it."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def plain(axes: Any) -> None:
    """Take from axes what is not data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=9, length=3)
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG. Raises ResultError."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=RESOLUTION, facecolor="white")
    write_bytes(path, data.getvalue(), "picture")
