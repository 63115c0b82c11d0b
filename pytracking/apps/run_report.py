"""How a run went, in lines: time, statuses, scores, and whether the target was lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ltr.drawing import short
from ltr.progress import counted
from pytracking.evaluation.score_drop import lasting_drop
from pytracking.tracker.prediction import STATUSES, Prediction, Status

MEANINGS = {
    "uncertain": "a low score, or a rival that cannot be told apart",
    "hard_negative": "a rival that is told apart by its place, so the box is the target's; the "
    "filter learned at once that the rival is something else",
    "not_found": "the last box is repeated",
}
SCORE_MEANING = (
    "score: the peak of the filter's answer; 1 is what it was taught, more is possible; no "
    "probability"
)


@dataclass
class Course:
    """How far a run came: it grows frame by frame, so that it can be told whatever ends it."""

    seconds: list[float] = field(default_factory=list)
    """Of each frame, the first one included."""
    numbers: list[int] = field(default_factory=list)
    """Of the frames after the first, in the source, from 1."""
    statuses: dict[str, list[Status]] = field(default_factory=dict)
    """Of each target in these frames."""
    scores: dict[str, list[float]] = field(default_factory=dict)

    def add(self, number: int, predictions: Mapping[str, Prediction], seconds: float) -> None:
        """A frame after the first."""
        self.seconds.append(seconds)
        self.numbers.append(number)
        for name, prediction in predictions.items():
            self.statuses.setdefault(name, []).append(prediction.status)
            self.scores.setdefault(name, []).append(prediction.score)


def report(course: Course, targets: int, device: object) -> list[str]:
    """The lines for a run of so many targets on a device."""
    what = "the target" if targets == 1 else f"{targets} targets"
    lines = [f"first frame  {course.seconds[0] * 1e3:.0f} ms to learn {what}"]
    later = course.seconds[1:]
    if not later:
        return lines
    frames = counted(len(later), "frame")
    mean, worst = sum(later) / len(later), max(later)
    lines.append(
        f"then         {frames}, mean {mean * 1e3:.0f} ms, slowest "
        f"{worst * 1e3:.0f} ms: {1 / mean:.1f} frames per second on {device}"
    )
    return [*lines, *_table(course), *_meanings(course), *_warnings(course)]


def _table(course: Course) -> list[str]:
    heads = ["frames", *(_words(status) for status in STATUSES), "mean score"]
    rows = []
    for name, statuses in course.statuses.items():
        counts = Counter(statuses)
        scores = course.scores[name]
        numbers = [str(counts[status]) for status in STATUSES]
        rows.append([_shown(name), *numbers, short(sum(scores) / len(scores))])
    width = max(12, *(len(row[0]) for row in rows))
    return [
        f"{row[0]:<{width}}"
        + "".join(f"  {cell:>{len(head)}}" for cell, head in zip(row[1:], heads[1:], strict=True))
        for row in [heads, *rows]
    ]


def _meanings(course: Course) -> list[str]:
    lines = []
    for status, meaning in MEANINGS.items():
        found = [
            course.numbers[k]
            for statuses in course.statuses.values()
            for k, each in enumerate(statuses)
            if each == status
        ]
        if found:
            lines.append(f"{_words(status)}: {meaning}; first in frame {min(found)}")
    if any(score > 1 for scores in course.scores.values() for score in scores):
        lines.append(SCORE_MEANING)
    return lines


def _warnings(course: Course) -> list[str]:
    drops = {name: lasting_drop(scores) for name, scores in course.scores.items()}
    return [
        f"warning: the scores of {_shown(name)} fell at frame {course.numbers[drop.begin]} and "
        f"stayed low (about {short(drop.after)}, at first {short(drop.before)}): it may be lost "
        "from there on, look at the video"
        for name, drop in drops.items()
        if drop is not None
    ]


def _words(status: str) -> str:
    return status.replace("_", " ")


def _shown(name: str) -> str:
    return name if len(name) <= 30 else f"{name[:29]}…"
