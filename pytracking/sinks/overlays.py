"""What is drawn on a frame: each target's box in its colour, a label, a trail, the true box."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass

import numpy as np

from ltr.drawing import (
    DARK,
    Colour,
    Pattern,
    draw_lines,
    measured,
    outline,
    short,
    shortened,
)
from ltr.images import Frame
from pytracking.sinks.labels import Offset, Rectangle, offset, placed
from pytracking.sinks.palette import LINE_STYLES, TRUTH, TargetColours, ink_on
from pytracking.tracker.prediction import Box, Prediction, Spread

LEAST_LENGTH = 480
"""Pixels of the longer side that a picture has at the least, so that labels can be read."""
UNNAMED = "target"
"""The name of a single target that was given none."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """A box as it is drawn."""

    name: str
    box: Box
    """(x, y, w, h) in frame pixels."""
    colour: Colour
    label: str
    pattern: Pattern = ()
    """Strokes and gaps of its line, in widths of the line; nothing: a solid one."""
    trail: Sequence[Point] = ()
    """Centres (x, y), frame pixels, that it had before."""
    spread: Spread | None = None
    """How sure the box is; drawn as bars across its edges."""


class Overlay:
    """Draws the frames of one run, and remembers what that takes: the colours of its targets,
    where their labels lie, and for their trails the centres of the last `trail` frames.

        overlay = Overlay(frame_rate)
        video.write(overlay.first(1, frame, {"left": box}))
        video.write(overlay.next(2, frame, {"left": prediction}))
    """

    def __init__(
        self, frame_rate: float, trail: int = 0, colours: TargetColours | None = None
    ) -> None:
        self.frame_rate = frame_rate
        self.colours = TargetColours() if colours is None else colours
        self._trail = trail
        self._centres: dict[str, deque[Point]] = {}
        self._offsets: dict[str, Offset] = {}

    def first(self, number: int, frame: Frame, boxes: Mapping[str, Box]) -> Frame:
        """A new frame with the boxes that were given, frame `number` counted from 1."""
        return self.picture(self._caption(number), frame, {}, boxes)

    def next(
        self,
        number: int,
        frame: Frame,
        predictions: Mapping[str, Prediction],
        true_box: Box | None = None,
    ) -> Frame:
        """A new frame with what was predicted in it, frame `number` counted from 1."""
        return self.picture(self._caption(number), frame, predictions, {}, true_box)

    def picture(
        self,
        caption: str,
        frame: Frame,
        predictions: Mapping[str, Prediction],
        given: Mapping[str, Box],
        true_box: Box | None = None,
    ) -> Frame:
        """A new frame with what was predicted in it, and the boxes that were given in it of targets
        that begin."""
        among = {**predictions, **given}
        marks = [
            _mark(name, p, self.colours[name], among, self._way(name, p.box))
            for name, p in predictions.items()
            if name not in given
        ]
        marks += [
            Mark(
                name,
                box,
                self.colours[name],
                _label(name, "given", among),
                (),
                self._way(name, box),
            )
            for name, box in given.items()
        ]
        return draw(frame, marks, caption, true_box, self._offsets)

    def _way(self, name: str, box: Box) -> Sequence[Point]:
        """The trail of a target that now has this box."""
        way = self._centres.setdefault(name, deque(maxlen=self._trail))
        way.append((box[0] + (box[2] - 1) / 2, box[1] + (box[3] - 1) / 2))
        return tuple(way)

    def _caption(self, number: int) -> str:
        minutes, seconds = divmod((number - 1) / self.frame_rate, 60)
        return f"frame {number}   {minutes:.0f}:{seconds:05.2f}"


def draw_box(frame: Frame, prediction: Prediction, true_box: Box | None = None) -> Frame:
    """A new frame with the box of a single target, its status and score beside it, and the true box
    thin and white where one is known. As of all pictures here: tiny frames are enlarged."""
    name = UNNAMED
    mark = _mark(name, prediction, TargetColours()[name], {name: prediction})
    return draw(frame, [mark], true_box=true_box)


def draw_boxes(frame: Frame, predictions: Mapping[str, Prediction]) -> Frame:
    """A new frame with the boxes of several targets, coloured in their order, with name, status and
    score beside each."""
    colours = TargetColours()
    marks = [_mark(name, p, colours[name], predictions) for name, p in predictions.items()]
    return draw(frame, marks)


def draw(
    frame: Frame,
    marks: Sequence[Mark],
    caption: str = "",
    true_box: Box | None = None,
    offsets: MutableMapping[str, Offset] | None = None,
) -> Frame:
    """A new frame with marks, and `caption` in its upper left corner.

    frame: (H, W, 3). offsets: where labels lay beside their boxes in the frame before, by the names
    of the targets; brought up to date. Returns (k H, k W, 3), k being `magnification(frame)`."""
    times = magnification(frame)
    image = enlarged(frame, times)
    width, size = line_width(image), text_size(image)
    if true_box is not None:
        outline(image, scaled(true_box, times), TRUTH, max(1, width // 2))
    for mark in marks:
        _draw_trail(image, mark, times, width)
    for mark in marks:
        outline(image, scaled(mark.box, times), mark.colour, width, mark.pattern)
        if mark.spread is not None:
            _draw_spread(image, mark.box, mark.spread, times, mark.colour, max(1, width // 2))
    taken = [_plate(image, (0, 0), caption, DARK, size)] if caption else []
    _draw_labels(image, marks, times, taken, {} if offsets is None else offsets)
    return image


def _draw_labels(
    image: Frame,
    marks: Sequence[Mark],
    times: int,
    taken: Sequence[Rectangle],
    offsets: MutableMapping[str, Offset],
) -> None:
    size, picture = text_size(image), (image.shape[1], image.shape[0])
    boxes = [scaled(mark.box, times) for mark in marks]
    labels = [shortened(mark.label, size, picture[0] - 2 * _pad(size), bold=True) for mark in marks]
    sizes = [_plate_size(label, size) for label in labels]
    before = [offsets.get(mark.name) for mark in marks]
    places = placed(boxes, sizes, picture, line_width(image) + 1, taken, before)
    for mark, box, label, place in zip(marks, boxes, labels, places, strict=True):
        if place is not None:
            offsets[mark.name] = offset(place, box, picture)
            _plate(image, place[:2], label, mark.colour, size)


def magnification(frame: Frame) -> int:
    """By how much a frame is enlarged before it is drawn on: the least whole number that brings its
    longer side to LEAST_LENGTH."""
    return -(-LEAST_LENGTH // max(frame.shape[:2]))


def enlarged(frame: Frame, times: int) -> Frame:
    """A new frame, `times` as large."""
    import cv2

    if times == 1:
        return frame.copy()
    size = (times * frame.shape[1], times * frame.shape[0])
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def scaled(box: Box, by: float) -> Box:
    """A box of a frame in one that is `by` times as large. Edges lie between pixels, so no half
    pixels come in."""
    return box[0] * by, box[1] * by, box[2] * by, box[3] * by


def line_width(frame: Frame) -> int:
    """Pixels: 2 on a frame of up to 500 lines, more on larger ones."""
    return max(2, round(min(frame.shape[:2]) / 200))


def text_size(frame: Frame) -> float:
    """Of OpenCV's: grows with the frame, but slower."""
    return 0.3 + min(frame.shape[:2]) / 2400


def _draw_trail(image: Frame, mark: Mark, times: int, width: int) -> None:
    if len(mark.trail) < 2:
        return
    far = 4.0 * max(image.shape[:2])  # OpenCV's coordinates are short of bits
    way = (times * (np.array(mark.trail) + 0.5) - 0.5).clip(-far, far)
    draw_lines(image, way[None], mark.colour, max(1, width // 2))


def _draw_spread(
    image: Frame, box: Box, spread: Spread, times: int, colour: Colour, width: int
) -> None:
    """A bar in the middle of each edge, over the 90 % interval: of x and y on the left and the
    upper one, of w and h, counted from there, on the right and the lower one."""
    x, y, w, h = box
    (x0, y0, w0, h0), (x1, y1, w1, h1) = spread.low, spread.high
    middle_x, middle_y = x + w / 2, y + h / 2
    bars = np.array(
        [
            [(x0, middle_y), (x1, middle_y)],
            [(x + w0, middle_y), (x + w1, middle_y)],
            [(middle_x, y0), (middle_x, y1)],
            [(middle_x, y + h0), (middle_x, y + h1)],
        ]
    )
    far = 4.0 * max(image.shape[:2])
    draw_lines(image, (times * bars - 0.5).clip(-far, far), colour, width)


def _mark(
    name: str,
    prediction: Prediction,
    colour: Colour,
    among: Mapping[str, object],
    trail: Sequence[Point] = (),
) -> Mark:
    verdict = f"{prediction.status.replace('_', ' ')}  {short(prediction.score)}"
    pattern = LINE_STYLES[prediction.status]
    label = _label(name, verdict, among)
    return Mark(name, prediction.box, colour, label, pattern, trail, prediction.spread)


def _label(name: str, verdict: str, among: Mapping[str, object]) -> str:
    return verdict if len(among) == 1 and name == UNNAMED else f"{name} {verdict}"


def _pad(size: float) -> int:
    return max(2, round(8 * size))


def _plate_size(words: str, size: float) -> tuple[int, int]:
    width, height = measured(words, size, bold=True)
    height = max(height, measured("Ag", size, bold=True)[1])
    return width + 2 * _pad(size), height + 2 * _pad(size)


def _plate(
    image: Frame, place: tuple[int, int], words: str, colour: Colour, size: float
) -> Rectangle:
    """Write words on a plate of `colour`; returns what it covers."""
    import cv2

    left, top = place
    width, height = _plate_size(words, size)
    image[top : top + height, left : left + width] = colour
    at = (left + _pad(size), top + height - _pad(size))
    font = cv2.FONT_HERSHEY_DUPLEX
    cv2.putText(image, words, at, font, size, ink_on(colour), 1, cv2.LINE_AA)
    return left, top, width, height
