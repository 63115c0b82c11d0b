"""Photographs of one object each, with its mask: what is cut out and pasted elsewhere."""

from __future__ import annotations

from pathlib import Path

from ltr.data.annotations import read_annotations
from ltr.data.layouts.masks import MaskFile
from ltr.data.layouts.stills import Still, StillStore
from ltr.data.names import Names
from ltr.data.store import annotated_track


def open_objects(name: str, folder: Path, names: Names) -> StillStore:
    """objects.json with a list `images`: name, file_name, mask, width, height, bbox, category
    (or null) and borders_touched, how many borders of the picture its object comes near to. Raises
    DataError."""
    images = read_annotations(folder / "objects.json").entries("images")
    tracks, stills = [], []
    for entry in names.chosen(images, lambda entry: (entry.text("name"),)):
        tracks.append(
            annotated_track(
                entry.text("name"),
                entry.numbers("bbox", 4),
                category=entry.text("category") if entry.has("category") else None,
                pasteable=entry.whole("borders_touched") == 0,
            )
        )
        size = entry.whole("height"), entry.whole("width")
        mask = MaskFile(folder / entry.file("mask"))
        stills.append(Still(folder / entry.file("file_name"), size, mask))
    return StillStore(name, tracks, stills)
