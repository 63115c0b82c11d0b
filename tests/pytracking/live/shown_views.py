"""Views of a session without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pytracking.live.rates import Rates
from pytracking.live.views import View
from pytracking.sinks.palette import TargetColours
from pytracking.sources.feed import Condition, Shot
from pytracking.tracker.prediction import Box, Prediction


def view_of(
    source: str = "cam",
    boxes: dict[str, Box] | None = None,
    number: int = 7,
    shape: tuple[int, int] = (360, 640),
    recording: Path | None = None,
    **others: Any,
) -> View:
    """A grey frame with targets that are found in these boxes."""
    predictions = {
        name: Prediction(box, 0.9, "found", (box[0] - 50, box[1] - 50, box[2] + 100, box[3] + 100))
        for name, box in (boxes or {}).items()
    }
    colours = TargetColours()
    values: dict[str, Any] = {
        "source": source,
        "sequence": number,
        "shot": Shot(number, np.full((*shape, 3), 90, np.uint8), 0.0),
        "predictions": predictions,
        "given": {},
        "seconds": 0.03,
        "rates": Rates(24.9, 31.2),
        "condition": Condition("running"),
        "paused": False,
        "recording": recording,
        "seen": None,
        "frames_dropped": 0,
        **others,
    }
    values["colours"] = {name: colours[name] for name in [*predictions, *values["given"]]}
    return View(**values)
