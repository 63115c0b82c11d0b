"""What is drawn on a frame: box, search area, a label, the true box."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ltr.images import Frame
from pytracking.tracker.prediction import Box, Prediction

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "init": (90, 200, 250),
    "found": (60, 230, 120),
    "uncertain": (255, 200, 60),
    "hard_negative": (255, 140, 40),
    "not_found": (255, 70, 80),
}
"""RGB of each status."""
SEARCH_AREA: Colour = (255, 255, 255)
TRUTH: Colour = (255, 140, 230)
SEARCH_AREA_STRENGTH, OUTLINE_STRENGTH = 0.5, 0.55
"""Opacity of the search area's line, and of the dark outline that sets lines off from any
background."""
SUBPIXEL = 4
"""Binary digits of a pixel's fraction in OpenCV's drawing."""


def draw_box(frame: Frame, prediction: Prediction, true_box: Box | None = None) -> Frame:
    """A new frame with the prediction's search area (thin, white), the true box where one is known
    (thin, pink) and the box in the colour of its status, with status and score beside it."""
    image = frame.copy()
    width = line_width(frame)
    outline(image, prediction.search_area, SEARCH_AREA, max(1, width // 2), SEARCH_AREA_STRENGTH)
    if true_box is not None:
        outline(image, true_box, TRUTH, max(1, width // 2), 1.0)
    label = f"{prediction.status.replace('_', ' ')}  {short(prediction.score)}"
    return labelled(image, prediction.box, prediction.status, label)


def draw_first_box(frame: Frame, box: Box, label: str = "init") -> Frame:
    """A new frame with the box that was given on the first one."""
    return labelled(frame.copy(), box, "init", label)


def draw_boxes(frame: Frame, predictions: Mapping[str, Prediction]) -> Frame:
    """`draw_box` of a single target; of several the boxes alone, with name, status and score beside
    each."""
    if len(predictions) == 1:
        return draw_box(frame, next(iter(predictions.values())))
    image = frame.copy()
    for name, prediction in predictions.items():
        label = f"{name}  {prediction.status.replace('_', ' ')}  {short(prediction.score)}"
        labelled(image, prediction.box, prediction.status, label)
    return image


def draw_first_boxes(frame: Frame, boxes: Mapping[str, Box]) -> Frame:
    """A new frame with the boxes that were given on the first one."""
    image = frame.copy()
    for name, box in boxes.items():
        labelled(image, box, "init", "init" if len(boxes) == 1 else name)
    return image


def labelled(image: Frame, box: Box, status: str, label: str) -> Frame:
    """Draw `box` and a plate with `label` into `image`, in the colour of `status`; returns
    `image`."""
    width = line_width(image)
    outline(image, box, (0, 0, 0), width + 2, OUTLINE_STRENGTH)
    outline(image, box, COLOURS[status], width, 1.0)
    plate(image, box, label, COLOURS[status])
    return image


def line_width(frame: Frame) -> int:
    """Pixels: 2 on a frame of 360 lines, more on larger ones."""
    return max(1, round(min(frame.shape[:2]) / 180))


def short(score: float) -> str:
    """A score in the fewest characters: .87, -.02, 1.00."""
    return f"{score:.2f}".replace("0.", ".", 1) if abs(score) < 0.995 else f"{score:.2f}"


def outline(image: Frame, box: Box, colour: Colour, width: int, strength: float) -> None:
    """Draw the edges of `box` into `image`, anti-aliased, to a fraction of a pixel."""
    import cv2

    height, length = image.shape[:2]
    x, y, w, h = box
    far = 2.0 * max(height, length)  # OpenCV's coordinates are short of bits for boxes far outside
    corners = np.clip([x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5], -far, far)
    left, top, right, bottom = np.rint(corners * 2**SUBPIXEL).astype(int).tolist()
    drawn = image if strength == 1.0 else image.copy()
    cv2.rectangle(drawn, (left, top), (right, bottom), colour, width, cv2.LINE_AA, SUBPIXEL)
    if strength != 1.0:
        cv2.addWeighted(drawn, strength, image, 1 - strength, 0, dst=image)


def plate(image: Frame, box: Box, label: str, colour: Colour) -> None:
    """Write `label` on a dark plate above `box`, or below it or inside where there is no room."""
    import cv2

    height, length = image.shape[:2]
    size, weight = min(height, length) / 750, max(1, line_width(image) // 2)
    (w, h), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_DUPLEX, size, weight)
    pad = max(2, round(0.45 * h))
    w, h = w + 2 * pad, h + 2 * pad
    gap = line_width(image) + 1
    rows = (box[1] - h - gap, box[1] + box[3] + gap, box[1] + gap)
    top = round(
        next((row for row in rows if 0 <= row <= height - h), min(max(rows[2], 0), height - h))
    )
    left = round(min(max(box[0], 0), length - w))
    top, left = max(top, 0), max(left, 0)
    area = image[top : top + h, left : left + w]
    area[:] = (0.3 * area + 0.7 * np.array([16, 20, 26])).astype(np.uint8)
    at = (left + pad, top + h - pad)
    cv2.putText(image, label, at, cv2.FONT_HERSHEY_DUPLEX, size, colour, weight, cv2.LINE_AA)
