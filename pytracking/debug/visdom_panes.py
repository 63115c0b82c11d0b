"""The windows of a visdom page: what each is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ltr.drawing import Colour, short
from ltr.images import Frame
from pytracking.debug.history import Values
from pytracking.debug.panels import pictures
from pytracking.debug.pictures import boxes_of, frame_picture
from pytracking.debug.seen import Array
from pytracking.tracker.prediction import Prediction

FRAME_HEIGHT = 270
QUALITY = 80
"""Of JPEG: the client's PNG takes six times as long."""
CURVE = 500
"""Points of a curve, at the most."""
Wish = Literal["pause", "step", "play"]
BUTTONS: tuple[Wish, ...] = get_args(Wish)


@dataclass(frozen=True)
class Sight:
    """What is shown of one frame: all targets, and one of them closely."""

    number: int
    """Of the frame, from 1."""
    frame: Frame
    name: str
    """Of the target that is shown closely."""
    predictions: Mapping[str, Prediction]
    colours: Mapping[str, Colour]
    seen: Mapping[str, Array]
    """As of `Seen.of`."""
    numbers: Sequence[int]
    """Of the N frames that the curves are over."""
    scores: Values
    """(N,)."""
    seconds: Values
    """(N,) of the tracker."""
    filters: Sequence[tuple[int, float, float]]
    """Of the frames that were shown: number, norm of the filter and its relative change."""


def show_controls(visdom: Any, names: Sequence[str], name: str) -> None:
    """Buttons, and which target is shown closely. Their order is what events count them by."""
    properties: list[dict[str, Any]] = [
        {"type": "button", "name": button, "value": button} for button in BUTTONS
    ]
    choice = {"name": "shown closely", "values": list(names), "value": names.index(name)}
    properties.append({"type": "select", **choice})
    visdom.properties(
        properties, win="controls", opts={"title": "run", "width": 250, "height": 215}
    )


def show(visdom: Any, sight: Sight) -> None:
    """Send what is seen of a frame."""
    prediction, colour = sight.predictions[sight.name], sight.colours[sight.name]
    others = [(p, sight.colours[n]) for n, p in sight.predictions.items() if n != sight.name]
    whole = frame_picture(sight.frame, prediction, colour, others, FRAME_HEIGHT)
    _image(visdom, "frame", f"frame {sight.number}", whole)
    panels = pictures(sight.frame, prediction, sight.seen, colour)
    for name, panel in panels.items():
        if name != "frame":
            _image(visdom, name, panel.title, panel.picture)
    _status(visdom, sight, prediction)
    _weights(visdom, sight.seen)
    _energies(visdom, sight.seen)


def show_curves(visdom: Any, sight: Sight) -> None:
    """Send what became of the target so far."""
    colour = sight.colours[sight.name]
    line = np.array([colour])
    _curve(visdom, "score", "score", sight.numbers, sight.scores, line)
    if np.isfinite(sight.seconds).any():
        _curve(visdom, "time", "tracker, ms", sight.numbers, 1e3 * sight.seconds, line)
    if sight.filters:
        numbers, norms, changes = zip(*sight.filters, strict=True)
        _curve(visdom, "filter_norm", "norm of the filter", numbers, np.array(norms), line)
        changed = 100 * np.array(changes)
        _curve(visdom, "filter_change", "change of the filter, %", numbers, changed, line)


def _image(visdom: Any, window: str, title: str, picture: Frame) -> None:
    opts = {"title": title, "jpgquality": QUALITY}
    visdom.image(np.ascontiguousarray(picture.transpose(2, 0, 1)), win=window, opts=opts)


def _status(visdom: Any, sight: Sight, prediction: Prediction) -> None:
    milliseconds = 1e3 * sight.seconds[-1:]
    x, y, w, h = prediction.box
    rows = {
        "target": escape(sight.name),
        "status": prediction.status.replace("_", " "),
        "score": short(prediction.score),
        "box": f"{x:.1f}, {y:.1f}, {w:.1f}, {h:.1f}",
        "frame": str(sight.number),
        "tracker": f"{milliseconds[0]:.0f} ms" if np.isfinite(milliseconds).all() else "",
    }
    body = "".join(f"<tr><th>{name}&emsp;</th><td>{text}</td></tr>" for name, text in rows.items())
    opts = {"title": "status", "width": 250, "height": 190}
    visdom.text(f"<table>{body}</table>", win="status", opts=opts)


def _weights(visdom: Any, seen: Mapping[str, Array]) -> None:
    if "sample_weights" in seen:
        weights = np.nan_to_num(seen["sample_weights"])
        title = f"sample weights, {np.count_nonzero(weights)}/{len(weights)}"
        visdom.bar(weights, win="weights", opts=_plot(title, "slot"))


def _energies(visdom: Any, seen: Mapping[str, Array]) -> None:
    """A line a candidate box over the refinement steps."""
    if boxes := boxes_of(seen):
        steps = np.arange(1, len(boxes.energies) + 1)
        if len(steps) == 1:  # a line needs two points
            return
        opts = {**_plot("energies of the boxes", "refinement step"), "showlegend": False}
        visdom.line(boxes.energies, steps, win="energies", opts=opts)


def _curve(
    visdom: Any,
    window: str,
    title: str,
    numbers: Sequence[int],
    values: Values,
    colours: NDArray[np.int64],
) -> None:
    every = -(-len(values) // CURVE)
    x, y = np.array(numbers)[::every], np.nan_to_num(values[::every])
    opts = {**_plot(title, "frame"), "linecolor": colours}
    visdom.line(y, x, win=window, opts=opts)


def _plot(title: str, axis: str) -> dict[str, Any]:
    margins = {"marginleft": 40, "marginright": 10, "margintop": 25, "marginbottom": 35}
    return {"title": title, "xlabel": axis, "width": 300, "height": 220, **margins}
