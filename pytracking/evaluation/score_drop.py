"""Where the scores of a run fell and stayed low: what a tracker that lost its target looks like."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

WINDOW = 9
"""Frames of the running median: shorter dips, as a panel that passes, are no drop."""
EARLY = 25
"""Frames at the beginning that say which scores are usual."""
LOW = 0.5
"""Below this share of the early median a score is low."""


class ScoreDrop(NamedTuple):
    """Scores that fell for good."""

    begin: int
    """Index of the first score of the low end."""
    before: float
    """Median of the early scores."""
    after: float
    """Median of the low end."""


def lasting_drop(scores: Sequence[float]) -> ScoreDrop | None:
    """Where `scores`, one a frame, fall below half of their early median, never to recover; None
    where they do not.

    What counts is the running median of nine scores. The low end must be as long as that, so what
    falls in the last frames alone is not told of."""
    early = median(scores[:EARLY]) if len(scores) >= 2 * WINDOW else 0.0
    if early <= 0:
        return None
    half = WINDOW // 2
    running = [median(scores[max(0, k - half) : k + half + 1]) for k in range(len(scores))]
    begin = 1 + max((k for k, value in enumerate(running) if value >= LOW * early), default=-1)
    if len(scores) - begin < WINDOW:
        return None
    return ScoreDrop(begin, early, median(scores[begin:]))
