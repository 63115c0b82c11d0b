"""COCO's average precision, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import NamedTuple

from ltr.errors import ConfigError
from ltr.regress.detection.coco import Annotated, Detection, Thing, as_result


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


def average_precision(
    annotated: Annotated, things: Sequence[Thing], detections: Sequence[Detection]
) -> AveragePrecision:
    """Of detections in the photographs of these things, where pycocotools is installed."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images = {thing.image for thing in things}
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [
            {"id": p.number, "height": p.size_hw[0], "width": p.size_hw[1]}
            for p in annotated.photographs
            if p.number in images
        ],
        "categories": [{"id": n, "name": name} for n, name in annotated.categories.items()],
        "annotations": [_annotation(number, thing) for number, thing in enumerate(things, 1)],
    }
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does
        truth.createIndex()
        found = truth.loadRes([as_result(detection) for detection in detections])
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return AveragePrecision(*(float(n) if n >= 0 else float("nan") for n in evaluation.stats[:3]))


def _annotation(number: int, thing: Thing) -> dict[str, object]:
    width, height = thing.box_xywh[2:]
    return {
        "id": number,
        "image_id": thing.image,
        "category_id": thing.category,
        "bbox": list(thing.box_xywh),
        "area": width * height,
        "iscrowd": 0,
    }
