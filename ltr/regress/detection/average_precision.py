"""COCO's average precision, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ltr.data.annotations import read_annotations
from ltr.errors import ConfigError, DataError
from ltr.regress.detection.coco import (
    Annotated,
    Detection,
    Thing,
    annotations_file,
    as_result,
)


class AveragePrecision(NamedTuple):
    """Means over categories; nan where nothing is annotated."""

    ap: float
    """Over IoU thresholds .5, .55, ..., .95."""
    ap50: float
    ap75: float


def check_installed() -> None:
    """Raises ConfigError where pycocotools is missing."""
    try:
        import pycocotools  # noqa: F401
    except ImportError:
        raise ConfigError(
            "average precision is computed by pycocotools, which is not installed: pip install "
            "pycocotools (the extra regress)"
        ) from None


def average_precision(truth: dict[str, Any], detections: Sequence[Detection]) -> AveragePrecision:
    """Of detections in photographs of a truth, where pycocotools is installed."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if not detections:  # pycocotools looks at the first one
        return AveragePrecision(0.0, 0.0, 0.0)
    coco = COCO()
    coco.dataset = truth
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        coco.createIndex()
        found = coco.loadRes([as_result(detection) for detection in detections])
        evaluation = COCOeval(coco, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return AveragePrecision(*(float(n) if n >= 0 else float("nan") for n in evaluation.stats[:3]))


def truth_of(annotated: Annotated, things: Sequence[Thing]) -> dict[str, Any]:
    """Some of a set's things, and the photographs that show them."""
    images = {thing.image for thing in things}
    return _truth(
        (photograph.number for photograph in annotated.photographs if photograph.number in images),
        annotated.categories,
        ((thing.image, thing.category, thing.box_xywh, 0) for thing in things),
    )


def truth_in(path: Path, detections: Iterable[Detection]) -> dict[str, Any]:
    """All that a file of annotations holds, or annotations.json in a folder: groups of things
    (`iscrowd`) as well, which cost no detection anything. Raises DataError, for detections in
    photographs that are not there too."""
    path = annotations_file(path)
    root = read_annotations(path)
    images = [entry.whole("id") for entry in root.entries("images")]
    for image in {detection.image for detection in detections} - set(images):
        raise DataError(f"image {image} of the detections is not among those of {path}")
    return _truth(
        images,
        {entry.whole("id"): entry.text("name") for entry in root.entries("categories")},
        (
            (
                entry.whole("image_id"),
                entry.whole("category_id"),
                entry.numbers("bbox", 4),
                entry.whole("iscrowd") if entry.has("iscrowd") else 0,
            )
            for entry in root.entries("annotations")
        ),
    )


def _truth(
    images: Iterable[int],
    categories: Mapping[int, str],
    things: Iterable[tuple[int, int, Sequence[float], int]],
) -> dict[str, Any]:
    return {
        "info": {},
        "images": [{"id": number} for number in images],
        "categories": [{"id": number, "name": name} for number, name in categories.items()],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": category,
                "bbox": list(box),
                "area": box[2] * box[3],
                "iscrowd": crowd,
            }
            for number, (image, category, box, crowd) in enumerate(things, 1)
        ],
    }
