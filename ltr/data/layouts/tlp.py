"""TLP, and the first seconds of its videos, TinyTLP."""

from __future__ import annotations

from pathlib import Path

from ltr.box_files import read_rows
from ltr.data.annotated import AnnotatedVideo
from ltr.frame_folder import NumberedFrames

TINY = 600
"""Frames that TinyTLP takes of each video: 20 s (Moudgil and Gandhi 2018)."""


def tlp_video(folder: Path, name: str, most: int | None = None) -> AnnotatedVideo:
    """groundtruth_rect.txt and img/00001.jpg in NAME, the first `most` frames. A line is frame, x,
    y, w, h, and 1 where the target is lost. Raises DataError."""
    path = folder / name
    rows = read_rows(truth := path / "groundtruth_rect.txt", 6, "frame,x,y,w,h,isLost")[:most]
    frames = NumberedFrames(path / "img", first=1, digits=5, count=len(rows))
    return AnnotatedVideo(name, frames, rows[:, 1:5], truth, absent=rows[:, 5] != 0)
