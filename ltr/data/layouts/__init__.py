"""A part of the training data, by its layout on disk, as a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ltr.data.configuration import Layout, Part
from ltr.data.layouts.coco import open_coco
from ltr.data.layouts.folders import (
    open_database,
    open_folders,
    open_got10k,
    open_lasot,
    open_trackingnet,
)
from ltr.data.layouts.objects import open_objects
from ltr.data.layouts.videos import open_videos
from ltr.data.names import Names, read_lines
from ltr.data.store import Store
from ltr.errors import DataError


class _Reader(NamedTuple):
    open: Callable[[str, Path, Names], Store]
    form: str
    """What the folder holds, for messages."""


_READERS: dict[Layout, _Reader] = {
    "videos": _Reader(open_videos, "NAME.mp4 with NAME.txt"),
    "folders": _Reader(open_folders, "NAME/groundtruth.txt with images"),
    "lasot": _Reader(open_lasot, "CLASS/CLASS-NUMBER/groundtruth.txt"),
    "got10k": _Reader(open_got10k, "list.txt with a folder for each of its lines"),
    "trackingnet": _Reader(open_trackingnet, "TRAIN_0/anno/NAME.txt"),
    "lmdb": _Reader(open_database, "a file NAME.lmdb of sequences"),
    "coco": _Reader(open_coco, "annotations.json with images and annotations of one thing each"),
    "objects": _Reader(open_objects, "objects.json with images"),
}


def open_store(part: Part, root: Path) -> Store:
    """The store of a part, whose folder lies below `root`. Its annotations are read, its pictures
    not, so that broken ones raise FrameError when they are asked for. Raises DataError, one line,
    where annotations are not as they should be or there is no track."""
    if not part.path:
        raise DataError(
            f"part {part.name!r} of the data has no path: give its folder below {root}, or '.'"
        )
    folder = root / part.path
    if not folder.is_dir() and part.layout != "lmdb":
        kind = "is a file, not a folder" if folder.exists() else "is not there"
        raise DataError(
            f"{folder} {kind}: give part {part.name!r} of the data the path of its folder"
        )
    list_path = root / part.names if part.names else None
    names = Names(folder, list_path, read_lines(list_path) if list_path else ())
    reader = _READERS[part.layout]
    store = reader.open(part.name, folder, names)
    if not store.tracks:
        raise DataError(
            f"no track in {folder}: layout {part.layout} is {reader.form}; is another one meant?"
        )
    met: set[str] = set()
    for track in store.tracks:
        if track.name in met:
            raise DataError(f"{folder} holds two tracks named {track.name!r}: rename one of them")
        met.add(track.name)
    return store
