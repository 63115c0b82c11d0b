"""A frame with the numbers of its pixels, off which a box can be read."""

from __future__ import annotations

import os

import numpy as np

from ltr.drawing import measured, write_picture
from ltr.images import Frame
from pytracking.sinks.overlays import text_size

LEAST_LENGTH = 960
"""Pixels of the longer side that the picture has at the least."""
LINES = 14
"""About so many numbered lines across the longer side."""
PAPER, INK, LINE = 245, (20, 20, 20), (255, 255, 255)
PARTS = 5
"""Faint lines between two numbered ones, the second of which is included."""


def write_pixel_grid(path: str | os.PathLike[str], frame: Frame) -> None:
    """Write `pixel_grid(frame)` as PNG. Raises ResultError."""
    write_picture(path, pixel_grid(frame))


def pixel_grid(frame: Frame) -> Frame:
    """A frame (H, W, 3) with a grid and, in a margin on its left and above, the numbers of the
    columns and rows that the lines go through; small frames are enlarged."""
    import cv2

    times = -(-LEAST_LENGTH // max(frame.shape[:2]))
    height, width = times * frame.shape[0], times * frame.shape[1]
    image = cv2.resize(frame, (width, height), interpolation=cv2.INTER_NEAREST)
    step = grid_step(max(frame.shape[:2]))
    faint, strong = image.copy(), image.copy()
    for shade, shift in ((INK, 1), (LINE, 0)):  # a dark rim on bright ground
        for axis, length in enumerate(frame.shape[:2]):
            for number in range(0, length, max(1, step // PARTS)):
                at = _at(number, times) + shift
                start, end = ((0, at), (width, at)) if axis == 0 else ((at, 0), (at, height))
                cv2.line(faint if number % step else strong, start, end, shade, 1)
    mixed = cv2.addWeighted(cv2.addWeighted(image, 0.3, strong, 0.7, 0), 0.8, faint, 0.2, 0)
    grid: Frame = np.asarray(mixed, np.uint8)
    size = text_size(grid)
    wide, high = measured(str(10 ** len(str(max(frame.shape[:2]))) - 1), size)
    left, top = wide + 12, high + 12
    sheet = np.full((top + height, left + width, 3), PAPER, np.uint8)
    sheet[top:, left:] = grid
    for axis, length in enumerate(frame.shape[:2]):
        for number in range(0, length, step):
            wide, high = measured(str(number), size)
            at = _at(number, times)
            row, column = (top + at, left - 1) if axis == 0 else (top - 1, left + at)
            mark_end = (column - 3, row) if axis == 0 else (column, row - 3)
            cv2.line(sheet, (column, row), mark_end, INK, 1)
            centred = (column - 5 - wide, row + high // 2), (column - wide // 2, row - 5)
            place = (min(centred[axis][0], left + width - wide), max(centred[axis][1], high))
            cv2.putText(sheet, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, size, INK, 1, 16)
    return sheet


def grid_step(length: int) -> int:
    """Pixels between two numbered lines: 5, 10, 20, 50 and so on, about LINES over `length`."""
    steps = (unit * 10**power for power in range(1, 6) for unit in (1, 2, 5))
    return next((step for step in (5, *steps) if step * LINES >= length), 10**6)


def _at(number: int, times: int) -> int:
    """Where pixel `number` has its middle, enlarged."""
    return number * times + (times - 1) // 2
