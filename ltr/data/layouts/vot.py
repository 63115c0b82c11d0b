"""VOT's short-term challenges up to 2019: regions with corners, and boxes made of them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.box_files import FARTHEST
from ltr.data.annotated import AnnotatedVideo
from ltr.data.names import read_lines
from ltr.errors import DataError
from ltr.frame_folder import NumberedFrames
from ltr.geometry import parse_number

Region = NDArray[np.float64]
"""As a line of a file has it: (2 K,) the corners x1,y1,x2,y2.. of a polygon; (4,) a box x,y,w,h;
(1,) unknown."""
_NONE = np.full(4, np.nan)


def vot_video(folder: Path, name: str) -> AnnotatedVideo:
    """groundtruth.txt, a region a line, and color/00000001.jpg in NAME; a file `sequence` may say
    how large the frames are. The boxes are those around the regions, which is what the challenge
    gives to trackers that ask for boxes. Raises DataError."""
    path = folder / name
    regions = read_regions(truth := path / "groundtruth.txt")
    frames = NumberedFrames(path / "color", first=1, digits=8, count=len(regions))
    boxes = bounding_boxes(regions)
    size = _size(path / "sequence")
    return AnnotatedVideo(name, frames, boxes, truth, frame_wh=size, regions=regions)


def read_regions(path: Path) -> tuple[Region, ...]:
    """The regions of a file, one a frame. Raises DataError with the line that is wrong."""
    return tuple(_region(path, at, line) for at, line in enumerate(read_lines(path), 1))


def bounding_boxes(regions: Sequence[Region]) -> NDArray[np.float64]:
    """(N, 4) the smallest upright boxes that hold the corners, from the least to the greatest
    coordinate; nan where the region is unknown."""
    return np.array([_bounding_box(region) for region in regions])


def area_preserving_boxes(regions: Sequence[Region]) -> NDArray[np.float64]:
    """(N, 4) boxes about the mean of four corners, with the proportions of the bounding box and the
    area of the region; a pixel is added to both sides, as the published trackers do that begin with
    such boxes. Regions that are boxes stay as they are; nan where one is unknown."""
    return np.array([_area_preserving_box(region) for region in regions])


def _bounding_box(region: Region) -> NDArray[np.float64]:
    if len(region) < 6:
        return region if len(region) == 4 else _NONE
    corners = region.reshape(-1, 2)
    low = corners.min(axis=0)
    return np.concatenate([low, corners.max(axis=0) - low])


def _area_preserving_box(region: Region) -> NDArray[np.float64]:
    box = _bounding_box(region)
    if len(region) != 8:
        return box
    corners = region.reshape(4, 2)
    area = math.dist(corners[0], corners[1]) * math.dist(corners[1], corners[2])
    extent = box[2] * box[3]
    size = (math.sqrt(area / extent) if extent > 0 else 0.0) * box[2:] + 1
    return np.concatenate([corners.mean(axis=0) - (size - 1) / 2, size])


def _region(path: Path, at: int, line: str) -> Region:
    try:
        numbers = [parse_number(word) for word in line.replace(",", " ").split()]
    except ValueError:
        numbers = []
    count = len(numbers)
    known = count in (1, 4) or (count >= 6 and count % 2 == 0)
    if not known or not all(math.isnan(n) or abs(n) <= FARTHEST for n in numbers):
        raise DataError(
            f"{path}, line {at}: {line[:60]!r} is no polygon x1,y1,x2,y2,.. and no box x,y,w,h"
        )
    return np.array(numbers) if not any(map(math.isnan, numbers)) else np.full(1, np.nan)


def _size(path: Path) -> tuple[int, int] | None:
    """Width and height, where a file of lines key=value has both."""
    if not os.path.lexists(path):
        return None
    pairs = (line.partition("=") for line in read_lines(path))
    values = {key.strip(): value.strip() for key, _, value in pairs}
    width, height = values.get("width", ""), values.get("height", "")
    return (int(width), int(height)) if width.isdecimal() and height.isdecimal() else None
