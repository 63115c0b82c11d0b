"""Sequences in one LMDB file: every frame as its own encoded bytes, for file systems that are slow
with many small files. `pack` writes it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ltr.data.annotated import AnnotatedVideo, UnopenedFrames
from ltr.data.names import Names
from ltr.errors import ConfigError, DataError, FrameError, ResultError
from ltr.frame_folder import FrameFolder, NumberedFrames
from ltr.images import Frame, decode_image

SUFFIX = ".lmdb"
FORMAT = "pytracking sequences 1"
CONTENT = b"content"
"""The key of what the file says of itself, in JSON; frames are NUMBER/NUMBER."""
LARGEST = 1 << 42
"""Bytes that the file may grow to while it is written; it takes what it holds."""


@dataclass(frozen=True)
class DatabaseFrames:
    """The frames of one sequence of a file, which each process opens for itself."""

    path: Path
    sequence: int
    count: int

    def __len__(self) -> int:
        return self.count

    def frame(self, number: int) -> Frame:
        """Frame `number`, from 0. Raises FrameError where it is missing or damaged, IndexError
        beyond the last one."""
        if not 0 <= number < self.count:
            raise IndexError(f"sequence {self.sequence} of {self.path} has {self.count} frames")
        with _opened(self.path, os.getpid()).begin(buffers=True) as transaction:
            data = transaction.get(_key(self.sequence, number))
            encoded = None if data is None else bytes(data)
        place = f"{self.path}, frame {number} of sequence {self.sequence}"
        if encoded is None:
            raise FrameError(f"{place} is missing: pack the file again")
        return decode_image(encoded, place)

    def __iter__(self) -> Iterator[Frame]:
        """Each in turn. Raises FrameError."""
        return map(self.frame, range(self.count))


def database_videos(path: Path, names: Names | None = None) -> list[AnnotatedVideo]:
    """The sequences of a file, all or those of the names, as they were packed. Raises DataError for
    what is no such file, ConfigError where lmdb is missing."""
    with _opened(path, os.getpid()).begin() as transaction:
        data = transaction.get(CONTENT)
    try:
        content = json.loads(data or b"null")
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r:.60}")
        videos = [_video(path, number, own) for number, own in enumerate(content["sequences"])]
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise DataError(
            f"{path} holds no sequences that `pytracking data pack` wrote: {error}"
        ) from None
    return videos if names is None else names.chosen(videos, lambda video: (video.name,))


def pack(videos: Iterable[AnnotatedVideo], path: Path) -> None:
    """Write sequences into a new file, which is there when it is whole. Images are taken over byte
    by byte, frames of videos become PNGs. Raises ResultError where something is at `path` or the
    disk is full, FrameError for a frame that cannot be read, ConfigError where lmdb is missing."""
    lmdb = _lmdb()
    if path.exists():
        raise ResultError(f"{path} is there already: remove it, or give another name")
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.partial")
    try:
        environment = lmdb.open(str(part), subdir=False, map_size=LARGEST, lock=False)
        try:
            entries = []
            for sequence, video in enumerate(videos):
                with environment.begin(write=True) as transaction:
                    count = len(video.frames)
                    for number in range(count):
                        transaction.put(_key(sequence, number), _encoded(video, number))
                entries.append(_entry(video, count))
            content = json.dumps({"format": FORMAT, "sequences": entries}).encode()
            with environment.begin(write=True) as transaction:
                transaction.put(CONTENT, content)
            environment.sync(True)
        finally:
            environment.close()
        part.rename(path)
    except (lmdb.Error, OSError) as error:
        why = getattr(error, "strerror", None) or error
        raise ResultError(f"cannot write sequences {path}: {why}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _entry(video: AnnotatedVideo, frames: int) -> dict[str, Any]:
    """What is kept of a sequence beside its frames; numbers keep every digit, nan is null."""
    rows = [[None if np.isnan(v) else v for v in row] for row in video.boxes_xywh.tolist()]
    return {
        "name": video.name,
        "frames": frames,
        "boxes": rows,
        "absent": None if video.absent is None else video.absent.astype(int).tolist(),
        "cover": None if video.cover is None else video.cover.tolist(),
        "frame_wh": video.frame_wh,
        "category": video.category,
        "attributes": list(video.attributes),
        "regions": None if video.regions is None else [list(map(float, r)) for r in video.regions],
    }


def _video(path: Path, number: int, own: dict[str, Any]) -> AnnotatedVideo:
    """Raises ValueError, TypeError or LookupError for an entry that is none."""
    rows = [[np.nan if v is None else float(v) for v in row] for row in own["boxes"]]
    wide_high = own["frame_wh"]
    return AnnotatedVideo(
        str(own["name"]),
        DatabaseFrames(path, number, int(own["frames"])),
        np.array(rows, np.float64).reshape(len(rows), 4),
        path,
        None if own["absent"] is None else np.array(own["absent"], bool),
        None if own["cover"] is None else np.array(own["cover"], np.int64),
        None if wide_high is None else (int(wide_high[0]), int(wide_high[1])),
        own["category"],
        tuple(own["attributes"]),
        None if own["regions"] is None else tuple(np.array(r, float) for r in own["regions"]),
    )


def _encoded(video: AnnotatedVideo, number: int) -> bytes:
    """A frame as it lies on the disk, or as a PNG. Raises FrameError."""
    frames = video.frames
    if isinstance(frames, UnopenedFrames) and frames.path.is_dir():
        frames = FrameFolder(frames.path)
    file = frames.files[number] if isinstance(frames, FrameFolder) else None
    file = frames.file(number) if isinstance(frames, NumberedFrames) else file
    if file is not None:
        try:
            return file.read_bytes()
        except OSError as error:
            raise FrameError(f"cannot read image {file}: {error.strerror or error}") from None
    import cv2

    return bytes(cv2.imencode(".png", frames.frame(number)[:, :, ::-1])[1])


def _key(sequence: int, number: int) -> bytes:
    return f"{sequence:06d}/{number:08d}".encode()


@lru_cache(maxsize=8)
def _opened(path: Path, process: int) -> Any:
    """The file, open for reading in this process. Raises DataError, ConfigError."""
    lmdb = _lmdb()
    if not path.is_file():
        raise DataError(f"{path} is no file: `pytracking data pack` writes one")
    try:
        return lmdb.open(str(path), subdir=False, readonly=True, lock=False, readahead=False)
    except (lmdb.Error, OSError) as error:
        raise DataError(f"cannot open {path}: {error}") from None


def _lmdb() -> Any:
    """The package. Raises ConfigError."""
    try:
        return import_module("lmdb")
    except ImportError:
        raise ConfigError(
            f"files {SUFFIX} need the package lmdb: pip install lmdb (the extra lmdb)"
        ) from None
