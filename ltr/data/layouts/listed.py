"""Data sets whose layout is a table: OTB, UAV123, NfS, DTB70 say of each sequence where its frames
and its boxes lie, and which numbers its frames have."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ltr.box_files import read_rows
from ltr.data.annotated import AnnotatedVideo
from ltr.data.names import read_lines
from ltr.errors import DataError
from ltr.frame_folder import NumberedFrames


@dataclass(frozen=True)
class ListedSequence:
    """A row of a list of sequences. Where the layout follows from the name, the places are empty;
    they are below the data set's folder."""

    name: str
    frames: int | None = None
    """How many there are; None where the list does not say."""
    images: str = ""
    """The folder of its frames."""
    first: int = 1
    """The number in the file name of the first frame."""
    digits: int = 0
    """Of the numbers in file names."""
    annotation: str = ""
    """The file of its boxes."""
    skip: int = 0
    """So many annotated frames at the beginning are left out."""
    category: str | None = None
    attributes: tuple[str, ...] = ()


def read_list(path: Path) -> list[ListedSequence]:
    """The rows of a CSV file that has a header with some of the names of these fields. Raises
    DataError."""
    return [
        ListedSequence(
            name=row["name"],
            frames=int(row["frames"]) if row.get("frames") else None,
            images=row.get("images") or "",
            first=int(row.get("first") or 1),
            digits=int(row.get("digits") or 0),
            annotation=row.get("annotation") or "",
            skip=int(row.get("skip") or 0),
            category=row.get("category") or None,
            attributes=tuple((row.get("attributes") or "").split()),
        )
        for row in csv.DictReader(read_lines(path))
    ]


def listed_video(folder: Path, row: ListedSequence, without_box: int = 0) -> AnnotatedVideo:
    """The boxes of a row, a line a frame, or up to `without_box` lines less at the end. Raises
    DataError."""
    assert row.frames is not None
    boxes = read_rows(truth := folder / row.annotation)
    if not row.frames - without_box <= len(boxes) <= row.frames:
        raise DataError(
            f"{truth} has {len(boxes)} lines, but {row.name} has {row.frames} frames: fetch the "
            "annotations again"
        )
    # copies of OTB differ in one sequence: KiteSurf/img/0001.jpg or KiteSurf/jpg/0001.png
    images = folder / row.images
    if not images.is_dir():
        images = images.with_name("img")
    first = row.first + row.skip
    count = row.frames - row.skip
    frames = NumberedFrames(images, first, row.digits, count)
    as_png = NumberedFrames(images, first, row.digits, count, ".png")
    if as_png.file(0).is_file() and not frames.file(0).is_file():
        frames = as_png
    return AnnotatedVideo(
        row.name,
        frames,
        boxes[row.skip :],
        truth,
        category=row.category,
        attributes=row.attributes,
    )
