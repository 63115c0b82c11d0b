"""Values of one step as pictures of SIDE lines, drawn with OpenCV alone: the frame, boxes in a
crop, score maps with their scale, and plots of energies and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ltr.drawing import SUBPIXEL, Colour, Pattern, coloured, measured, outline, put, resized, short
from ltr.images import Frame
from pytracking.debug.seen import Array
from pytracking.sinks.palette import LINE_STYLES, TRUTH
from pytracking.tracker.prediction import Box, Prediction

SIDE = 232
"""Pixels: the height of all pictures."""
FRAME_WIDTH = (120, 413)
SCALE_WIDTH = 9
BACKGROUND: Colour = (22, 27, 34)
PLOT: Colour = (32, 39, 48)
FAINT: Colour = (148, 158, 170)
BAR: Colour = (96, 165, 230)
SMALL = 0.38
"""Size of text, of OpenCV's."""
CLOSER = 0.6
"""The boxes are shown closer where they take less than this share of the search area."""


@dataclass(frozen=True)
class Boxes:
    """The candidate boxes over T refinement steps, those that are not finite left out."""

    xywh: Array
    """(T, N, 4) pool format, pixels of the search crop."""
    energies: Array
    """(T, N)."""
    colours: NDArray[np.uint8]
    """(T, N, 3) of the energies."""


def boxes_of(seen: Mapping[str, Array]) -> Boxes | None:
    """The candidate boxes; None where none that is finite was observed."""
    if "candidate_boxes" not in seen or "candidate_energies" not in seen:
        return None
    xywh, energies = seen["candidate_boxes"], seen["candidate_energies"]
    finite = np.isfinite(xywh).all(axis=(0, 2)) & np.isfinite(energies).all(axis=0)
    if not finite.any():
        return None
    xywh, energies = xywh[:, finite], energies[:, finite]
    return Boxes(xywh, energies, coloured(energies, *finite_range(energies), "COLORMAP_VIRIDIS"))


# --- pictures


def crop_picture(crop: Array) -> Frame:
    """A search crop (3, n, n) RGB 0..255 as a picture (n, n, 3) of the same size."""
    picture = np.ascontiguousarray(np.nan_to_num(crop).transpose(1, 2, 0))
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def frame_picture(
    frame: Frame,
    prediction: Prediction,
    colour: Colour,
    others: Sequence[tuple[Prediction, Colour]] = (),
    high: int = SIDE,
) -> Frame:
    """The frame with box and search area, and the boxes of other targets, `high` lines high. Drawn
    after scaling, so that lines stay sharp; status and score stand beside it."""
    least, most = (side * high // SIDE for side in FRAME_WIDTH)
    scale = min(high / frame.shape[0], most / frame.shape[1])
    width, height = (max(1, round(side * scale)) for side in (frame.shape[1], frame.shape[0]))
    small = resized(frame, width, height)
    across, down = width / frame.shape[1], height / frame.shape[0]
    boxes = [(p.box, ink, 1, LINE_STYLES[p.status]) for p, ink in others]
    boxes.append((prediction.search_area, TRUTH, 1, ()))
    boxes.append((prediction.box, colour, 2, LINE_STYLES[prediction.status]))
    for (x, y, w, h), line, thick, pattern in boxes:
        outline_if_any(small, (x * across, y * down, w * across, h * down), line, thick, pattern)
    picture = np.full((high, max(least, width), 3), PLOT, np.uint8)
    top, left = (high - height) // 2, (picture.shape[1] - width) // 2
    picture[top : top + height, left : left + width] = small
    return picture


def outline_if_any(image: Frame, box: Box, colour: Colour, width: int, pattern: Pattern) -> None:
    """Draw a box, if it is one: -1,-1,-1,-1 may stand for a target that is not found."""
    if np.isfinite(box).all() and min(box[2:]) > 0:
        outline(image, box, colour, width, pattern)


def boxes_picture(crop: Frame, boxes: Boxes | None) -> Frame:
    """A square crop enlarged, with the first boxes thin, the last ones bold, and the way of each
    centre."""
    import cv2

    picture = resized(crop, SIDE, SIDE)
    if boxes is None:
        return picture
    scale = SIDE / crop.shape[1]
    worst_first = boxes.energies[-1].argsort()
    for step, width in ((0, 1), (-1, 2)):
        for k in worst_first:
            x, y, w, h = (boxes.xywh[step, k] * scale).tolist()
            outline(picture, (x, y, w, h), _colour(boxes.colours[step, k]), width)
    far = 8 * SIDE  # OpenCV's coordinates are short of bits
    ways = ((boxes.xywh[..., :2] + boxes.xywh[..., 2:] / 2) * scale - 0.5).clip(-far, far)
    points = np.rint(ways * 2**SUBPIXEL).astype(np.int32)
    for k in worst_first:
        colour = _colour(boxes.colours[-1, k])
        cv2.polylines(picture, [points[:, k]], False, (0, 0, 0), 2, cv2.LINE_AA, SUBPIXEL)
        cv2.polylines(picture, [points[:, k]], False, colour, 1, cv2.LINE_AA, SUBPIXEL)
        cv2.circle(
            picture, points[-1, k].tolist(), 2 * 2**SUBPIXEL, colour, -1, cv2.LINE_AA, SUBPIXEL
        )
    return picture


def area_around(boxes_xywh: Array, side: int) -> tuple[int, int, int] | None:
    """Left, top and side of the square in a crop of `side` that shows boxes (..., 4) with a margin;
    None where that is most of the crop."""
    corners = boxes_xywh.reshape(-1, 4).copy()
    corners[:, 2:] += corners[:, :2]
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    needed = max(1.2 * float((high - low).max()), side / 8)
    if not needed < CLOSER * side:
        return None
    length = round(needed)
    left, top = (round(v) for v in ((low + high) / 2 - length / 2).clip(0, side - length).tolist())
    return left, top, length


def map_picture(scores: Array, peak: float) -> Frame:
    """Scores (H, W), black at 0 (at the least, where none is above 0), white at `peak`, with their
    own peak ringed."""
    import cv2

    coloured_scores = coloured(scores, _least(scores, peak), peak, "COLORMAP_MAGMA")
    picture = resized(coloured_scores, SIDE, SIDE, sharp=True)
    known = np.where(np.isnan(scores), -np.inf, scores)
    row, column = np.unravel_index(int(known.argmax()), scores.shape)
    centre = [
        (column + 0.5) * SIDE / scores.shape[1] - 0.5,
        (row + 0.5) * SIDE / scores.shape[0] - 0.5,
    ]
    at = np.rint(np.array(centre) * 2**SUBPIXEL).astype(int).tolist()
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.circle(picture, at, 11 * 2**SUBPIXEL, colour, width, cv2.LINE_AA, SUBPIXEL)
    return picture


def with_scale(picture: Frame, scores: Array, peak: float) -> Frame:
    """A map's picture with its colours and their scores on the right."""
    low = _least(scores, peak)
    labels = [(short(peak), 10), (short((low + peak) / 2), SIDE // 2 + 4), (short(low), SIDE - 2)]
    room = max(measured(label, SMALL)[0] for label, _ in labels)
    scale = np.full((SIDE, 6 + SCALE_WIDTH + 5 + room, 3), BACKGROUND, np.uint8)
    levels = np.linspace(peak, low, SIDE, dtype=np.float32)[:, None]
    scale[:, 6 : 6 + SCALE_WIDTH] = coloured(levels, low, peak, "COLORMAP_MAGMA")
    for label, line in labels:
        put(scale, label, 6 + SCALE_WIDTH + 5, line, FAINT, SMALL)
    return np.concatenate([picture, scale], axis=1)


def _least(scores: Array, peak: float) -> float:
    """The score that is shown black."""
    return 0.0 if peak > 0 else finite_range(scores)[0]


# --- plots


def energies_plot(boxes: Boxes, width: int) -> Frame:
    """A line a box over the refinement steps."""
    import cv2

    low, high = finite_range(boxes.energies)
    steps = len(boxes.energies)
    picture, (left, top, right, bottom) = _axes(
        width, low, high, ("step 1", str(steps) if steps > 1 else "")
    )
    across = (
        np.linspace(left + 4, right - 4, steps) if steps > 1 else np.array([(left + right) / 2])
    )
    up = bottom - (boxes.energies - low) / max(high - low, 1e-12) * (bottom - top)
    for k in boxes.energies[-1].argsort():
        points = np.stack([across, up[:, k]], axis=-1)
        points = np.rint(points * 2**SUBPIXEL).astype(np.int32)
        colour = _colour(boxes.colours[-1, k])
        cv2.polylines(picture, [points], False, colour, 2, cv2.LINE_AA, SUBPIXEL)
        cv2.circle(picture, points[-1].tolist(), 3 * 2**SUBPIXEL, colour, -1, cv2.LINE_AA, SUBPIXEL)
    return picture


def weights_plot(weights: Array, width: int) -> Frame:
    """A bar a sample, or a group of samples where there are more than pixels."""
    high = max(float(weights.max(initial=0)), 1e-12)
    picture, (left, top, right, bottom) = _axes(
        width, 0.0, high, ("first frame's", str(len(weights)))
    )
    count = max(1, min(len(weights), right - left))
    starts = np.arange(count) * len(weights) // count
    bars = np.maximum.reduceat(weights, starts) if len(weights) else np.zeros(1)
    edges = np.rint(np.linspace(left, right, count + 1)).astype(int)
    space = 1 if (right - left) / count >= 3 else 0
    for bar, begin, end in zip(bars, edges, edges[1:], strict=False):
        height = round(float(bar) / high * (bottom - top))
        picture[bottom - height : bottom, begin : end - space] = BAR
    return picture


def _axes(
    width: int, low: float, high: float, ends: tuple[str, str]
) -> tuple[Frame, tuple[int, int, int, int]]:
    """An empty plot, and the left, top, right and bottom of what can be drawn in; `ends` are
    written below it."""
    picture = np.full((SIDE, width, 3), PLOT, np.uint8)
    labels = [f"{high:.3g}", f"{low:.3g}"]
    left = 10 + max(measured(label, SMALL)[0] for label in labels)
    top, right, bottom = 14, width - 8, SIDE - 26
    for label, line in zip(labels, (top, bottom), strict=True):
        length, height = measured(label, SMALL)
        put(picture, label, left - 5 - length, line + height // 2, FAINT, SMALL)
        picture[line, left:right] = (70, 80, 92)
    put(picture, ends[0], left, SIDE - 8, FAINT, SMALL)
    put(picture, ends[1], right - measured(ends[1], SMALL)[0], SIDE - 8, FAINT, SMALL)
    return picture, (left, top, right, bottom)


# --- colour


def finite_range(values: Array) -> tuple[float, float]:
    """The least and the greatest finite value."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _colour(rgb: NDArray[np.uint8]) -> Colour:
    red, green, blue = rgb.tolist()
    return red, green, blue
