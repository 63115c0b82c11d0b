"""What the tracker says of a target in a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Status = Literal["found", "uncertain", "hard_negative", "not_found"]
STATUSES: tuple[Status, ...] = get_args(Status)
"""found: nothing else looks like it. uncertain: a low score, or a rival that cannot be told from
it. hard_negative: a rival that can be told by its place, from which the filter learns at once.
not_found: not moved."""
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
    """(x, y, w, h) of the window that was searched, in frame pixels; it may reach beyond the
    frame."""
