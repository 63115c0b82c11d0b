"""Tracking: everything that happens to the frames of a video with a trained network.

from pytracking import Tracker

tracker = Tracker.load()
tracker.initialize(frame, (x, y, w, h))
prediction = tracker.track(next_frame)

MultiTracker tracks several named targets in one pass a frame.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would take most of the time of this import
if TYPE_CHECKING:
    from typing import Any

    from ltr import __version__
    from ltr.errors import (
        BoxError,
        CheckpointError,
        ConfigError,
        DataError,
        FrameError,
        ResultError,
        SourceEndedEarly,
        TrackingError,
    )
    from ltr.frame_folder import FrameFolder
    from ltr.video import VideoFile
    from pytracking.api import MultiTracker, Prediction, Tracker
    from pytracking.live.session import Session
    from pytracking.live.views import View
    from pytracking.sinks.boxes_file import BoxesFile
    from pytracking.sinks.overlays import Overlay, draw_box, draw_boxes
    from pytracking.sinks.result_table import read_results
    from pytracking.sinks.video_writer import VideoWriter
    from pytracking.sources.feed import Condition, Feed, Shot
    from pytracking.sources.opening import open_feed, open_source
    from pytracking.sources.pushed_feed import PushedFeed
    from pytracking.sources.source import Source

__all__ = [
    "DEFAULT_NETWORK",
    "BoxError",
    "BoxesFile",
    "CheckpointError",
    "Condition",
    "ConfigError",
    "DataError",
    "Feed",
    "FrameError",
    "FrameFolder",
    "MultiTracker",
    "Overlay",
    "Prediction",
    "PushedFeed",
    "ResultError",
    "Session",
    "Shot",
    "Source",
    "SourceEndedEarly",
    "Tracker",
    "TrackingError",
    "VideoFile",
    "VideoWriter",
    "View",
    "__version__",
    "draw_box",
    "draw_boxes",
    "open_feed",
    "open_source",
    "read_results",
]

DEFAULT_NETWORK = "nce_plus_mobile"
"""The faster of the two trained networks, which sequences left out of training do not tell apart.
README.md has the table."""
_MODULES = {
    "ltr": "__version__",
    "ltr.errors": (
        "BoxError CheckpointError ConfigError DataError FrameError ResultError SourceEndedEarly "
        "TrackingError"
    ),
    "ltr.frame_folder": "FrameFolder",
    "ltr.video": "VideoFile",
    "pytracking.api": "MultiTracker Prediction Tracker",
    "pytracking.live.session": "Session",
    "pytracking.live.views": "View",
    "pytracking.sinks.boxes_file": "BoxesFile",
    "pytracking.sinks.overlays": "Overlay draw_box draw_boxes",
    "pytracking.sinks.result_table": "read_results",
    "pytracking.sinks.video_writer": "VideoWriter",
    "pytracking.sources.feed": "Condition Feed Shot",
    "pytracking.sources.opening": "open_feed open_source",
    "pytracking.sources.pushed_feed": "PushedFeed",
    "pytracking.sources.source": "Source",
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    # torch is imported with the first use, so that the command line answers at once
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'pytracking' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
