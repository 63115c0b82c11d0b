"""Charts of a run as SVG that any width stretches: lines over the frames, and a ribbon of statuses.

Labels stand beside them, in HTML: text within would be stretched too."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from pytracking.tracker.prediction import Status

Values = NDArray[np.float64]

COLUMNS = 500
"""Of a chart: where there are more frames, each shows the least and the greatest of its own."""
LEVELS: dict[Status, float] = {
    "found": 0.34,
    "uncertain": 0.56,
    "hard_negative": 0.78,
    "not_found": 1.0,
}
"""Heights of the ribbon's bars, so that colours do not say it alone."""
HEIGHT = 100
"""Of a chart's own units; its width is in frames."""


def line_chart(
    numbers: Sequence[int],
    lines: Sequence[tuple[str, Values]],
    ends: tuple[int, int],
    least: float | None = None,
    greatest: float | None = None,
    digits: int = 2,
) -> str:
    """Lines (N,), each with the name of its style, over N frame numbers, from the first to the last
    of `ends`. The scale holds all finite values, and `least` and `greatest`; NaN leaves a gap."""
    finite = np.concatenate([values[np.isfinite(values)] for _, values in lines])
    known = [float(v) for v in (*finite, least, greatest) if v is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    high = high if high > low else low + 1
    paths = "".join(
        f'<path class="{escape(style)}" d="{_path(numbers, values, ends[0], low, high)}"/>'
        for style, values in lines
    )
    marks = [mark for mark in (0.0, 1.0) if low < mark < high] if least is not None else []
    rules = "".join(
        f'<path class="rule" d="M0 {_up(mark, low, high):.4g}H{_length(ends)}"/>' for mark in marks
    )
    shown = [low, *marks, high]
    shown = [v for k, v in enumerate(shown) if k in (0, len(shown) - 1) or _apart(v, low, high)]
    labels = "".join(
        f'<span style="top:{_up(value, low, high):.4g}%">{value:.{digits}f}</span>'
        for value in shown
    )
    return f'<div class="chart"><div class="scale">{labels}</div>{_svg(rules + paths, ends)}</div>'


def status_ribbon(numbers: Sequence[int], statuses: Sequence[Status], ends: tuple[int, int]) -> str:
    """The statuses of N frames as bars, the worse the taller; a column shows the worst of its
    frames."""
    width = max(1, -(-len(numbers) // (2 * COLUMNS)))
    worst = [
        max(statuses[k : k + width], key=lambda status: LEVELS[status])
        for k in range(0, len(statuses), width)
    ]
    begins, bars = [*numbers[::width], numbers[-1] + 1 if len(numbers) else 0], []
    for status, columns in groupby(range(len(worst)), key=lambda k: worst[k]):
        own = list(columns)
        first, after = begins[own[0]], begins[own[-1] + 1]
        height = LEVELS[status] * HEIGHT
        what = f"frame {first}" if after - first == 1 else f"frames {first} to {after - 1}"
        bars.append(
            f'<rect class="{status}" x="{first - ends[0]}" y="{HEIGHT - height:.4g}" '
            f'width="{after - first}" height="{height:.4g}">'
            f"<title>{what}: {status.replace('_', ' ')}</title></rect>"
        )
    return f'<div class="chart ribbon"><div class="scale"></div>{_svg("".join(bars), ends)}</div>'


def _svg(body: str, ends: tuple[int, int]) -> str:
    return (
        f'<svg viewBox="0 0 {_length(ends)} {HEIGHT}" preserveAspectRatio="none" '
        f'aria-hidden="true">{body}</svg>'
    )


def _length(ends: tuple[int, int]) -> int:
    return ends[1] - ends[0] + 1


def _up(value: float, low: float, high: float) -> float:
    return float(np.clip(HEIGHT * (high - value) / (high - low), 0, HEIGHT))


def _apart(value: float, low: float, high: float) -> bool:
    """Whether a label would not touch those of the ends."""
    return 0.2 < (value - low) / (high - low) < 0.8


def _path(numbers: Sequence[int], values: Values, first: int, low: float, high: float) -> str:
    x, y = _thinned(np.asarray(numbers, np.float64) - first + 0.5, values)
    steps, drawing = [], False
    for across, value in zip(x.tolist(), y.tolist(), strict=True):
        known = np.isfinite(value)
        if known:
            steps.append(f"{'L' if drawing else 'M'}{across:.6g} {_up(value, low, high):.4g}")
        drawing = bool(known)
    return "".join(steps)


def _thinned(x: Values, y: Values) -> tuple[Values, Values]:
    """All points, or of each column the least and the greatest."""
    if len(x) <= 2 * COLUMNS:
        return x, y
    starts = np.arange(COLUMNS) * len(x) // COLUMNS
    low, high = np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)
    return np.repeat(x[starts], 2), np.stack([low, high], axis=1).reshape(-1)
