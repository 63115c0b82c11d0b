"""TrackingNet: TEST and TRAIN_0 to TRAIN_11 with anno/NAME.txt and frames/NAME/0.jpg."""

from __future__ import annotations

from pathlib import Path

from ltr.box_files import read_rows
from ltr.data.annotated import AnnotatedVideo
from ltr.frame_folder import NumberedFrames


def trackingnet_video(folder: Path, part: str, name: str) -> AnnotatedVideo:
    """A video of a part; frames are numbered from 0 without zeros before. Of TEST the first box
    alone is published. Raises DataError."""
    boxes = read_rows(truth := folder / part / "anno" / f"{name}.txt")
    count = None if len(boxes) == 1 else len(boxes)
    frames = NumberedFrames(folder / part / "frames" / name, first=0, digits=1, count=count)
    return AnnotatedVideo(name, frames, boxes, truth)
