"""What pictures are drawn with, RGB and with OpenCV alone: colours, lines to a fraction of a pixel,
words, and values as colours."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ltr.files import write_bytes
from ltr.images import Frame

Colour = tuple[int, int, int]
"""RGB, 0..255."""

PALETTE: tuple[Colour, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
    (225, 225, 225),
)
"""Okabe and Ito's colours, which the colour-blind tell apart too, light grey for their black:
sky blue, orange, bluish green, yellow, vermilion, reddish purple, blue, grey."""
DARK: Colour = (16, 20, 26)
LIGHT: Colour = (255, 255, 255)

Pattern = tuple[float, ...]
"""Strokes and gaps in widths of the line, whose ends are round; nothing: a solid line."""
SUBPIXEL = 4
"""Binary digits of a pixel's fraction in OpenCV's drawing."""


def outline(
    image: Frame, box_xywh: Sequence[float], colour: Colour, width: int, pattern: Pattern = ()
) -> None:
    """Draw the edges of a box into `image`, anti-aliased, to a fraction of a pixel, with a dark rim
    that sets them off from any background."""
    lines = edges(box_xywh, image.shape[1], image.shape[0], width)
    if pattern and len(lines):
        lines = np.concatenate([strokes(line, np.multiply(pattern, width)) for line in lines])
    draw_lines(image, lines, colour, width)


def edges(
    box_xywh: Sequence[float], length: int, height: int, margin: float
) -> NDArray[np.float64]:
    """(N, 2, 2) the ends (x, y) of the edges of a box, as far as they lie in a picture of this
    length and height or within `margin` of it; pixel centres have whole numbers."""
    low = np.full(2, -2.0 * margin)
    high = np.array([length, height]) + 2.0 * margin
    x, y, w, h = box_xywh
    near, far = np.array([x, y]) - 0.5, np.array([x + w, y + h]) - 0.5
    (left, top), (right, bottom) = near.clip(low, high), far.clip(low, high)
    lines = np.array(
        [
            [(left, top), (right, top)],
            [(right, top), (right, bottom)],
            [(left, bottom), (right, bottom)],
            [(left, top), (left, bottom)],
        ]
    )
    return lines[[near[1] == top, far[0] == right, far[1] == bottom, near[0] == left]]


def strokes(line: NDArray[np.float64], pattern: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2, 2) the ends of the strokes of a line (2, 2). `pattern`, strokes and gaps in pixels, is
    stretched a little, so that the line begins and ends with its first stroke."""
    start, end = line
    length = float(np.hypot(*(end - start)))
    period = float(pattern.sum())
    count = max(1, round((length - pattern[0]) / period))
    begins = np.concatenate([[0.0], pattern.cumsum()[:-1]])[::2]
    one = np.stack([begins, begins + pattern[::2]], axis=1)
    along = (np.arange(count + 1)[:, None, None] * period + one).reshape(-1, 2)
    along = along[: 1 - len(one) or None] / (count * period + pattern[0])
    return np.asarray(start + along[..., None] * (end - start))


def draw_lines(image: Frame, lines: NDArray[np.float64], colour: Colour, width: int) -> None:
    """Draw N lines through (N, P, 2) points (x, y) into `image`, with a dark rim."""
    import cv2

    points = np.rint(lines * 2**SUBPIXEL).astype(np.int32)
    for shade, thick in ((DARK, width + min(width, 2)), (colour, width)):
        cv2.polylines(image, list(points), False, shade, thick, cv2.LINE_AA, SUBPIXEL)


def put(
    image: Frame,
    words: str,
    left: int,
    line: int,
    colour: Colour,
    size: float,
    room: int = 10**6,
    bold: bool = False,
) -> int:
    """Write `words` from `left` on the base `line`, shortened to `room` pixels; returns where they
    end."""
    import cv2

    text = shortened(words, size, room, bold)
    cv2.putText(image, text, (left, line), _font(bold), size, colour, 1, cv2.LINE_AA)
    return left + measured(text, size, bold)[0]


def shortened(words: str, size: float, room: int, bold: bool = False) -> str:
    """Printable `words`, cut with two dots where they are longer than `room` pixels."""
    plain = "".join(c if c.isprintable() else "?" for c in words[:200])
    text = plain.encode("utf-8", "replace").decode()
    plain = text
    while measured(text, size, bold)[0] > room and plain:
        plain = plain[:-1]
        text = plain + ".."
    return text


def measured(words: str, size: float, bold: bool = False) -> tuple[int, int]:
    """Width and height of words in pixels."""
    import cv2

    (width, height), _ = cv2.getTextSize(words, _font(bold), size, 1)
    return width, height


def _font(bold: bool) -> int:
    import cv2

    return cv2.FONT_HERSHEY_DUPLEX if bold else cv2.FONT_HERSHEY_SIMPLEX


def short(score: float) -> str:
    """A score in the fewest characters: .87, -.02, 1.00."""
    return f"{score:.2f}".replace("0.", ".", 1) if abs(score) < 0.995 else f"{score:.2f}"


def coloured(
    values: NDArray[np.float32], low: float, high: float, colours: str
) -> NDArray[np.uint8]:
    """Values of any shape (...) as RGB (..., 3), by one of OpenCV's colour maps; NaN as `low`."""
    import cv2

    share = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12)
    levels = np.rint(share.clip(0, 1) * 255).astype(np.uint8)
    mapped = cv2.applyColorMap(levels.reshape(-1, 1), getattr(cv2, colours))
    return np.ascontiguousarray(mapped[..., ::-1]).reshape(*values.shape, 3)


def resized(image: Frame, width: int, height: int, sharp: bool = False) -> Frame:
    """A picture of another size; `sharp`: with its pixels as squares."""
    import cv2

    kind = cv2.INTER_AREA if height < image.shape[0] else cv2.INTER_CUBIC
    return np.asarray(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST if sharp else kind),
        np.uint8,
    )


def write_picture(path: str | os.PathLike[str], picture: Frame) -> None:
    """Write RGB (H, W, 3) as PNG, whole or not at all. Raises ResultError."""
    import cv2

    _, coded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_bytes(path, coded.tobytes(), "picture")
