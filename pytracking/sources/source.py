"""What a source of frames is, whatever the frames come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ltr.images import Frame


class Source(Protocol):
    """Frames in order. Iterating again starts again from the first one.

    Raises FrameError where not even the first frame can be had, SourceEndedEarly where a later one
    cannot."""

    name: str
    """A short name for titles and output files."""
    frame_rate: float
    """Frames a second."""
    length: int | None
    """Number of frames if known; of some video containers it is an estimate, so no more than a
    hint."""

    def __iter__(self) -> Iterator[Frame]: ...
