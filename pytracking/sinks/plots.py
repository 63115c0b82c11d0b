"""Pictures of a run: overlap and score over time, and a strip of what the tracker saw."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ltr.files import write_bytes
from ltr.images import Frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, FAINT, BLUE, GREEN, RED = "#1f2933", "#8a94a0", "#2f6fb2", "#1f9d61", "#d64550"
SHADES = ("#f3d9a4", "#c9d3de", "#cfe8d8")
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

    search_area: Frame
    """The crop that was searched."""
    frame: Frame
    """The frame with its box drawn."""
    score_map: NDArray[np.float32]
    """(H, W) scores over the search area."""
    caption: str


def overlap_and_score(
    path: str | os.PathLike[str],
    overlaps: NDArray[np.float64],
    scores: NDArray[np.float64],
    statuses: Sequence[str],
    spans: Sequence[Span] = (),
) -> None:
    """Save a plot of overlaps (N,) and scores (N,) over the frames, as PNG; NaN leaves a gap.
    Frames with status not_found are marked, `spans` shaded and labelled. Raises ResultError."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.4), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    time = np.arange(len(overlaps))
    missing = np.array([status == "not_found" for status in statuses], dtype=bool)
    for axes, values, name, colour in (
        (above, overlaps, "overlap", BLUE),
        (below, scores, "score", GREEN),
    ):
        for span, shade in zip(spans, SHADES * len(spans), strict=False):
            axes.axvspan(span.first - 0.5, span.end - 0.5, color=shade, alpha=0.6, linewidth=0)
        axes.plot(time, values, color=colour, linewidth=1.8)
        axes.plot(
            time[missing],
            values[missing],
            "o",
            color=RED,
            markersize=4.5,
            markeredgewidth=0,
            label="not found",
        )
        axes.set_ylabel(name, color=INK, fontsize=11)
        axes.set_ylim(min(-0.03, float(np.nanmin(values, initial=0)) * 1.05), 1.08)
        axes.set_yticks([0, 0.5, 1])
        plain(axes)
    above.set_xlim(-1.5, max(len(overlaps) + 0.5, 1.5))
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


def strip(path: str | os.PathLike[str], columns: Sequence[Column]) -> None:
    """Save one picture with a column a frame, as PNG: caption, frame with its box, search area,
    score map with its peak ringed. All score maps share one colour scale. Raises ResultError."""
    from matplotlib.figure import Figure

    width = 2.7
    frame_height = max(width * column.frame.shape[0] / column.frame.shape[1] for column in columns)
    heights = (frame_height, width, width)
    figure = Figure(
        figsize=(width * len(columns) + 0.75, sum(heights) + 0.55), layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)  # type: ignore[union-attr, call-arg]
    grid = figure.subplots(3, len(columns), squeeze=False, gridspec_kw={"height_ratios": heights})
    brightest = max(0.5, max(float(column.score_map.max()) for column in columns))
    for row, name in zip(grid, ("frame", "search area", "score map"), strict=True):
        row[0].set_ylabel(name, color=INK, fontsize=12, labelpad=6)
    for axes, column in zip(grid.T, columns, strict=True):
        axes[0].imshow(column.frame, interpolation="antialiased")
        axes[0].set_title(column.caption, color=INK, fontsize=11.5, pad=6)
        axes[1].imshow(column.search_area, interpolation="antialiased")
        axes[2].imshow(
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
    save(figure, path)


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
