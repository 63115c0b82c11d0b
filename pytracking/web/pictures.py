"""A view as it goes out: what the page draws over the picture, and the picture as JPEG."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ltr.drawing import Colour, Pattern, resized
from ltr.images import Frame
from pytracking.debug.panels import score_map, search_area
from pytracking.sinks.overlays import Overlay
from pytracking.sinks.palette import LINE_STYLES, TargetColours, ink_on
from pytracking.tracker.prediction import Box

if TYPE_CHECKING:
    from pytracking.live.views import View

QUALITY = 80
WIDTHS = (320, 480, 640, 960, 1280, 1920, 3840)
"""Pixels: a picture is as wide as the next of these, and never wider than its frame. So few, that
viewers share pictures."""


def width_for(asked: int, frame_width: int) -> int:
    """The width of the picture for a viewer that shows it `asked` pixels wide."""
    return min(frame_width, next((width for width in WIDTHS if width >= asked), WIDTHS[-1]))


def jpeg(frame: Frame, width: int) -> bytes:
    """A frame (H, W, 3) as JPEG, made `width` pixels wide where it is wider."""
    import cv2

    if width < frame.shape[1]:
        frame = resized(frame, width, max(1, round(frame.shape[0] * width / frame.shape[1])))
    _, coded = cv2.imencode(
        ".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return np.asarray(coded, np.uint8).tobytes()


def png(picture: Frame) -> bytes:
    """A picture (H, W, 3) as PNG."""
    import cv2

    _, coded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return np.asarray(coded, np.uint8).tobytes()


def overlaid(view: View) -> Frame:
    """The frame of a view with boxes and labels."""
    overlay = Overlay(25.0, colours=TargetColours(view.colours))
    return overlay.next(view.shot.number, view.shot.frame, view.predictions)


def panel_picture(view: View, name: str, panel: str) -> Frame | None:
    """What was seen of the watched target of this name: "search_area" or "score_map"; None where it
    was not."""
    if view.seen is None or name not in view.predictions:
        return None
    if panel == "score_map":
        shown = score_map(view.seen)
    elif panel == "search_area":
        frame, prediction = view.shot.frame, view.predictions[name]
        shown = search_area(frame, prediction, view.seen, view.colours[name])
    else:
        return None
    return shown.picture if shown else None


def header(view: View | None, status: Mapping[str, Any]) -> dict[str, Any]:
    """What a message says beside its picture, as JSON can hold it: boxes in frame pixels, colours
    as "#rrggbb", and nothing that is not finite."""
    if view is None:
        return {"view": None, "status": plain(status)}
    given = {
        name: _target(view, name, box, "given", (), None)
        for name, box in view.given.items()
        if name not in view.predictions
    }
    predicted = {
        name: _target(view, name, p.box, p.status, LINE_STYLES[p.status], p.score)
        for name, p in view.predictions.items()
    }
    shot = view.shot
    said = {
        "source": view.source,
        "sequence": view.sequence,
        "number": shot.number,
        "size": [shot.frame.shape[1], shot.frame.shape[0]],
        "targets": [*predicted.values(), *given.values()],
        "seconds": view.seconds,
        "frames_dropped": view.frames_dropped,
        "condition": {"word": view.condition.word, "line": view.condition.line},
        "rates": {"end_to_end": view.rates.end_to_end, "tracker": view.rates.tracker},
        "seen": view.seen is not None,
    }
    return {"view": plain(said), "status": plain(status)}


def _target(
    view: View, name: str, box: Box, status: str, line: Pattern, score: float | None
) -> dict[str, Any]:
    colour = view.colours[name]
    return {
        "name": name,
        "box": list(box),
        "status": status,
        "score": score,
        "colour": css(colour),
        "ink": css(ink_on(colour)),
        "line": list(line),
    }


def packed(said: Mapping[str, Any]) -> bytes:
    """The beginning of a message: four bytes, big endian, that say how long the JSON is; the JSON.
    The picture follows, or nothing where it is that of the message before."""
    words = json.dumps(said, separators=(",", ":"), allow_nan=False).encode()
    return len(words).to_bytes(4, "big") + words


def css(colour: Colour) -> str:
    """A colour as style sheets have it."""
    red, green, blue = colour
    return f"#{red:02x}{green:02x}{blue:02x}"


def plain(value: Any) -> Any:
    """A value as JSON can hold it, without what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (np.floating, np.integer)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
