"""What the tracker says of a target in a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["found", "uncertain", "hard_negative", "not_found"]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Prediction:
    """One target in one frame."""

    box: Box
    """(x, y, w, h) in frame pixels, 0-based; the last one where the target was not found."""
    score: float
    """Maximum of the score map of the chosen size."""
    status: Status
    search_area: Box
    """(x, y, w, h) of the window that was searched, in frame pixels; it may reach beyond the frame."""
