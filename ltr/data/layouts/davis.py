"""DAVIS: masks of one or several objects, and the boxes around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.data.annotated import AnnotatedVideo
from ltr.data.layouts.label_images import read_labels
from ltr.errors import DataError, FrameError
from ltr.frame_folder import NumberedFrames, image_files

RESOLUTION = "480p"


def davis_videos(folder: Path, name: str, apart: bool) -> list[AnnotatedVideo]:
    """JPEGImages/480p/NAME/00000.jpg and Annotations/480p/NAME/00000.png: of the year 2017 each
    object of the first mask `apart`, called NAME_NUMBER; of 2016 all of them together, called NAME.
    Where only the first mask is published there is one box. Raises DataError."""
    where = folder / "Annotations" / RESOLUTION / name
    try:
        files = [file for file in image_files(where) if file.suffix == ".png"]
    except FrameError as error:
        raise DataError(str(error)) from None
    if not files:
        raise DataError(f"folder {where} holds no mask 00000.png: fetch it again")
    masks = read_labels(files[0])
    height, width = masks.shape
    numbers = [int(n) for n in np.unique(masks) if n] if apart else [1]
    boxes: list[list[NDArray[np.float64]]] = [[] for _ in numbers]
    for file in files:
        labels = read_labels(file)
        for number, own in zip(numbers, boxes, strict=True):
            own.append(box_around(labels == number if apart else labels > 0))
    frames = NumberedFrames(folder / "JPEGImages" / RESOLUTION / name, first=0, digits=5)
    return [
        AnnotatedVideo(
            f"{name}_{number}" if apart else name,
            frames,
            np.array(own),
            where,
            frame_wh=(width, height),
        )
        for number, own in zip(numbers, boxes, strict=True)
    ]


def box_around(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(4,) the box x,y,w,h of the pixels of a mask (H, W): its size counts them. Nan without
    any."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return np.full(4, np.nan)
    x, y = columns[0], rows[0]
    return np.array([x, y, columns[-1] - x + 1, rows[-1] - y + 1], np.float64)
