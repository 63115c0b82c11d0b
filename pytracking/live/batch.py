"""One step of the targets of several sources, as one batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ltr.images import Frame
from pytracking.debug.seen import Array, Seen
from pytracking.tracker.prediction import Prediction

if TYPE_CHECKING:
    from torch import Tensor


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


class RowsSeen:
    """An observer of some rows of a batch alone: nothing is copied of the others."""

    def __init__(self, rows: Mapping[int, Seen]) -> None:
        self._rows = rows

    def observe(self, name: str, value: Tensor) -> None:
        for row, seen in self._rows.items():
            seen.observe(name, value[row : row + 1])


def track_batch(
    tracker: BatchTracker,
    frames: Mapping[str, Mapping[str, Frame]],
    watched: Collection[str],
    wanted: Collection[str],
    refused: Callable[[str, Exception], None],
) -> tuple[dict[str, Prediction], dict[str, dict[str, Array]]]:
    """One pass over all targets of `frames` {source: {target: frame}}: the prediction of each, and
    what the tracker saw of those that are `watched`, the values that are `wanted`.

    Where that fails each source is tried by itself, so that a bad frame of one is not felt by the
    others; `refused` is told the source and what was wrong."""
    together = {name: frame for own in frames.values() for name, frame in own.items()}
    if not together:
        return {}, {}
    order = [name for name in tracker.names if name in together]
    seen = {row: Seen(wanted) for row, name in enumerate(order) if name in watched}
    tracker.observer = RowsSeen(seen) if seen else None
    try:
        predictions = tracker.track(together, order)
    except Exception as error:
        if len(frames) == 1:
            refused(next(iter(frames)), error)
            return {}, {}
        predictions, values = {}, {}
        for source, own in frames.items():
            one = track_batch(tracker, {source: own}, watched, wanted, refused)
            predictions.update(one[0])
            values.update(one[1])
        return predictions, values
    finally:
        tracker.observer = None
    return predictions, {order[row]: of_it.of(0) for row, of_it in seen.items()}
