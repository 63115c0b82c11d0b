"""What was seen of one target in one frame, as pictures drawn with OpenCV alone: a panel each, for
whoever shows them, and all of them in a strip.

Left to right: the frame; the search area with the candidate boxes, then closer; the scores, and the
same times the window where that differs; the energies of the boxes over the refinement steps; the
weights of the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ltr.drawing import (
    SUBPIXEL,
    Colour,
    Pattern,
    coloured,
    measured,
    outline,
    put,
    resized,
    short,
)
from ltr.images import Frame
from pytracking.debug.seen import Array
from pytracking.sinks.palette import FIRST_COLOUR, LINE_STYLES, TRUTH
from pytracking.sinks.search_crop import box_in_crop, hatched_beyond
from pytracking.tracker.prediction import Box, Prediction

WIDTH, SIDE = 1600, 232
"""Pixels: a strip's width, and the height of its pictures. Strips grow wider where everything was
observed."""
MARGIN, GAP, HEADER, TITLE = 14, 12, 32, 22
HEIGHT = HEADER + TITLE + SIDE + MARGIN
FRAME_WIDTH = (120, 413)
PLOT_LEAST = 185
SCALE_WIDTH = 9
BACKGROUND: Colour = (22, 27, 34)
PLOT: Colour = (32, 39, 48)
INK: Colour = (226, 232, 240)
FAINT: Colour = (148, 158, 170)
BAR: Colour = (96, 165, 230)
TEXT, SMALL, LARGE = 0.42, 0.38, 0.48
"""Sizes of text, of OpenCV's."""
CLOSER = 0.6
"""The boxes are shown closer where they take less than this share of the search area."""


@dataclass(frozen=True)
class Panel:
    """A picture of SIDE lines and what stands above it."""

    title: str
    picture: Frame


@dataclass(frozen=True)
class Boxes:
    """The candidate boxes over T refinement steps, those that are not finite left out."""

    xywh: Array
    """(T, N, 4) pool format, pixels of the search crop."""
    energies: Array
    """(T, N)."""
    colours: NDArray[np.uint8]
    """(T, N, 3) of the energies."""


def strip(
    heading: str,
    frame: Frame,
    prediction: Prediction,
    seen: Mapping[str, Array],
    colour: Colour = FIRST_COLOUR,
) -> Frame:
    """The picture (HEIGHT, WIDTH or more, 3) of one target, RGB.

    heading: frame and target. colour: the target's. seen: by the names of `Observer`, one target's
    values without the batch axis, those of the refinement steps stacked; a panel whose values are
    not there is left out."""
    panels, plots = list(pictures(frame, prediction, seen, colour).values()), _plots(seen)
    used = 2 * MARGIN + sum(panel.picture.shape[1] + GAP for panel in panels) - GAP
    room = (WIDTH - used) // max(1, len(plots)) - GAP
    panels += [Panel(title, draw(max(PLOT_LEAST, room))) for title, draw in plots]
    width = 2 * MARGIN + sum(panel.picture.shape[1] + GAP for panel in panels) - GAP
    image = np.full((HEIGHT, max(WIDTH, width), 3), BACKGROUND, np.uint8)
    _header(image, heading, prediction, seen.get("filter_change"), colour)
    left = MARGIN
    for panel in panels:
        length = panel.picture.shape[1]
        put(image, panel.title, left, HEADER + TITLE - 7, FAINT, TEXT, room=length)
        image[HEADER + TITLE : HEADER + TITLE + SIDE, left : left + length] = panel.picture
        left += length + GAP
    return image


def _header(
    image: Frame,
    heading: str,
    prediction: Prediction,
    filter_change: Array | None,
    colour: Colour,
) -> None:
    x, y, w, h = prediction.box
    words = [
        (heading, colour),
        (prediction.status.replace("_", " "), INK),
        (f"score {short(prediction.score)}", INK),
        (f"box {x:.1f}, {y:.1f}, {w:.1f}, {h:.1f}", FAINT),
    ]
    if filter_change is not None:
        share = 100 * float(filter_change)
        words.append((f"filter changed by {share:.2g} %" if share else "filter unchanged", FAINT))
    left = MARGIN
    for text, ink in words:
        left = put(image, text, left, HEADER - 9, ink, LARGE, room=image.shape[1] // 3) + 28


def pictures(
    frame: Frame,
    prediction: Prediction,
    seen: Mapping[str, Array],
    colour: Colour = FIRST_COLOUR,
) -> dict[str, Panel]:
    """Of one target, in this order: frame, search_area, closer, score_map, windowed_score_map.

    Those whose values were not observed are left out, the last one too where there is no window,
    and the closer view where the boxes fill the search area. Arguments as of `strip`."""
    picture = frame_picture(frame, prediction, colour)
    panels: dict[str, Panel | None] = {
        "frame": Panel("frame, search area thin", picture),
        "search_area": search_area(frame, prediction, seen, colour),
        "closer": _closer(seen),
        "score_map": score_map(seen),
        "windowed_score_map": _windowed_score_map(seen),
    }
    return {name: panel for name, panel in panels.items() if panel is not None}


def search_area(
    frame: Frame,
    prediction: Prediction,
    seen: Mapping[str, Array],
    colour: Colour = FIRST_COLOUR,
) -> Panel | None:
    """The search crop, hatched beyond the frame, with the target's box and the candidate boxes;
    None where it was not observed."""
    if "search_crop" not in seen:
        return None
    area, boxes = prediction.search_area, _boxes(seen)
    whole = boxes_picture(hatched_beyond(_crop(seen), area, frame), boxes)
    pattern = LINE_STYLES[prediction.status]
    _outline_if_any(whole, box_in_crop(prediction.box, area, SIDE), colour, 2, pattern)
    return Panel("search area" + (", candidate boxes" if boxes else ""), whole)


def score_map(seen: Mapping[str, Array]) -> Panel | None:
    """The scores with their scale; None where they were not observed."""
    if (scores := seen.get("score_map")) is None:
        return None
    peak = _range(scores)[1]
    title = f"scores, peak {short(float(scores.max()))}"
    return Panel(title, with_scale(map_picture(scores, peak), scores, peak))


def _windowed_score_map(seen: Mapping[str, Array]) -> Panel | None:
    scores, windowed = seen.get("score_map"), seen.get("windowed_score_map")
    if scores is None or windowed is None or np.array_equal(scores, windowed, equal_nan=True):
        return None
    title = f"times window, peak {short(float(windowed.max()))}"
    return Panel(title, map_picture(windowed, _range(scores)[1]))


def _closer(seen: Mapping[str, Array]) -> Panel | None:
    if "search_crop" not in seen or (boxes := _boxes(seen)) is None:
        return None
    crop = _crop(seen)
    if (square := area_around(boxes.xywh[[0, -1]], min(crop.shape[:2]))) is None:
        return None
    left, top, side = square
    moved = replace(boxes, xywh=boxes.xywh - np.array([left, top, 0, 0], np.float32))
    close = boxes_picture(crop[top : top + side, left : left + side], moved)
    return Panel("closer: first thin, last bold", close)


def _crop(seen: Mapping[str, Array]) -> Frame:
    crop = np.ascontiguousarray(np.nan_to_num(seen["search_crop"]).transpose(1, 2, 0))
    return np.rint(crop).clip(0, 255).astype(np.uint8)


def _plots(seen: Mapping[str, Array]) -> list[tuple[str, Callable[[int], Frame]]]:
    """Titles, and functions of the width."""
    plots: list[tuple[str, Callable[[int], Frame]]] = []
    if boxes := _boxes(seen):
        plots.append(("energies of the boxes", lambda width: energies_plot(boxes, width)))
    if "sample_weights" in seen:
        weights = np.nan_to_num(seen["sample_weights"])
        title = f"sample weights, {np.count_nonzero(weights)}/{len(weights)}"
        plots.append((title, lambda width: weights_plot(weights, width)))
    return plots


def _boxes(seen: Mapping[str, Array]) -> Boxes | None:
    if "candidate_boxes" not in seen or "candidate_energies" not in seen:
        return None
    xywh, energies = seen["candidate_boxes"], seen["candidate_energies"]
    finite = np.isfinite(xywh).all(axis=(0, 2)) & np.isfinite(energies).all(axis=0)
    if not finite.any():
        return None
    xywh, energies = xywh[:, finite], energies[:, finite]
    return Boxes(xywh, energies, coloured(energies, *_range(energies), "COLORMAP_VIRIDIS"))


# --- pictures


def frame_picture(frame: Frame, prediction: Prediction, colour: Colour) -> Frame:
    """The frame with box and search area, SIDE lines high. Drawn after scaling, so that lines stay
    sharp; status and score stand in the strip's header."""
    least, most = FRAME_WIDTH
    scale = min(SIDE / frame.shape[0], most / frame.shape[1])
    width, height = (max(1, round(side * scale)) for side in (frame.shape[1], frame.shape[0]))
    small = resized(frame, width, height)
    across, down = width / frame.shape[1], height / frame.shape[0]
    for box, line, thick, pattern in (
        (prediction.search_area, TRUTH, 1, ()),
        (prediction.box, colour, 2, LINE_STYLES[prediction.status]),
    ):
        x, y, w, h = box
        _outline_if_any(small, (x * across, y * down, w * across, h * down), line, thick, pattern)
    picture = np.full((SIDE, max(least, width), 3), PLOT, np.uint8)
    top, left = (SIDE - height) // 2, (picture.shape[1] - width) // 2
    picture[top : top + height, left : left + width] = small
    return picture


def _outline_if_any(image: Frame, box: Box, colour: Colour, width: int, pattern: Pattern) -> None:
    """-1,-1,-1,-1 may stand for a target that is not found."""
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
    return 0.0 if peak > 0 else _range(scores)[0]


# --- plots


def energies_plot(boxes: Boxes, width: int) -> Frame:
    """A line a box over the refinement steps."""
    import cv2

    low, high = _range(boxes.energies)
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


def _range(values: Array) -> tuple[float, float]:
    """The least and the greatest finite value."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _colour(rgb: NDArray[np.uint8]) -> Colour:
    red, green, blue = rgb.tolist()
    return red, green, blue
