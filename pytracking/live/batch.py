"""One step of the targets of several sources, as one batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from ltr.images import Frame
from pytracking.tracker.prediction import Prediction


class BatchTracker(Protocol):
    """What a session asks of its tracker: a `MultiTracker`."""

    observer: Any

    @property
    def names(self) -> tuple[str, ...]: ...

    def add(self, frame: Frame, box: Sequence[float], name: str) -> None: ...

    def remove(self, name: str) -> None: ...

    def track(
        self, frame: Mapping[str, Frame], names: Collection[str] | None = None
    ) -> dict[str, Prediction]: ...


def track_batch(
    tracker: BatchTracker,
    frames: Mapping[str, Mapping[str, Frame]],
    refused: Callable[[str, Exception], None],
) -> dict[str, Prediction]:
    """The predictions of all targets of `frames` {source: {target: frame}} in one pass.

    Where that fails each source is tried by itself, so that a bad frame of one is not felt by the
    others; `refused` is told the source and what was wrong."""
    together = {name: frame for own in frames.values() for name, frame in own.items()}
    if not together:
        return {}
    try:
        return tracker.track(together, list(together))
    except Exception as error:
        if len(frames) == 1:
            refused(next(iter(frames)), error)
            return {}
    predictions: dict[str, Prediction] = {}
    for source, own in frames.items():
        predictions.update(track_batch(tracker, {source: own}, refused))
    return predictions
