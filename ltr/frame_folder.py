"""The frames of a folder of images, in order and by number."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from ltr.errors import FrameError, SourceEndedEarly
from ltr.images import DEFAULT_FRAME_RATE, IMAGE_SUFFIXES, Frame, read_image


class FrameFolder:
    """The images of a folder in natural order, read as they are asked for.

    A folder without images of its own may hold them in a folder `img`, as the sequences of
    benchmarks do. Gaps in the numbering mean nothing. Raises FrameError for a folder that cannot be
    listed or holds no image."""

    def __init__(self, path: Path, frame_rate: float = DEFAULT_FRAME_RATE) -> None:
        self.path = path
        self.name = path.resolve().name
        self.frame_rate = frame_rate
        self.files = tuple(image_files(path) or image_files(path / "img", missing_ok=True))
        self.length: int | None = len(self.files)
        if not self.files:
            known = " ".join(sorted(IMAGE_SUFFIXES))
            raise FrameError(
                f"folder {path} holds no images ({known}): give the folder that holds the frames"
            )

    def __len__(self) -> int:
        return len(self.files)

    def frame(self, number: int) -> Frame:
        """Frame `number`, from 0. Raises IndexError beyond the last one, FrameError where it cannot
        be read."""
        if not 0 <= number < len(self.files):
            raise IndexError(f"folder {self.path} has {len(self.files)} frames, not one {number}")
        return read_image(self.files[number])

    def __iter__(self) -> Iterator[Frame]:
        return _in_order(self)


@dataclass(frozen=True)
class NumberedFrames:
    """The images of a folder whose names follow from their numbers, so that folders of thousands
    need not be listed. Opens no file until a frame is asked for."""

    path: Path
    first: int
    """The number in the name of frame 0."""
    digits: int
    """So many at the least, with zeros before the number."""
    count: int | None = None
    """How many there are; None: up to the highest number in the folder, which is listed once."""
    suffix: str = ".jpg"

    @cached_property
    def _last(self) -> int:
        pattern = re.compile(rf"[0-9]{{{self.digits},}}{re.escape(self.suffix)}")
        numbers = (int(p.stem) for p in image_files(self.path) if pattern.fullmatch(p.name))
        return max(numbers, default=self.first - 1)

    def __len__(self) -> int:
        """Raises FrameError where the folder has to be listed and cannot be."""
        return self._last - self.first + 1 if self.count is None else self.count

    def file(self, number: int) -> Path:
        """The image of frame `number`, from 0."""
        return self.path / f"{self.first + number:0{self.digits}d}{self.suffix}"

    def frame(self, number: int) -> Frame:
        """Frame `number`, from 0. Raises FrameError where it cannot be read, IndexError beyond the
        last one."""
        if not 0 <= number < len(self):
            raise IndexError(f"folder {self.path} has {len(self)} frames, not one {number}")
        return read_image(self.file(number))

    def __iter__(self) -> Iterator[Frame]:
        return _in_order(self)


class _Images(Protocol):
    @property
    def path(self) -> Path: ...
    def __len__(self) -> int: ...
    def frame(self, number: int) -> Frame: ...


def _in_order(images: _Images) -> Iterator[Frame]:
    """Every frame. Raises FrameError where the first one cannot be read, SourceEndedEarly at
    another one."""
    count = len(images)
    for done in range(count):
        try:
            frame = images.frame(done)
        except FrameError as error:
            if done == 0:
                raise
            raise SourceEndedEarly(
                f"folder {images.path} stopped after {done} of {count} frames: {error}"
            ) from None
        yield frame


def image_files(folder: Path, missing_ok: bool = False) -> list[Path]:
    """The image files of a folder, by their suffix, in natural order. Raises FrameError where it
    cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            # Names that begin with a dot are the droppings of file managers ("._0001.jpg" is no
            # image). A link to nothing stays in the list: a frame that is missing must not go
            # unnoticed.
            names = [
                entry.name
                for entry in entries
                if Path(entry.name).suffix.lower() in IMAGE_SUFFIXES
                and not entry.name.startswith(".")
                and not entry.is_dir()
            ]
    except OSError as error:
        if missing_ok and isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return []
        reason = error.strerror or error
        raise FrameError(
            f"cannot list folder {folder} ({reason}): check its path and permissions"
        ) from None
    return [folder / name for name in sorted(names, key=natural_key)]


def natural_key(name: str) -> tuple[list[str | int], str]:
    """A sort key that takes the numbers in a name as numbers: 2.jpg before 10.jpg; 01.jpg and 1.jpg
    stay apart."""
    # A pattern in brackets makes `split` return text and numbers in turn, so like is compared with
    # like.
    parts = re.split(r"([0-9]+)", name.lower())
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], name
