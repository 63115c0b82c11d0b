"""Videos with what their data set says of a target in them, as it is written: what the layouts
read, and training and evaluation begin with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ltr.frame_folder import FrameFolder
from ltr.images import Frame
from ltr.video import VideoFile


class Frames(Protocol):
    """The frames of a video, in order and by number."""

    @property
    def path(self) -> Path:
        """Where they lie: a folder or a file."""
        ...

    def __len__(self) -> int:
        """How many there are. Raises FrameError where that cannot be known."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Each in turn. Raises FrameError, SourceEndedEarly after the first one."""
        ...

    def frame(self, number: int) -> Frame:
        """Frame `number`, from 0. Raises FrameError, IndexError beyond the last one."""
        ...


@dataclass(frozen=True)
class UnopenedFrames:
    """A video file or a folder of images, which is opened when it is first asked for frames."""

    path: Path

    @cached_property
    def _opened(self) -> VideoFile | FrameFolder:
        return FrameFolder(self.path) if self.path.is_dir() else VideoFile(self.path)

    def __len__(self) -> int:
        return len(self._opened)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._opened)

    def frame(self, number: int) -> Frame:
        """Frame `number`, from 0. Raises FrameError, IndexError beyond the last one."""
        return self._opened.frame(number)


@dataclass(frozen=True, eq=False)
class AnnotatedVideo:
    """One target in a video. Nothing is mended: boxes may be nan, of zero or negative size, or
    stand in frames where the target is absent, as the data set has them."""

    name: str
    """Unique within its data set."""
    frames: Frames
    """Opened when they are asked for."""
    boxes_xywh: NDArray[np.float64]
    """(N, 4), a row a frame; (1, 4) where only the first frame's box is published."""
    annotation: Path
    """The file, or folder of masks, that the boxes are from."""
    absent: NDArray[np.bool_] | None = None
    """(N,) where the target is said to be out of view or wholly hidden; None where nothing is
    said."""
    cover: NDArray[np.int64] | None = None
    """(N,) how many eighths of it are seen, where the data set says so."""
    frame_wh: tuple[int, int] | None = None
    """Width and height of the frames, where the data set says so."""
    category: str | None = None
    """What it is, in a word of its data set."""
    attributes: tuple[str, ...] = ()
    """What makes it hard, in the short names of its data set."""
    regions: tuple[NDArray[np.float64], ...] | None = None
    """VOT's regions as they are written, one a frame: (8,) or more numbers of a polygon's corners
    x1,y1,x2,y2.., (4,) of a box x,y,w,h, (1,) where it is unknown."""

    @property
    def seen(self) -> NDArray[np.bool_] | None:
        """(N,) where flags say that any of the target is to be seen; None without flags."""
        present = None if self.absent is None else ~self.absent
        if self.cover is None:
            return present
        return self.cover > 0 if present is None else present & (self.cover > 0)
