"""GOT-10k: list.txt, and a folder for each of its lines."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from ltr.box_files import read_rows
from ltr.data.annotated import AnnotatedVideo
from ltr.data.layouts.flags import read_flags
from ltr.data.names import read_lines
from ltr.errors import DataError
from ltr.frame_folder import NumberedFrames

_RESOLUTION = re.compile(r"\((\d{1,5}), *(\d{1,5})\)")


def got10k_video(folder: Path, name: str) -> AnnotatedVideo:
    """groundtruth.txt, absence.label, cover.label (0 to 8 eighths that are seen), meta_info.ini and
    00000001.jpg in NAME. Of the test part the first box alone is published, without labels.
    Raises DataError."""
    path = folder / name
    boxes = read_rows(truth := path / "groundtruth.txt")
    meta = _meta(path / "meta_info.ini")
    size = _RESOLUTION.fullmatch(meta.get("resolution", ""))
    first_alone = len(boxes) == 1 and not os.path.lexists(path / "cover.label")
    absent = cover = None
    if not first_alone:
        absent = read_flags(path / "absence.label", len(boxes), 1) == 1
        cover = read_flags(path / "cover.label", len(boxes), 8).astype(np.int64)
    return AnnotatedVideo(
        name,
        NumberedFrames(path, first=1, digits=8, count=None if first_alone else len(boxes)),
        boxes,
        truth,
        absent,
        cover,
        (int(size[1]), int(size[2])) if size else None,
        meta.get("object_class"),
    )


def _meta(path: Path) -> dict[str, str]:
    """What a meta_info.ini says, by name; nothing where it cannot be read, which is no reason to do
    without the sequence."""
    try:
        lines = read_lines(path)
    except DataError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs if value.strip()}
