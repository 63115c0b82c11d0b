"""What the tracker says of a target in a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Status = Literal["found", "uncertain", "hard_negative", "not_found"]
STATUSES: tuple[Status, ...] = get_args(Status)
"""found: nothing else looks like it. uncertain: a low score, or a rival that cannot be told from
it. hard_negative: a rival that can be told by its place, from which the filter learns at once.
not_found: not moved."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Spread:
    """How sure the tracker is of a box: of x, y, w and h each, in frame pixels, from boxes that
    were sampled by their energies."""

    deviation: Box
    """Standard deviations."""
    low: Box
    """The lower ends of the 90 % credible intervals."""
    high: Box
    """Their upper ends."""

    def to_dict(self) -> dict[str, list[float]]:
        """The fields by name, as JSON can hold them."""
        return {name: list(getattr(self, name)) for name in ("deviation", "low", "high")}


@dataclass(frozen=True)
class Prediction:
    """One target in one frame."""

    box: Box
    """(x, y, w, h) in frame pixels, 0-based; the last one where the target was not found."""
    score: float
    """Maximum of the score map of the chosen size: about 1 for what the filter was taught, more is
    possible; a probability only in networks that learn a density (PrDiMP)."""
    status: Status
    search_area: Box
    """(x, y, w, h) of the window that was searched, in frame pixels; it may reach beyond the
    frame."""
    spread: Spread | None = None
    """Of presets that sample boxes (`refinement.method`); None of others, and where the target was
    not found."""

    @property
    def xyxy(self) -> Box:
        """(left, top, right, bottom) in frame pixels; right is x + w, the first column past it."""
        x, y, w, h = self.box
        return x, y, x + w, y + h

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) in frame pixels, whole numbers at the middle of a pixel: x + (w - 1)/2."""
        x, y, w, h = self.box
        return x + (w - 1) / 2, y + (h - 1) / 2

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON can hold them: boxes are lists of four floats."""
        return {
            "box": list(self.box),
            "score": self.score,
            "status": self.status,
            "search_area": list(self.search_area),
            "spread": None if self.spread is None else self.spread.to_dict(),
        }


def prediction_of(row: Sequence[float], hidden: bool) -> Prediction:
    """The prediction of ten numbers: box, search area, score and the number of the status; and
    maybe twelve of its spread: deviations, and the ends of the intervals counted from the box.
    `hidden`: a box of -1 for a target that is not found."""
    status = STATUSES[int(row[9])]
    lost = status == "not_found"
    box = four((-1.0,) * 4 if hidden and lost else row[:4])
    spread = None
    if len(row) > 10 and not lost:
        low, high = (four(map(sum, zip(box, row[k : k + 4], strict=True))) for k in (14, 18))
        spread = Spread(four(row[10:14]), low, high)
    return Prediction(box, row[8], status, four(row[4:8]), spread)


def four(numbers: Iterable[float]) -> Box:
    """Four numbers as a box."""
    x, y, w, h = numbers
    return x, y, w, h
