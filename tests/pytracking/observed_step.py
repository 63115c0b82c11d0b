"""What tests of debug pictures look at: a frame, a score map, a prediction."""

from __future__ import annotations

import numpy as np
import torch

from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import Prediction, Status

FRAME = np.full((90, 160, 3), 90, np.uint8)
MAP = np.full((19, 19), -0.1, np.float32)
MAP[5, 12] = 0.8


def prediction(status: Status = "found") -> Prediction:
    return Prediction((40.0, 30.0, 20.0, 20.0), 0.8, status, (10.0, 0.0, 80.0, 80.0))


def told(observer: Observer | None, batch: int = 1) -> None:
    assert observer is not None
    observer.observe("score_map", torch.from_numpy(MAP).expand(batch, -1, -1))
