"""Folders of frames: sequences with a groundtruth.txt, and the data sets LaSOT, GOT-10k and
TrackingNet as they are published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.box_files import read_boxes
from ltr.data.names import Names, read_lines
from ltr.data.sequences import check_lines, folder_sequences, listed
from ltr.data.store import Track, annotated_track
from ltr.errors import DataError, FrameError
from ltr.frame_folder import FrameFolder
from ltr.images import Frame, read_image

DEPTH = 2
"""So many levels of folders are searched for sequences."""


@dataclass(frozen=True)
class NumberedFrames:
    """Frames whose file names follow from their numbers, so that folders of thousands need not be
    listed."""

    folder: Path
    first: int
    digits: int

    def frame(self, number: int) -> Frame:
        """Frame `number`, from 0. Raises FrameError."""
        return read_image(self.folder / f"{self.first + number:0{self.digits}d}.jpg")


class FolderStore:
    """Tracks of one folder of frames each."""

    def __init__(
        self,
        name: str,
        tracks: Sequence[Track],
        folders: Sequence[FrameFolder | NumberedFrames],
    ) -> None:
        self.name = name
        self.tracks = tuple(tracks)
        self._folders = tuple(folders)

    def frame(self, track: int, number: int) -> Frame:
        """Picture `number` of a track. Raises FrameError."""
        if not 0 <= number < len(self.tracks[track].boxes_xywh):
            raise FrameError(f"sequence {self.tracks[track].name} has no frame {number}")
        return self._folders[track].frame(number)

    def mask(self, track: int, number: int) -> NDArray[np.uint8] | None:
        """None: these sequences have boxes alone."""
        return None


def open_folders(name: str, folder: Path, names: Names) -> FolderStore:
    """NAME/groundtruth.txt with the images in NAME or NAME/img, one or two levels below; a track is
    called by its way there. Raises DataError."""
    tracks, folders = [], []
    for files in names.chosen(folder_sequences(folder, DEPTH), lambda f: _names_of(f.name)):
        boxes = read_boxes(files.truth, begins_in_view=False)
        try:
            folders.append(frames := FrameFolder(files.frames))
        except FrameError as error:
            raise DataError(str(error)) from None
        check_lines(files.truth, len(boxes), len(frames), files.frames)
        tracks.append(annotated_track(files.name, boxes))
    return FolderStore(name, tracks, folders)


def open_lasot(name: str, folder: Path, names: Names) -> FolderStore:
    """CLASS/CLASS-NUMBER with groundtruth.txt, full_occlusion.txt, out_of_view.txt and
    img/00000001.jpg: a target is seen where it is neither hidden nor out of view. Whatever else
    lies there is passed over. Raises DataError."""
    found = [
        (sequence.name, kind.name, sequence)
        for kind in listed(folder)
        if kind.is_dir()
        for sequence in listed(kind)
        if sequence.name.startswith(f"{kind.name}-") and sequence.is_dir()
    ]
    tracks, folders = [], []
    for own, kind, path in names.chosen(found, lambda item: item[:2]):
        boxes = read_boxes(path / "groundtruth.txt", begins_in_view=False)
        hidden = _flags(path / "full_occlusion.txt", len(boxes), 1)
        away = _flags(path / "out_of_view.txt", len(boxes), 1)
        tracks.append(annotated_track(own, boxes, (hidden == 0) & (away == 0), kind))
        folders.append(NumberedFrames(path / "img", first=1, digits=8))
    return FolderStore(name, tracks, folders)


def open_got10k(name: str, folder: Path, names: Names) -> FolderStore:
    """list.txt names the folders, each with groundtruth.txt, absence.label, cover.label (0 to 8
    eighths that are seen) and 00000001.jpg: a target is seen where it is not absent and any of it
    is. A list of names may hold numbers of lines of list.txt instead, from 0, as the published
    divisions do. Raises DataError."""
    every = read_lines(folder / "list.txt")
    found = [(own, str(line)) for line, own in enumerate(every)]
    tracks, folders = [], []
    for own, _ in names.chosen(found, lambda item: item):
        path = folder / own
        boxes = read_boxes(path / "groundtruth.txt", begins_in_view=False)
        absent = _flags(path / "absence.label", len(boxes), 1)
        cover = _flags(path / "cover.label", len(boxes), 8)
        category = _object_class(path / "meta_info.ini")
        tracks.append(annotated_track(own, boxes, (absent == 0) & (cover > 0), category))
        folders.append(NumberedFrames(path, first=1, digits=8))
    return FolderStore(name, tracks, folders)


def open_trackingnet(name: str, folder: Path, names: Names) -> FolderStore:
    """TRAIN_0 to TRAIN_11, those that are there or named, with anno/NAME.txt and frames/NAME/0.jpg.
    Raises DataError."""
    found = [
        (boxes.stem, part.name, boxes)
        for part in listed(folder)
        if part.name.startswith("TRAIN_") and part.is_dir()
        for boxes in listed(part / "anno")
        if boxes.suffix == ".txt"
    ]
    tracks, folders = [], []
    for own, part, path in names.chosen(found, lambda item: item[:2]):
        tracks.append(annotated_track(own, read_boxes(path, begins_in_view=False)))
        folders.append(NumberedFrames(folder / part / "frames" / own, first=0, digits=1))
    return FolderStore(name, tracks, folders)


def _names_of(way: str) -> tuple[str, ...]:
    """A sequence's own name and those of the folders that hold it."""
    parts = way.split("/")
    return tuple("/".join(parts[:count]) for count in range(1, len(parts) + 1))


def _flags(path: Path, count: int, highest: int) -> NDArray[np.int64]:
    """(count,) the whole numbers 0 to `highest` in a file, between commas or in lines of their own.
    Raises DataError."""
    words = [(at, word) for at, line in enumerate(read_lines(path), 1) for word in line.split(",")]
    known = {str(value): value for value in range(highest + 1)}
    for at, word in words:
        if word.strip() not in known:
            raise DataError(
                f"{path}, line {at}: {word.strip()[:60]!r} is not a number from 0 to {highest}"
            )
    if len(words) != count:
        raise DataError(
            f"{path} speaks of {len(words)} frames, the boxes beside it of {count}: fetch both "
            "again"
        )
    return np.array([known[word.strip()] for _, word in words])


def _object_class(path: Path) -> str | None:
    """What a meta_info.ini of GOT-10k says that a target is; None where that cannot be read, which
    is no reason to do without the sequence."""
    try:
        lines = read_lines(path)
    except DataError:
        return None
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "object_class" and value.strip():
            return value.strip()
    return None
