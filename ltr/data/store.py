"""What training reads from: stores of tracks, each one target in a video or a still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ltr.images import Frame


@dataclass(frozen=True)
class Track:
    """One target through the frames of a video, or in one photograph."""

    name: str
    """Unique within its store."""
    boxes_xywh: NDArray[np.float32]
    """(N, 4) a row a frame, pixels, as at every public border; nan where the target is absent."""
    visible: NDArray[np.bool_]
    """(N,) where it can be seen and has an area: frames that may be sampled."""
    category: str | None = None
    """What it is, in a word of its data set."""
    pasteable: bool = False
    """Whether it may be cut out and pasted elsewhere: it has masks, and a photograph shows all of
    it."""
    pictures: str | None = None
    """What its pictures are called where other tracks of the store show the same ones."""

    @property
    def still(self) -> bool:
        """Whether it is one photograph, whose motion is made up."""
        return len(self.boxes_xywh) == 1


def annotated_track(
    name: str,
    boxes_xywh: ArrayLike,
    seen: NDArray[np.bool_] | None = None,
    category: str | None = None,
    pasteable: bool = False,
    pictures: str | None = None,
) -> Track:
    """A track of (N, 4) boxes as they are annotated: where one has no area, the target is absent.

    seen: (N,) where the annotation says that it can be seen, if it says so; a box that is hidden
    keeps its place."""
    boxes = np.array(boxes_xywh, np.float32).reshape(-1, 4)
    present = (boxes[:, 2:] > 0).all(axis=1)  # nan is not greater
    boxes[~present] = np.nan
    visible = np.array(present if seen is None else present & seen)
    return Track(name, boxes, visible, category, pasteable, pictures)


class Store(Protocol):
    """Tracks and their pictures. A store can be pickled, so that worker processes read from it."""

    @property
    def name(self) -> str:
        """What logs call it."""
        ...

    @property
    def tracks(self) -> Sequence[Track]:
        """In an order that does not change."""
        ...

    def frame(self, track: int, number: int) -> Frame:
        """Picture `number` of a track. Raises FrameError where it cannot be read."""
        ...

    def mask(self, track: int, number: int) -> NDArray[np.uint8] | None:
        """(H, W), 255 where the target is, else 0; None where there is none. Raises FrameError."""
        ...
