"""Photographs with annotations as COCO has them: one still track an annotated thing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ltr.data.annotations import Entry, is_coordinate, read_annotations
from ltr.data.layouts.masks import Polygons
from ltr.data.layouts.stills import Still, StillStore, away_from_borders
from ltr.data.names import Names
from ltr.data.store import Track, annotated_track
from ltr.errors import DataError

SMALLEST = 1.0
"""Pixels: COCO has boxes without an area, which nothing can be learned from."""

_Picture = tuple[str, tuple[int, int]]
"""The file of a photograph, and its height and width."""


def open_coco(name: str, folder: Path, names: Names) -> StillStore:
    """annotations.json, or annotations/instances_SET.json with the images in images/SET or SET.

    Groups of things (`iscrowd`) are no tracks, nor are boxes of less than a pixel. A track is
    called after its photograph and the annotation's number; polygons become masks. Raises
    DataError."""
    path, images = _files(folder)
    root = read_annotations(path)
    pictures: dict[int, _Picture] = {}
    for image in root.entries("images"):
        size = image.whole("height"), image.whole("width")
        pictures[image.whole("id")] = (image.file("file_name"), size)
    categories = {entry.whole("id"): entry.text("name") for entry in root.entries("categories")}
    tracks: list[Track] = []
    stills: list[Still] = []
    for entry in names.chosen(
        (entry for entry in root.entries("annotations") if _is_thing(entry)),
        lambda entry: _names_of(entry, _picture(entry, pictures)),
    ):
        category = entry.whole("category_id")
        if category not in categories:
            raise entry.wrong(f"category_id {category} is not among the categories")
        box = entry.numbers("bbox", 4)
        file, size = picture = _picture(entry, pictures)
        mask = _polygons(entry)
        tracks.append(
            annotated_track(
                _names_of(entry, picture)[0],
                box,
                category=categories[category],
                pasteable=mask is not None and away_from_borders(box, size),
                pictures=file,
            )
        )
        stills.append(Still(images / file, size, mask))
    return StillStore(name, tracks, stills)


def _files(folder: Path) -> tuple[Path, Path]:
    """The annotations, and the folder that holds their images."""
    beside = folder / "annotations.json"
    if os.path.lexists(beside):
        return beside, folder
    found = sorted((folder / "annotations").glob("instances_*.json"))
    if len(found) != 1:
        have = " and ".join(path.name for path in found[:3]) or "neither"
        raise DataError(
            f"{folder} must hold annotations.json or one annotations/instances_SET.json, but has "
            f"{have}: give a folder of one set"
        )
    images = found[0].stem.removeprefix("instances_")
    below = folder / "images" / images
    return found[0], below if below.is_dir() else folder / images


def _is_thing(entry: Entry) -> bool:
    """Whether an annotation is of one thing that has an area."""
    crowd = entry.has("iscrowd") and entry.whole("iscrowd") != 0
    return not crowd and min(entry.numbers("bbox", 4)[2:]) >= SMALLEST


def _picture(entry: Entry, pictures: dict[int, _Picture]) -> _Picture:
    number = entry.whole("image_id")
    if number not in pictures:
        raise entry.wrong(f"image_id {number} is not among the images")
    return pictures[number]


def _names_of(entry: Entry, picture: _Picture) -> tuple[str, str]:
    """The names of an annotation's track and of its photograph."""
    photograph = Path(picture[0]).stem
    return f"{photograph}_{entry.whole('id')}", photograph


def _polygons(entry: Entry) -> Polygons | None:
    if not isinstance(parts := entry.values.get("segmentation"), list):
        return None  # runs of pixels, which COCO has for crowds alone
    drawn = []
    for part in parts:
        good = isinstance(part, list) and len(part) % 2 == 0 and all(map(is_coordinate, part))
        if not good:
            raise entry.wrong("segmentation holds a polygon that is no list of x,y,x,y and so on")
        if len(part) >= 6:
            drawn.append(np.array(part, np.float32).reshape(-1, 2))
    return Polygons(tuple(drawn)) if drawn else None
