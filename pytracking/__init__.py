"""Tracking: everything that happens to the frames of a video with a trained network.

from pytracking import Tracker

tracker = Tracker.load()
tracker.initialize(frame, (x, y, w, h))
prediction = tracker.track(next_frame)

MultiTracker tracks several named targets in one pass a frame.
"""

from __future__ import annotations

from ltr import __version__

TYPE_CHECKING = False  # importing typing would take most of the time of this import
if TYPE_CHECKING:
    from typing import Any

    from pytracking.api import MultiTracker, Prediction, Tracker

__all__ = ["DEFAULT_NETWORK", "MultiTracker", "Prediction", "Tracker", "__version__"]

DEFAULT_NETWORK = "imagenet18"
"""The bundled network that loses fewer targets; imagenet_mobile is the fast one. README.md has the
table."""


def __getattr__(name: str) -> Any:
    # torch is imported with the first use, so that the command line answers at once
    if name in ("MultiTracker", "Prediction", "Tracker"):
        from pytracking import api

        return getattr(api, name)
    raise AttributeError(f"module 'pytracking' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
