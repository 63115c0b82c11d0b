"""Figures of a report: success, precision and normalised precision plots, scores by attribute."""

from __future__ import annotations

import io
import re
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ltr.drawing import PALETTE
from ltr.errors import ConfigError
from pytracking.evaluation.comparison import Comparison
from pytracking.evaluation.protocols import Reading
from pytracking.evaluation.report_tables import CURVES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT = "#1f2933", "#8a94a0"
COLOURS = [PALETTE[k] for k in (6, 4, 2, 5, 1, 0)]
"""Those of the palette that can be seen on white and on black: yellow and grey cannot."""
DASHES: dict[str, Any] = {
    "solid": "solid",
    "dashed": (0, (4, 1.6)),
    "dotted": (0, (1.2, 1.4)),
    "double": (0, (5, 1.5, 1.2, 1.5)),
}
"""By the names of the border styles of CSS that stand for them."""
LONGEST = 26
"""Letters of a name in a legend."""
KINDS: tuple[Literal["png", "pdf"], ...] = ("png", "pdf")
"""Files of a plot, to be looked at and for papers."""
RESOLUTION = 200
"""Pixels an inch of PNG."""
WORDS = {"success": "Success", "precision": "Precision", "norm_precision": "Normalised precision"}


def check_matplotlib() -> None:
    """Raises ConfigError where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ConfigError(
            "--output draws plots with matplotlib, which is not installed: pip install matplotlib "
            "(the extra plots)"
        ) from None


def styles(comparison: Comparison) -> dict[str, tuple[str, str]]:
    """Colour and name of the line style of each tracker, the same in all plots and for CSS: in the
    order given, colours change first."""
    count, dashes = len(COLOURS), list(DASHES)
    return {
        tracker.label: (
            "#{:02x}{:02x}{:02x}".format(*COLOURS[k % count]),
            dashes[k // count % len(dashes)],
        )
        for k, tracker in enumerate(comparison.trackers)
    }


def _line(comparison: Comparison, label: str) -> dict[str, Any]:
    colour, dash = styles(comparison)[label]
    return {"color": colour, "linestyle": DASHES[dash], "linewidth": 1.8}


def curve_figure(comparison: Comparison, of: str) -> Figure:
    """Mean curves `of` CURVES. The legend is sorted by what the protocol reads off the curve, or
    by the mean of the curve where it reads nothing."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.7, 4.0), layout="constrained")
    axes = figure.subplots()
    thresholds = np.asarray(getattr(comparison.protocol, f"{of}_thresholds"))
    reading = _reading_of(comparison, of)
    names = [r.name for r in comparison.protocol.readings]
    scores = {
        tracker.label: 100 * float(tracker.scores[names.index(reading.name)])
        if reading is not None
        else 100 * float(tracker.curve(of).mean())
        for tracker in comparison.trackers
    }
    order = sorted(comparison.trackers, key=lambda t: np.nan_to_num(-scores[t.label], nan=np.inf))
    for tracker in order:
        axes.plot(
            thresholds,
            100 * tracker.curve(of),
            label=f"{_short(tracker.label)}  {scores[tracker.label]:.1f}",
            **_line(comparison, tracker.label),
        )
    if reading is not None and isinstance(reading.at, float | int):
        axes.axvline(reading.at, color=FAINT, linewidth=0.8, linestyle=(0, (2, 3)))
    axes.set_xlim(thresholds[0], thresholds[-1])
    axes.set_ylim(0, 101)
    axes.set_xlabel(CURVES[of], color=INK)
    axes.set_ylabel("frames in %", color=INK)
    what = WORDS[of] + (f": {_said(reading)}" if reading is not None else ": mean of the curve")
    _titled(axes, what, comparison.title)
    _plain_axes(axes)
    _legend(figure, axes, len(order), "lower left" if of == "success" else "lower right")
    return figure


def attribute_figure(comparison: Comparison) -> Figure | None:
    """The first score over the sequences of each attribute, as a radar; None where there are
    fewer than three attributes."""
    from matplotlib.figure import Figure

    attributes = comparison.attributes
    if len(attributes) < 3:
        return None
    figure = Figure(figsize=(5.0, 5.0), layout="constrained")
    axes = figure.subplots(subplot_kw={"projection": "polar"})
    angles = 2 * np.pi * np.arange(len(attributes) + 1) / len(attributes)
    highest = 0.0
    for tracker in comparison.ranked:
        scores = [100 * tracker.over(members) for members in attributes.values()]
        highest = max(highest, *np.nan_to_num(scores))
        style = _line(comparison, tracker.label)
        axes.plot(angles, [*scores, scores[0]], **style)
        if len(comparison.trackers) <= 2:
            axes.fill(angles, [*scores, scores[0]], color=style["color"], alpha=0.08, linewidth=0)
        axes.plot([], [], label=_short(tracker.label), **style)
    axes.set_theta_offset(np.pi / 2)  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    axes.set_ylim(0, max(10.0, 10 * np.ceil(highest / 10)))
    labels = [f"{fill(_plain(n), 13)}\n{len(members)}" for n, members in attributes.items()]
    axes.set_xticks(angles[:-1], labels, color=INK, fontsize=9)
    axes.tick_params(axis="y", labelcolor=FAINT, labelsize=8)
    axes.tick_params(axis="x", pad=14)
    axes.grid(color=FAINT, alpha=0.35, linewidth=0.7)
    axes.spines["polar"].set_color(FAINT)
    axes.patch.set_alpha(0)
    what = f"{comparison.first} by attribute, with the number of sequences"
    title = f"{what}\n{_plain(comparison.title)}"
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=9.5)
    axes.set_rlabel_position(180 / len(attributes))  # type: ignore[attr-defined]
    _legend_below(figure, len(comparison.trackers))
    return figure


def figures(comparison: Comparison) -> dict[str, Figure]:
    """All of them by the names of their files."""
    shown = {
        of: curve_figure(comparison, of)
        for of in CURVES
        if of == "success" or _reading_of(comparison, of) is not None
    }
    radar = attribute_figure(comparison)
    return shown if radar is None else {**shown, "attributes": radar}


def image(figure: Figure, kind: Literal["png", "pdf"]) -> bytes:
    """A file for a document; the same figure gives the same bytes."""
    data = io.BytesIO()
    dates = {"CreationDate": None} if kind == "pdf" else {}
    figure.savefig(data, format=kind, dpi=RESOLUTION, facecolor="white", metadata=dates)
    return data.getvalue()


def inline_svg(figure: Figure, name: str) -> str:
    """An SVG element for a page, on the page's ground and in the colour of its text; its ids begin
    with `name`, so that several may stand in one page."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(
            text, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'(id="|url\(#|xlink:href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return svg.replace(INK, "currentColor").strip()


def _reading_of(comparison: Comparison, of: str) -> Reading | None:
    """The first score that is read off a curve."""
    return next((r for r in comparison.protocol.readings if r.of == of), None)


def _said(reading: Reading) -> str:
    at = {"mean": "mean of the curve", "area": "area under the curve"}.get(str(reading.at))
    return f"{reading.name}, {at}" if at else f"{reading.name}, at {reading.at:g}"


def _titled(axes: Axes, what: str, where: str) -> None:
    axes.set_title(f"{what}\n", color=INK, fontsize=11, loc="left", fontweight="bold")
    axes.annotate(
        _plain(where),
        (0, 1),
        (0, 7),
        xycoords="axes fraction",
        textcoords="offset points",
        color=INK,
        fontsize=8.5,
    )


def _plain(words: str) -> str:
    """Names are no formulas, and what fonts lack is a question mark."""
    return "".join(c if c.isprintable() else "?" for c in words).replace("$", r"\$")


def _plain_axes(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=9, length=3)
    axes.grid(color=FAINT, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)


def _short(label: str) -> str:
    half = LONGEST // 2 - 1
    return _plain(label if len(label) <= LONGEST else f"{label[:half]}..{label[-half:]}")


def _legend(
    figure: Figure, axes: Axes, count: int, place: Literal["lower left", "lower right"]
) -> None:
    """In the corner that curves leave free; below the axes where it would fill them."""
    if count > 6:
        _legend_below(figure, count)
        return
    axes.legend(
        loc=place,
        fontsize=9,
        labelcolor=INK,
        frameon=True,
        facecolor="none",
        edgecolor="none",
        handlelength=2.6,
    )


def _legend_below(figure: Figure, count: int) -> None:
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.19 * ((count + 1) // 2))
    figure.legend(
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=8,
        labelcolor=INK,
        handlelength=2.6,
    )
