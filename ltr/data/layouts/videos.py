"""A folder of videos, each with a boxes file of its name and, where there are, an archive of
masks."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.box_files import read_boxes
from ltr.data.annotations import Entry, read_annotations
from ltr.data.layouts.masks import MaskArchive
from ltr.data.names import Names
from ltr.data.sequences import check_lines, video_sequences
from ltr.data.store import Track, annotated_track
from ltr.errors import DataError, FrameError
from ltr.images import Frame
from ltr.video import VideoFile

OPEN_VIDEOS = 8
"""So many files are open at once; another one closes the one that was read longest ago."""


class VideoStore:
    """Tracks of one video file each."""

    def __init__(
        self,
        name: str,
        tracks: Sequence[Track],
        videos: Sequence[VideoFile],
        masks: Sequence[MaskArchive | None],
    ) -> None:
        self.name = name
        self.tracks = tuple(tracks)
        self._videos = tuple(videos)
        self._masks = tuple(masks)
        self._open: OrderedDict[int, None] = OrderedDict()

    def frame(self, track: int, number: int) -> Frame:
        """Picture `number` of a track. Raises FrameError."""
        self._open[track] = None
        self._open.move_to_end(track)
        if len(self._open) > OPEN_VIDEOS:
            self._videos[self._open.popitem(last=False)[0]].close()
        try:
            return self._videos[track].frame(number)
        except IndexError as error:
            raise FrameError(str(error)) from None

    def mask(self, track: int, number: int) -> NDArray[np.uint8] | None:
        """(H, W), 255 where the target is, else 0; None where the video has boxes alone. Raises
        FrameError, and DataError where it has another size than the video."""
        masks = self._masks[track]
        return None if masks is None else masks.drawn(number, self._videos[track].size_hw)


def open_videos(name: str, folder: Path, names: Names) -> VideoStore:
    """NAME.mp4, or another video, with NAME.txt; nan where the target is absent. A clips.json
    beside them may say of each NAME what its `target` is, and masks/NAME.zip may hold its masks.
    Raises DataError."""
    found = names.chosen(video_sequences(folder), lambda files: (files.name,))
    categories = _categories(folder / "clips.json")
    tracks, videos, masks = [], [], []
    for files in found:
        boxes = read_boxes(files.truth, begins_in_view=False)
        try:
            videos.append(video := VideoFile(files.frames))
            # where a container does not know how many frames it has, they are counted
            frames = len(boxes) if video.length == len(boxes) else len(video)
        except FrameError as error:
            raise DataError(str(error)) from None
        check_lines(files.truth, len(boxes), frames, files.frames)
        archive = folder / "masks" / f"{files.name}.zip"
        masks.append(MaskArchive(archive) if os.path.lexists(archive) else None)
        tracks.append(
            annotated_track(
                files.name,
                boxes,
                category=categories.get(files.name),
                pasteable=masks[-1] is not None,
            )
        )
    return VideoStore(name, tracks, videos, masks)


def _categories(path: Path) -> dict[str, str]:
    if not os.path.lexists(path):
        return {}
    categories = {}
    for name, values in read_annotations(path).values.items():
        if not isinstance(values, dict):
            raise DataError(f"{path}: {name} is not an object with names")
        entry = Entry(path, name, values)
        if entry.has("target"):
            categories[name] = entry.text("target")
    return categories
