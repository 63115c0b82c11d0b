"""Files as COCO has them: annotated photographs in, results of a detector in and out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ltr.data.annotations import Entry, is_coordinate, read_annotations
from ltr.errors import DataError
from ltr.files import write_text
from ltr.images import IMAGE_SUFFIXES
from ltr.paths import read_regular

SMALLEST = 1.0
"""Pixels: COCO has boxes without an area, which nothing can be learned from."""


class Photograph(NamedTuple):
    """A photograph of a set."""

    number: int
    """Its id."""
    file: Path
    size_hw: tuple[int, int]


class Thing(NamedTuple):
    """An annotated box."""

    image: int
    """The id of its photograph."""
    category: int
    """The id of its category."""
    box_xywh: tuple[float, ...]


@dataclass(frozen=True)
class Annotated:
    """A set of photographs whose things are annotated."""

    photographs: tuple[Photograph, ...]
    categories: dict[int, str]
    """Names by id."""
    things: tuple[Thing, ...]


@dataclass(frozen=True)
class Detection:
    """A box of a detector's results."""

    image: int
    category: int
    box_xywh: tuple[float, ...]
    score: float
    """The detector's confidence."""
    log_energy: float | None = None
    """How well it fits, where that is known."""


def annotations_file(path: Path) -> Path:
    """A file of annotations, or annotations.json of a folder. Raises DataError where it is not
    there."""
    file = path / "annotations.json" if path.is_dir() else path
    if not file.exists():
        raise DataError(f"annotations {file} do not exist: give COCO's file, or its folder")
    return file


def read_coco(path: Path) -> Annotated:
    """A file of annotations, or the folder that holds it as annotations.json; photographs lie below
    the file's folder. Groups of things (`iscrowd`) and boxes of less than a pixel are left out.
    Raises DataError."""
    path = annotations_file(path)
    root = read_annotations(path)
    photographs = _photographs(root, path.parent)
    categories = {entry.whole("id"): entry.text("name") for entry in root.entries("categories")}
    known = {photograph.number for photograph in photographs}
    things = []
    for entry in root.entries("annotations"):
        if entry.has("iscrowd") and entry.whole("iscrowd"):
            continue
        box = tuple(entry.numbers("bbox", 4))
        if min(box[2:]) < SMALLEST:
            continue
        thing = Thing(entry.whole("image_id"), entry.whole("category_id"), box)
        if thing.image not in known:
            raise entry.wrong(f"image_id {thing.image} is not among the images")
        if thing.category not in categories:
            raise entry.wrong(f"category_id {thing.category} is not among the categories")
        things.append(thing)
    if not things:
        raise DataError(f"{path} has no annotations of things: give a file that has")
    return Annotated(photographs, categories, tuple(things))


def read_detections(path: Path) -> list[Detection]:
    """The results of a detector: a list of objects with image_id, category_id, bbox and score.
    Raises DataError."""
    try:
        values = json.loads(read_regular(path))
    except OSError as error:
        raise DataError(f"cannot read detections {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        why = str(error).splitlines()[0][:80]
        raise DataError(f"{path} is broken JSON: {why}; write it again") from None
    if not isinstance(values, list):
        raise DataError(f"{path} is no list of detections: give a file of COCO's results format")
    found = []
    for entry in Entry(path, "", {"detection": values}).entries("detection"):
        box, score = tuple(entry.numbers("bbox", 4)), entry.values.get("score")
        if min(box[2:]) <= 0:
            raise entry.wrong(f"bbox {list(box)} has no size: give x, y, width, height in pixels")
        if score is None:
            raise entry.wrong("score is missing")
        if not is_coordinate(score):
            raise entry.wrong(f"score is {score!r:.40}, not a number")
        image, category = entry.whole("image_id"), entry.whole("category_id")
        found.append(Detection(image, category, box, score))
    return found


def write_detections(path: Path, detections: Iterable[Detection]) -> None:
    """As they are read, with `log_energy` where it is known. Raises ResultError."""
    write_text(path, json.dumps([as_result(each) for each in detections]) + "\n", "detections")


def as_result(detection: Detection) -> dict[str, Any]:
    """An object of COCO's results format."""
    x, y, w, h = (round(number, 3) for number in detection.box_xywh)
    result = {
        "image_id": detection.image,
        "category_id": detection.category,
        "bbox": [x, y, max(w, 0.001), max(h, 0.001)],  # a box without a size is none
        "score": detection.score,
    }
    if detection.log_energy is not None:
        result["log_energy"] = round(detection.log_energy, 4)
    return result


def photograph_files(images: Path, numbers: Iterable[int]) -> dict[int, Path]:
    """The files of photographs by id. `images`: a file of annotations, whose photographs lie below
    its folder; a folder that holds annotations.json; or one whose files are called by their ids, as
    COCO's are (000000000042.jpg). Raises DataError for one that is not there."""
    listed = images / "annotations.json" if images.is_dir() else images
    if listed.is_file():
        root = read_annotations(listed)
        files = {each.number: each.file for each in _photographs(root, listed.parent)}
    elif images.is_dir():
        named = (path for path in sorted(images.iterdir()) if path.stem.isdecimal())
        files = {int(p.stem): p for p in named if p.suffix.lower() in IMAGE_SUFFIXES}
    else:
        raise DataError(f"images {images} do not exist: give a folder, or a file of annotations")
    wanted = {}
    for number in numbers:
        if number not in files:
            raise DataError(f"image {number} of the detections is not among those of {images}")
        if not files[number].is_file():
            raise DataError(f"image {number}: file {files[number]} does not exist")
        wanted[number] = files[number]
    return wanted


def _photographs(root: Entry, folder: Path) -> tuple[Photograph, ...]:
    return tuple(
        Photograph(
            entry.whole("id"),
            folder / entry.file("file_name"),
            (entry.whole("height"), entry.whole("width")),
        )
        for entry in root.entries("images")
    )
