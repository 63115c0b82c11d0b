"""Sequences on disk: a folder of frames with its groundtruth.txt, or a video with a boxes file of
the same name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
        if truth.is_file()
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


def read_boxes(path: Path) -> NDArray[np.float64]:
    """(N, 4) boxes x,y,w,h of a text file, one line a frame, separated by commas, tabs or blanks;
    nan where absent.

    The first must be there. Raises DataError with the line that is wrong."""
    try:
        lines = path.read_text(encoding="utf-8").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read boxes {path}: {error}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = [float(part) for part in line.replace(",", " ").split()]
        except ValueError:
            row = []
        if len(row) != 4:
            raise DataError(f"{path}, line {number}: {line.strip()[:60]!r} is not a box x,y,w,h")
        rows.append(row)
    if not rows or np.isnan(rows[0]).any():
        raise DataError(
            f"{path} has no box in its first line: a sequence begins with its target in view"
        )
    return np.array(rows)
