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

from ltr.drawing import Colour, put, short
from ltr.images import Frame
from pytracking.debug.pictures import (
    BACKGROUND,
    FAINT,
    SIDE,
    area_around,
    boxes_of,
    boxes_picture,
    crop_picture,
    energies_plot,
    finite_range,
    frame_picture,
    map_picture,
    outline_if_any,
    weights_plot,
    with_scale,
)
from pytracking.debug.seen import Array
from pytracking.sinks.palette import FIRST_COLOUR, LINE_STYLES
from pytracking.sinks.search_crop import box_in_crop, hatched_beyond
from pytracking.tracker.prediction import Prediction

WIDTH = 1600
"""Pixels of a strip; it grows wider where everything was observed."""
MARGIN, GAP, HEADER, TITLE = 14, 12, 32, 22
HEIGHT = HEADER + TITLE + SIDE + MARGIN
PLOT_LEAST = 185
INK: Colour = (226, 232, 240)
TEXT, LARGE = 0.42, 0.48
"""Sizes of text, of OpenCV's."""


@dataclass(frozen=True)
class Panel:
    """A picture of SIDE lines and what stands above it."""

    title: str
    picture: Frame


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
    area, boxes = prediction.search_area, boxes_of(seen)
    whole = boxes_picture(hatched_beyond(crop_picture(seen["search_crop"]), area, frame), boxes)
    pattern = LINE_STYLES[prediction.status]
    outline_if_any(whole, box_in_crop(prediction.box, area, SIDE), colour, 2, pattern)
    return Panel("search area" + (", candidate boxes" if boxes else ""), whole)


def score_map(seen: Mapping[str, Array]) -> Panel | None:
    """The scores with their scale; None where they were not observed."""
    if (scores := seen.get("score_map")) is None:
        return None
    peak = finite_range(scores)[1]
    title = f"scores, peak {short(float(scores.max()))}"
    return Panel(title, with_scale(map_picture(scores, peak), scores, peak))


def _windowed_score_map(seen: Mapping[str, Array]) -> Panel | None:
    scores, windowed = seen.get("score_map"), seen.get("windowed_score_map")
    if scores is None or windowed is None or np.array_equal(scores, windowed, equal_nan=True):
        return None
    title = f"times window, peak {short(float(windowed.max()))}"
    return Panel(title, map_picture(windowed, finite_range(scores)[1]))


def _closer(seen: Mapping[str, Array]) -> Panel | None:
    if "search_crop" not in seen or (boxes := boxes_of(seen)) is None:
        return None
    crop = crop_picture(seen["search_crop"])
    if (square := area_around(boxes.xywh[[0, -1]], min(crop.shape[:2]))) is None:
        return None
    left, top, side = square
    moved = replace(boxes, xywh=boxes.xywh - np.array([left, top, 0, 0], np.float32))
    close = boxes_picture(crop[top : top + side, left : left + side], moved)
    return Panel("closer: first thin, last bold", close)


def _plots(seen: Mapping[str, Array]) -> list[tuple[str, Callable[[int], Frame]]]:
    """Titles, and functions of the width."""
    plots: list[tuple[str, Callable[[int], Frame]]] = []
    if boxes := boxes_of(seen):
        plots.append(("energies of the boxes", lambda width: energies_plot(boxes, width)))
    if "sample_weights" in seen:
        weights = np.nan_to_num(seen["sample_weights"])
        title = f"sample weights, {np.count_nonzero(weights)}/{len(weights)}"
        plots.append((title, lambda width: weights_plot(weights, width)))
    return plots
