"""Sequences on disk: a folder of frames with its groundtruth.txt, or a video with a boxes file of
the same name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.box_files import read_boxes
from ltr.errors import DataError

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg"})


@dataclass(frozen=True)
class Sequence:
    """A target in a video, with its true boxes."""

    name: str
    frames: Path
    """A video file or a folder of images."""
    boxes_xywh: NDArray[np.float64]
    """(N, 4), one row a frame; NaN where the target is absent."""

    @property
    def truth(self) -> Path:
        """The file of its boxes."""
        own = self.frames / "groundtruth.txt"
        return own if self.frames.is_dir() else self.frames.with_suffix(".txt")


def find_sequences(folder: Path) -> list[Sequence]:
    """The sequences of a folder, by name: itself, its sub-folders with a groundtruth.txt, its
    videos with a NAME.txt beside them. Raises DataError if there is none."""
    if not folder.is_dir():
        raise DataError(
            f"{folder} is not a folder: sequences are NAME/groundtruth.txt, or NAME.mp4 with "
            "NAME.txt"
        )
    candidates = [folder, *sorted(p for p in folder.iterdir() if p.is_dir())]
    found = [(p.absolute().name, p, p / "groundtruth.txt") for p in candidates]
    videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
    found += [(p.stem, p, p.with_suffix(".txt")) for p in videos]
    sequences = [
        Sequence(name, frames, read_boxes(truth))
        for name, frames, truth in found
        if os.path.lexists(truth)  # what is there and cannot be read must not go unnoticed
    ]
    if not sequences:
        raise DataError(
            f"no sequence in {folder}: each is a folder with a groundtruth.txt, or NAME.mp4 with "
            "NAME.txt"
        )
    names = [s.name for s in sequences]
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f"{folder} holds two sequences named {min(twice)!r}: rename one of them")
    return sorted(sequences, key=lambda s: s.name)
