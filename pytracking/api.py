"""What a user imports: Tracker, MultiTracker and Prediction."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import torch

from ltr.errors import BoxError, ConfigError, FrameError, TrackingError
from ltr.geometry import checked_box
from ltr.images import Color, Frame, as_frame
from ltr.models.folding import fold
from ltr.networks import open_network
from ltr.transfer import choose_device, free_bytes
from pytracking import DEFAULT_NETWORK
from pytracking.state_files import read_snapshot, write_snapshot
from pytracking.tracker.draws import checked_seed
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import Box, Prediction, Status
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.presets import preset_named
from pytracking.tracker.snapshot import Snapshot, bytes_per_target, take_snapshot
from pytracking.tracker.state import TrackerState, concatenate, select

__all__ = ["Box", "MultiTracker", "Prediction", "Snapshot", "Status", "Tracker"]


P = ParamSpec("P")
R = TypeVar("R")


def one_at_a_time(method: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """A method of a tracker that waits while another thread is in one."""

    @wraps(method)
    def locked(tracker: Any, *arguments: P.args, **options: P.kwargs) -> R:
        with tracker._lock:
            return method(tracker, *arguments, **options)

    return locked


def refuse_to_copy(tracker: Tracker | MultiTracker) -> NoReturn:
    """What `pickle` and `copy` ask for: TrackingError, as a tracker holds a network and a lock."""
    raise TrackingError(
        f"a {type(tracker).__name__} cannot be copied or pickled: save(path) and another one's "
        "resume(path) carry its targets over; in memory, snapshot() and resume(snapshot)"
    )


class Tracker:
    """Tracks one target through the frames of a video. Calls from several threads wait for one
    another; several trackers may share an engine.

    tracker = Tracker.load()
    tracker.initialize(frame, (x, y, w, h))
    for frame in frames:
        prediction = tracker.track(frame)
    """

    def __init__(self, engine: TrackerEngine, color: Color = "rgb", name: str = "target") -> None:
        self.engine = engine
        self.color = _checked_color(color)
        self.name = checked_name(name)
        self.observer: Observer | None = None
        self._state: TrackerState | None = None
        self._lock = threading.RLock()

    @classmethod
    def load(
        cls,
        name_or_path: str | os.PathLike[str] = DEFAULT_NETWORK,
        preset: str | TrackerPreset | None = None,
        device: str | torch.device | None = "auto",
        seed: int = 0,
        color: Color = "rgb",
        name: str = "target",
    ) -> Tracker:
        """A tracker with the network of a name or file.

        preset: a name or a value, by default the network's own. device: "auto" or None is CUDA
        where there is one, else the CPU. seed and name fix all random draws. color: the order of
        the frames' channels, "bgr" for OpenCV's. Raises ConfigError or CheckpointError, BoxError
        for a name that cannot be."""
        return cls(load_engine(name_or_path, preset, device, seed), color, name)

    @one_at_a_time
    def initialize(self, frame: Any, box: Sequence[float]) -> None:
        """Begin with the target in `box` (x, y, w, h) of `frame`: uint8 or uint16, (H, W) or (H, W,
        1, 3 or 4), any strides. Raises FrameError or BoxError, and then what was tracked before
        goes on."""
        image = as_frame(frame, self.color)
        self._state = self.engine.start(image, checked_box(box, image.shape[:2]), self.name)

    @one_at_a_time
    def track(self, frame: Any) -> Prediction:
        """Find the target in the next frame. Raises FrameError, and then may be called again with a
        good frame."""
        state = self._started("track")
        image = as_frame(frame, self.color)
        self._state, (prediction,) = self.engine.step(state, [image], observer=self.observer)
        return prediction

    @one_at_a_time
    def snapshot(self) -> Snapshot:
        """All that is known of the target now; `resume` goes back to it, as often as you like."""
        return take_snapshot(self._started("snapshot"), self.engine)

    @one_at_a_time
    def resume(self, snapshot: Snapshot | str | os.PathLike[str]) -> None:
        """Go on from a snapshot, or from a file that `save` wrote, as if nothing had happened in
        between. Raises TrackingError where that is damaged, ConfigError where it is of another
        network, preset or seed."""
        state = _opened(snapshot, self.engine).state_for(self.engine)
        if len(state.names) != 1:
            raise ConfigError(
                f"the state holds {len(state.names)} targets: resume it with a MultiTracker"
            )
        self._state, self.name = state, state.names[0]

    @one_at_a_time
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `snapshot()` to a file. Raises ResultError."""
        write_snapshot(path, self.snapshot())

    __reduce__ = refuse_to_copy

    def _started(self, call: str) -> TrackerState:
        if self._state is None:
            raise TrackingError(
                f"{call} was called before initialize: give the first frame and the target's box"
            )
        return self._state


class MultiTracker:
    """Tracks any number of named targets in one pass a frame; they come and go at any time, also
    from other threads: a call waits until the one before is done.

    tracker = MultiTracker.load()
    tracker.add(frame, (x, y, w, h), "left")
    tracker.add(frame, (x, y, w, h), "right")
    for frame in frames:
        predictions = tracker.track(frame)     # {"left": Prediction, "right": Prediction}
    """

    def __init__(self, engine: TrackerEngine, color: Color = "rgb") -> None:
        self.engine = engine
        self.color = _checked_color(color)
        self.observer: Observer | None = None
        self._state: TrackerState | None = None
        self._lock = threading.RLock()

    @classmethod
    def load(
        cls,
        name_or_path: str | os.PathLike[str] = DEFAULT_NETWORK,
        preset: str | TrackerPreset | None = None,
        device: str | torch.device | None = "auto",
        seed: int = 0,
        color: Color = "rgb",
    ) -> MultiTracker:
        """A tracker without targets; arguments as for `Tracker.load`."""
        return cls(load_engine(name_or_path, preset, device, seed), color)

    @property
    def names(self) -> tuple[str, ...]:
        """The targets, in the order in which they were added."""
        state = self._state  # read once: another thread may replace it
        return state.names if state else ()

    @one_at_a_time
    def add(self, frame: Any, box: Sequence[float], name: str) -> None:
        """Begin to track what lies in `box` (x, y, w, h) of `frame`; a name and a seed fix its
        random draws. Others are not touched. Raises FrameError, BoxError for a box or a name that
        cannot be, ConfigError where memory is short.
        """
        if checked_name(name) in self.names:
            raise BoxError(
                f"a target {name!r} is tracked already: give another name, or remove it first"
            )
        image = as_frame(frame, self.color)
        checked = checked_box(box, image.shape[:2])
        self.check_room(1)
        self._join(self.engine.start(image, checked, name))

    @one_at_a_time
    def remove(self, name: str) -> None:
        """Forget a target. Others are not touched."""
        state = self._state_with([name])
        kept = [row for row, known in enumerate(self.names) if known != name]
        self._state = select(state, kept) if kept else None

    @one_at_a_time
    def track(self, frame: Any, names: Collection[str] | None = None) -> dict[str, Prediction]:
        """Find all targets in the next frame, or each in its own: {name: frame}. Where `names` are
        given only these go one frame further, as if there were no others, which stand still.
        Raises FrameError, and then may be called again with good frames; BoxError for a name that
        is not tracked."""
        if names is not None and set(names) != set(self.names):
            return self._track_some(frame, names)
        if self._state is None:
            return {}
        self._state, predictions = self._step(self._state, frame)
        return predictions

    @one_at_a_time
    def snapshot(self) -> Snapshot:
        """All that is known of the targets now; `resume` adds them as they were, once they are
        removed here or in another tracker."""
        if self._state is None:
            raise TrackingError("there is no target to take a snapshot of: add one first")
        return take_snapshot(self._state, self.engine)

    @one_at_a_time
    def resume(self, snapshot: Snapshot | str | os.PathLike[str]) -> None:
        """Add the targets of a snapshot or of a file, each as it was. Raises as `Tracker.resume`,
        and BoxError for a name that is tracked already."""
        state = _opened(snapshot, self.engine).state_for(self.engine)
        twice = set(state.names) & set(self.names)
        if twice:
            raise BoxError(f"a target {min(twice)!r} is tracked already: remove it first")
        self.check_room(len(state.names))
        self._join(state)

    @one_at_a_time
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `snapshot()` to a file. Raises ResultError."""
        write_snapshot(path, self.snapshot())

    def check_room(self, more: int) -> None:
        """Raises ConfigError, with the arithmetic, where the memory does not hold `more` further
        targets."""
        count, each = len(self.names) + more, bytes_per_target(self.engine)
        device = self.engine.net.device
        needed = (count + more) * each  # rows are copied when others join them
        free = free_bytes(device)
        if free is not None and needed > free:
            raise ConfigError(
                f"{count} target{'s do' if count > 1 else ' does'} not fit into the memory of "
                f"{device}: ({count} + {more} while they are added) x {each / 1e6:.1f} MB = "
                f"{needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free; track fewer, or lower "
                "memory.size"
            )

    __reduce__ = refuse_to_copy

    def _join(self, state: TrackerState) -> None:
        self._state = concatenate([self._state, state]) if self._state else state

    def _state_with(self, names: Collection[str]) -> TrackerState:
        """The state, which holds all `names`."""
        for name in names:
            if name not in self.names:
                raise BoxError(
                    f"no target {name!r} is tracked: there are {', '.join(self.names) or 'none'}"
                )
        assert self._state is not None
        return self._state

    def _track_some(self, frame: Any, names: Collection[str]) -> dict[str, Prediction]:
        if not names:
            return {}
        state = self._state_with(names)
        rows = [row for row, name in enumerate(state.names) if name in names]
        others = [row for row, name in enumerate(state.names) if name not in names]
        stepped, predictions = self._step(select(state, rows), frame)
        together = concatenate([stepped, select(state, others)])
        order = [together.names.index(name) for name in state.names]
        self._state = select(together, order)
        return predictions

    def _step(self, state: TrackerState, frame: Any) -> tuple[TrackerState, dict[str, Prediction]]:
        frames, frame_of = self._frames(frame, state.names)
        state, predictions = self.engine.step(state, frames, frame_of, self.observer)
        return state, dict(zip(state.names, predictions, strict=True))

    def _frames(self, frame: Any, names: Sequence[str]) -> tuple[list[Frame], list[int]]:
        """The different frames, and which one each target sees."""
        if not isinstance(frame, Mapping):
            return [as_frame(frame, self.color)], [0] * len(names)
        for name in names:
            if name not in frame:
                raise FrameError(
                    f"there is no frame for target {name!r}: give one frame for all, or one for "
                    "each"
                )
        # once each: a mapping may make them as they are asked for
        frames = [frame[name] for name in names]
        different = {id(image): image for image in frames}
        order = list(different)
        images = [as_frame(image, self.color) for image in different.values()]
        return images, [order.index(id(image)) for image in frames]


def load_engine(
    name_or_path: str | os.PathLike[str] = DEFAULT_NETWORK,
    preset: str | TrackerPreset | None = None,
    device: str | torch.device | None = "auto",
    seed: int = 0,
    change: Callable[[TrackerPreset], TrackerPreset] = lambda preset: preset,
) -> TrackerEngine:
    """The engine of a network and a preset, by default the network's own, changed by `change`."""
    chosen, seed = choose_device(device), checked_seed(seed)
    loaded = open_network(name_or_path)
    for note in loaded.notes:
        warnings.warn(f"{os.fspath(name_or_path)}: {note}", stacklevel=3)
    preset = preset or loaded.preset
    if not preset:
        raise ConfigError(
            f"network {os.fspath(name_or_path)} names no preset: choose one that `pytracking "
            "presets` lists"
        )
    values = preset_named(preset) if isinstance(preset, str) else preset
    if not isinstance(values, TrackerPreset):
        raise ConfigError(f"preset is {preset!r:.80}: give a name or a TrackerPreset")
    return TrackerEngine(fold(loaded.net, chosen), change(values), seed)


def checked_name(name: str) -> str:
    """`name`, or BoxError: it stands in files and in lines of text."""
    if not isinstance(name, str) or not name or not name.isprintable():
        raise BoxError(f"a target cannot be named {name!r:.80}: give printable text")
    return name


def _opened(snapshot: Snapshot | str | os.PathLike[str], engine: TrackerEngine) -> Snapshot:
    return snapshot if isinstance(snapshot, Snapshot) else read_snapshot(snapshot, engine)


def _checked_color(color: Color) -> Color:
    if color not in ("rgb", "bgr"):
        raise ConfigError(f"color is {color!r}: give 'rgb' or 'bgr'")
    return color
