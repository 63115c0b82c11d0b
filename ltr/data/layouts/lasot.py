"""LaSOT and its extension: CLASS/CLASS-NUMBER with boxes, two files of flags and images."""

from __future__ import annotations

from pathlib import Path

from ltr.box_files import read_rows
from ltr.data.annotated import AnnotatedVideo
from ltr.data.layouts.flags import read_flags
from ltr.frame_folder import NumberedFrames


def lasot_video(folder: Path, name: str) -> AnnotatedVideo:
    """groundtruth.txt, full_occlusion.txt, out_of_view.txt and img/00000001.jpg in
    CLASS/CLASS-NUMBER: absent is what is hidden or out of view. Raises DataError."""
    kind = name.rpartition("-")[0]
    path = folder / kind / name
    boxes = read_rows(truth := path / "groundtruth.txt")
    hidden = read_flags(path / "full_occlusion.txt", len(boxes), 1)
    away = read_flags(path / "out_of_view.txt", len(boxes), 1)
    frames = NumberedFrames(path / "img", first=1, digits=8, count=len(boxes))
    absent = (hidden == 1) | (away == 1)
    return AnnotatedVideo(name, frames, boxes, truth, absent, category=kind)
