"""Folders of frames: sequences with a groundtruth.txt, and the data sets LaSOT, GOT-10k and
TrackingNet as they are published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.box_files import read_boxes
from ltr.data.annotated import AnnotatedVideo
from ltr.data.layouts.database import database_videos
from ltr.data.layouts.got10k import got10k_video
from ltr.data.layouts.lasot import lasot_video
from ltr.data.layouts.trackingnet import trackingnet_video
from ltr.data.names import Names, read_names
from ltr.data.sequences import check_lines, folder_sequences, listed
from ltr.data.store import annotated_track
from ltr.errors import DataError, FrameError
from ltr.frame_folder import FrameFolder
from ltr.images import Frame

DEPTH = 2
"""So many levels of folders are searched for sequences."""


class FolderStore:
    """Tracks of one folder of frames each."""

    def __init__(self, name: str, videos: Sequence[AnnotatedVideo]) -> None:
        self.name = name
        self.tracks = tuple(
            annotated_track(v.name, v.boxes_xywh, v.seen, v.category) for v in videos
        )
        self._frames = tuple(video.frames for video in videos)

    def frame(self, track: int, number: int) -> Frame:
        """Picture `number` of a track. Raises FrameError."""
        if not 0 <= number < len(self.tracks[track].boxes_xywh):
            raise FrameError(f"sequence {self.tracks[track].name} has no frame {number}")
        return self._frames[track].frame(number)

    def mask(self, track: int, number: int) -> NDArray[np.uint8] | None:
        """None: these sequences have boxes alone."""
        return None


def open_folders(name: str, folder: Path, names: Names) -> FolderStore:
    """NAME/groundtruth.txt with the images in NAME or NAME/img, one or two levels below; a track is
    called by its way there. Raises DataError."""
    videos = []
    for files in names.chosen(folder_sequences(folder, DEPTH), lambda f: _names_of(f.name)):
        boxes = read_boxes(files.truth, begins_in_view=False)
        try:
            frames = FrameFolder(files.frames)
        except FrameError as error:
            raise DataError(str(error)) from None
        check_lines(files.truth, len(boxes), len(frames), files.frames)
        videos.append(AnnotatedVideo(files.name, frames, boxes, files.truth))
    return FolderStore(name, videos)


def open_lasot(name: str, folder: Path, names: Names) -> FolderStore:
    """Every CLASS/CLASS-NUMBER. Whatever else lies there is passed over. Raises DataError."""
    found = [
        (sequence.name, kind.name)
        for kind in listed(folder)
        if kind.is_dir()
        for sequence in listed(kind)
        if sequence.name.startswith(f"{kind.name}-") and sequence.is_dir()
    ]
    chosen = names.chosen(found, lambda item: item)
    return FolderStore(name, [lasot_video(folder, own) for own, _ in chosen])


def open_got10k(name: str, folder: Path, names: Names) -> FolderStore:
    """What list.txt names. A list of names may hold numbers of lines of list.txt instead, from 0,
    as the published divisions do. Raises DataError."""
    found = [(own, str(line)) for line, own in enumerate(read_names(folder / "list.txt"))]
    chosen = names.chosen(found, lambda item: item)
    return FolderStore(name, [got10k_video(folder, own) for own, _ in chosen])


def open_trackingnet(name: str, folder: Path, names: Names) -> FolderStore:
    """TRAIN_0 to TRAIN_11, those that are there or named. Raises DataError."""
    found = [
        (own, part.name)
        for part in listed(folder)
        if part.name.startswith("TRAIN_") and part.is_dir()
        for own in trackingnet_names(folder, part.name)
    ]
    chosen = names.chosen(found, lambda item: item)
    return FolderStore(name, [trackingnet_video(folder, part, own) for own, part in chosen])


def trackingnet_names(folder: Path, part: str) -> list[str]:
    """The videos of a part that are annotated, by name. Raises DataError."""
    return [file.stem for file in listed(folder / part / "anno") if file.suffix == ".txt"]


def open_database(name: str, file: Path, names: Names) -> FolderStore:
    """The sequences of a file that `pytracking data pack` wrote. Raises DataError."""
    return FolderStore(name, database_videos(file, names))


def _names_of(way: str) -> tuple[str, ...]:
    """A sequence's own name and those of the folders that hold it."""
    parts = way.split("/")
    return tuple("/".join(parts[:count]) for count in range(1, len(parts) + 1))
