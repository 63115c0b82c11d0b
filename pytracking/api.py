"""What a user imports: Tracker and Prediction."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from ltr.errors import ConfigError, TrackingError
from ltr.geometry import checked_box
from ltr.images import Color, as_frame
from ltr.models.folding import fold
from ltr.models.zoo import open_network
from pytracking import DEFAULT_NETWORK
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import Box, Prediction, Status
from pytracking.tracker.presets import TrackerPreset, preset_named
from pytracking.tracker.state import TrackerState

__all__ = ["Box", "Prediction", "Status", "Tracker"]


class Tracker:
    """Tracks one target through the frames of a video.

    tracker = Tracker.load()
    tracker.initialize(frame, (x, y, w, h))
    for frame in frames:
        prediction = tracker.track(frame)
    """

    def __init__(self, engine: TrackerEngine, color: Color = "rgb", name: str = "target") -> None:
        self.engine = engine
        self.color = color
        self.name = name
        self.observer: Observer | None = None
        self._state: TrackerState | None = None

    @classmethod
    def load(
        cls,
        name_or_path: str | os.PathLike[str] = DEFAULT_NETWORK,
        preset: str | TrackerPreset | None = None,
        device: str = "auto",
        seed: int = 0,
        color: Color = "rgb",
        name: str = "target",
    ) -> Tracker:
        """A tracker with the network of a name or file.

        preset: a name or a value, by default the network's own. device: "auto" is CUDA where there is one, else the
        CPU. seed and name fix all random draws. color: the order of the frames' channels, "bgr" for OpenCV's.
        Raises ConfigError or CheckpointError."""
        if color not in ("rgb", "bgr"):
            raise ConfigError(f"color is {color!r}: give 'rgb' or 'bgr'")
        return cls(load_engine(name_or_path, preset, device, seed), color, name)

    def initialize(self, frame: Any, box: Sequence[float]) -> None:
        """Begin with the target in `box` (x, y, w, h) of `frame`: uint8 or uint16, (H, W) or (H, W, 1, 3 or 4), any
        strides. Raises FrameError or BoxError, and then what was tracked before goes on."""
        image = as_frame(frame, self.color)
        self._state = self.engine.start(image, checked_box(box, image.shape[:2]), self.name)

    def track(self, frame: Any) -> Prediction:
        """Find the target in the next frame. Raises FrameError, and then may be called again with a good frame."""
        if self._state is None:
            raise TrackingError("track was called before initialize: give the first frame and the target's box")
        image = as_frame(frame, self.color)
        self._state, (prediction,) = self.engine.step(self._state, [image], observer=self.observer)
        return prediction


def load_engine(
    name_or_path: str | os.PathLike[str] = DEFAULT_NETWORK,
    preset: str | TrackerPreset | None = None,
    device: str = "auto",
    seed: int = 0,
) -> TrackerEngine:
    """The engine of a network and a preset, as `Tracker.load` makes it."""
    place, loaded = choose_device(device), open_network(name_or_path)
    for note in loaded.notes:
        warnings.warn(f"{os.fspath(name_or_path)}: {note}", stacklevel=3)
    preset = preset or loaded.preset
    if not preset:
        raise ConfigError(f"network {os.fspath(name_or_path)} names no preset: give one, for example preset='dimp18'")
    values = preset_named(preset) if isinstance(preset, str) else preset
    return TrackerEngine(fold(loaded.net, place), values, seed)


def choose_device(device: str) -> torch.device:
    """The device of a name; "auto" is CUDA where there is one. Raises ConfigError for one that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise ConfigError(f"unknown device {device!r}: give auto, cpu, cuda or cuda:N") from None
    if chosen.type not in ("cpu", "cuda"):
        raise ConfigError(f"device {device!r} is not supported: give auto, cpu, cuda or cuda:N")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device {device!r} is not there: no CUDA device was found; give cpu or auto")
    return chosen
