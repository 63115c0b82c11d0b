"""What became of one target over a run, frame by frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pytracking.tracker.prediction import Box, Prediction, Status

Values = NDArray[np.float64]


@dataclass
class History:
    """Grows by a frame at a time; the newest `limit` frames are kept, all of them without one."""

    limit: int | None = None
    numbers: deque[int] = field(init=False)
    """Of the frames, from 1."""
    boxes: deque[Box] = field(init=False)
    _scores: deque[float] = field(init=False)
    statuses: deque[Status] = field(init=False)
    _seconds: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        for name in ("numbers", "boxes", "_scores", "statuses", "_seconds"):
            setattr(self, name, deque(maxlen=self.limit))

    def add(self, number: int, prediction: Prediction, seconds: float) -> None:
        """A frame and what was predicted in it; seconds: of the tracker, NaN if not known."""
        self.numbers.append(number)
        self.boxes.append(prediction.box)
        self._scores.append(prediction.score)
        self.statuses.append(prediction.status)
        self._seconds.append(seconds)

    def scores(self) -> Values:
        """(N,)."""
        return np.array(self._scores, np.float64)

    def seconds(self) -> Values:
        """(N,) NaN where they are not known."""
        return np.array(self._seconds, np.float64)

    def sizes_wh(self) -> Values:
        """(N, 2) pixels; NaN where no box was given."""
        sizes = np.array(self.boxes, np.float64).reshape(-1, 4)[:, 2:]
        return np.where(sizes > 0, sizes, np.nan)
