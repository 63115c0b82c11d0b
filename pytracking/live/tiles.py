"""Where the picture of each source lies in the window: side by side, and what a point means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytracking.tracker.prediction import Box

if TYPE_CHECKING:
    from pytracking.live.views import View
    from pytracking.sources.feed import Shot

Point = tuple[float, float]
"""(x, y) in pixels."""


@dataclass(frozen=True)
class Tile:
    """The picture of a source, in pixels of the window."""

    source: str
    view: View | None
    """What is known of it; None before anything is."""
    left: int
    top: int
    width: int
    height: int

    def holds(self, point: Point) -> bool:
        """Whether a point of the window lies in the picture."""
        x, y = point
        inside = self.left <= x < self.left + self.width
        return inside and self.top <= y < self.top + self.height

    def in_frame(self, point: Point) -> Point:
        """A point of the window in pixels of the frame, which it does not leave. Edges lie between
        pixels, as in `overlays.scaled`."""
        height, width = self.frame_hw()
        x = (point[0] - self.left) * width / self.width
        y = (point[1] - self.top) * height / self.height
        return min(max(x, 0.0), float(width)), min(max(y, 0.0), float(height))

    def in_window(self, point: Point) -> Point:
        """The way back."""
        height, width = self.frame_hw()
        return (
            self.left + point[0] * self.width / width,
            self.top + point[1] * self.height / height,
        )

    def boxes(self) -> dict[str, Box]:
        """The targets that are shown, each with its box in frame pixels, the newest ones last."""
        if self.view is None:
            return {}
        predicted = {name: p.box for name, p in self.view.predictions.items()}
        return {**predicted, **self.view.given}

    def shot(self) -> Shot | None:
        """The frame that is shown; None before one came."""
        return self.view.shot if self.view else None

    def frame_hw(self) -> tuple[int, int]:
        """Of the frame; of the picture where there is none."""
        shot = self.shot()
        return (self.height, self.width) if shot is None else shot.frame.shape[:2]


def grid(count: int) -> tuple[int, int]:
    """Columns and rows in which `count` pictures lie side by side."""
    columns = max(1, math.ceil(math.sqrt(count)))
    return columns, max(1, -(-count // columns))


def tiles(
    views: Sequence[tuple[str, View | None]], sizes: Sequence[tuple[int, int]], gap: int
) -> list[Tile]:
    """Sources and what they show, with the width and height of each picture, in a grid whose cells
    are as large as the largest picture."""
    columns, _ = grid(len(views))
    width, height = (max(size[k] for size in sizes) for k in (0, 1))
    return [
        Tile(source, view, k % columns * (width + gap), k // columns * (height + gap), *size)
        for k, ((source, view), size) in enumerate(zip(views, sizes, strict=True))
    ]
