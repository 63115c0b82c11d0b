"""Annotated sequences in a folder: folders of frames with a groundtruth.txt, and videos with a
boxes file of the same name. Who tracks them and who learns from them find them here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from ltr.errors import DataError
from ltr.video import VIDEO_SUFFIXES


class SequenceFiles(NamedTuple):
    """The files of a sequence, neither of which has been read."""

    name: str
    frames: Path
    """A video file or a folder of images."""
    truth: Path
    """Its boxes, a line a frame."""


def folder_sequences(folder: Path, depth: int) -> list[SequenceFiles]:
    """The folders with a groundtruth.txt: itself and those up to `depth` levels below, by path.

    Each is named by its way from `folder`. One that is a sequence is not looked into further, but
    for `folder` itself. Raises DataError where a folder cannot be listed."""
    found = []
    levels = [(folder.absolute().name, folder)]
    for level in range(depth + 1):
        below = []
        for name, path in levels:
            truth = path / "groundtruth.txt"
            # what is there and cannot be read must not go unnoticed
            if os.path.lexists(truth):
                found.append(SequenceFiles(name, path, truth))
            if level < depth and (level == 0 or not os.path.lexists(truth)):
                prefix = f"{name}/" if level else ""
                below += [(f"{prefix}{p.name}", p) for p in listed(path) if p.is_dir()]
        levels = below
    return found


def video_sequences(folder: Path) -> list[SequenceFiles]:
    """The videos with a NAME.txt beside them, by name. Raises DataError where the folder cannot be
    listed."""
    videos = [p for p in listed(folder) if p.suffix.lower() in VIDEO_SUFFIXES]
    found = [SequenceFiles(p.stem, p, p.with_suffix(".txt")) for p in videos]
    return [files for files in found if os.path.lexists(files.truth)]


def check_lines(truth: Path, lines: int, frames: int, source: Path) -> None:
    """Raises DataError unless there is a box for each frame."""
    if lines != frames:
        raise DataError(
            f"{truth} has {lines} lines, but {source} has {frames} frames: write one line a frame, "
            "nan,nan,nan,nan where the target is absent"
        )


def listed(folder: Path) -> list[Path]:
    """What a folder holds, by name, without what is hidden. Raises DataError."""
    try:
        return sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot list folder {folder}: {error.strerror or error}") from None
