"""A part of a source: from one frame to another, every so many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ltr.errors import FrameError, SourceEndedEarly
from ltr.frame_folder import FrameFolder
from ltr.images import Frame
from ltr.video import VideoFile
from pytracking.sources.source import Source


@dataclass(frozen=True)
class FrameRange:
    """Which frames of a source, in numbers that count from 1, as captions and results have them."""

    start: int = 1
    """The first one, in which the targets are given."""
    end: int | None = None
    """The last one at the most, itself included; nothing: that of the source."""
    stride: int = 1
    """From one to the next."""

    def number(self, index: int) -> int:
        """The number in the source of the frame `index`, from 0, of this range."""
        return self.start + index * self.stride


WHOLE = FrameRange()


class Segment:
    """The frames of a range. The frame rate is that of what is left, so that the time stays the
    same.

    Raises FrameError, with the number of frames, for a range that is not in the source."""

    def __init__(self, source: VideoFile | FrameFolder, frames: FrameRange) -> None:
        self._source = source
        self._frames = frames
        self.name = source.name
        self.frame_rate = source.frame_rate / frames.stride
        count = source.length
        if frames.start > 1 or frames.end is not None:
            count = len(source)
            for what, number in (("start with", frames.start), ("end with", frames.end or 1)):
                if number > count:
                    raise FrameError(
                        f"there is no frame {number} to {what}: {source.path} has {count} frames, "
                        "counted from 1"
                    )
        if frames.end is not None and frames.end < frames.start:
            raise FrameError(
                f"the last frame {frames.end} comes before the first {frames.start}: exchange them"
            )
        end = frames.end or count
        self.length = None if end is None else len(range(frames.start - 1, end, frames.stride))

    def __iter__(self) -> Iterator[Frame]:
        source, frames = self._source, self._frames
        if frames.start == 1 and frames.end is None:
            yield from islice(source, 0, None, frames.stride)
            return
        for k in range(frames.start - 1, frames.end or len(source), frames.stride):
            try:
                frame = source.frame(k)
            except FrameError as error:
                if k < frames.start:
                    raise
                raise SourceEndedEarly(
                    f"{source.path} stopped before frame {k + 1}: {error}"
                ) from None
            yield frame
        if frames.end is None and isinstance(source, VideoFile):
            source.check_complete()


def frames_of(source: VideoFile | FrameFolder, frames: FrameRange) -> Source:
    """The source itself, or the part of it that is wanted. Raises FrameError."""
    return source if frames == WHOLE else Segment(source, frames)
