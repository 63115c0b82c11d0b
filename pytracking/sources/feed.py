"""What a feed is: frames handed over by a reader thread, with what there is to say of the device.

A `Source` is iterated by whoever wants its frames. A `Feed` reads on by itself and is asked: its
`take` never blocks, so that one thread can serve many feeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from ltr.images import Frame

Word = Literal["opening", "running", "stalled", "repeating", "lost", "ended"]


@dataclass(frozen=True)
class Shot:
    """A frame with its number and its time. Nobody writes into the frame."""

    number: int
    """From 1. Of files and folders the frame's number there; live ones are counted as they are
    read, so that a gap says how many were left out."""
    frame: Frame
    captured: float
    """When it was read, in seconds of the feed's clock; of files and folders, whose frames wait,
    when it was taken."""


@dataclass(frozen=True)
class Condition:
    """How a feed is.

    opening: no frame yet. running: frames come. Of live feeds, which go on trying: stalled, none
    has come for a while; repeating, the same pixels come again and again; lost, the device cannot
    be opened or read. ended: there are no more frames; of a file or a folder, `seek` goes on."""

    word: Word
    line: str = ""
    """What, where and what to do; empty while all is well. A camera that runs may say here that it
    gives another size or frame rate than it was asked for."""


class Feed(Protocol):
    """Frames from a reader thread. `start` once; everything else may be called from any thread, at
    any time."""

    @property
    def name(self) -> str:
        """A short name for titles and output files."""

    @property
    def live(self) -> bool:
        """Whether time goes on without us: the newest frame is given, others are left out.
        Otherwise every frame is given, in order, and waits to be taken."""

    @property
    def frame_rate(self) -> float:
        """Frames a second."""

    @property
    def length(self) -> int | None:
        """Number of frames where there is an end and it is known; of some video containers an
        estimate."""

    @property
    def condition(self) -> Condition:
        """How the feed is now."""

    def start(self, wake: Callable[[], None]) -> None:
        """Begin to read. `wake` is called by another thread whenever a shot can be taken or the
        condition has changed; it should do no more than set an event."""

    def take(self) -> Shot | None:
        """A shot that was not taken yet, or None; does not wait. Live: the newest one, those before
        it are left out. Otherwise the next in order."""

    def seek(self, number: int) -> None:
        """The next shot is that of frame `number`, from 1. Raises FrameError beyond the end, and
        where the feed is live."""

    def close(self) -> None:
        """End the reader, within a second, and give nothing more. May be called again."""
