"""Any detector's results, refined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ltr.progress import tell, with_progress
from ltr.regress.detection.coco import Detection, photograph_files
from ltr.regress.detection.features import photograph_taps
from ltr.regress.detection.network_file import Refiner, load_trunk
from ltr.regress.detection.refinement import refine


def refined_detections(
    refiner: Refiner, images: Path, detections: Sequence[Detection]
) -> list[Detection]:
    """Detections in their order, with boxes that climbed the energy and the log energy there; the
    confidence stays the detector's. Those of categories that the network was not trained on stay as
    they are, and are counted in a line. `images` as in `photograph_files`. Raises DataError,
    FrameError, CheckpointError."""
    known = refiner.classes.of_category
    of_image: dict[int, list[int]] = defaultdict(list)
    unknown = []
    for number, detection in enumerate(detections):
        if detection.category in known:
            of_image[detection.image].append(number)
        else:
            unknown.append(detection.category)
    if unknown:
        tell(_kept(unknown, len(detections)))
    files = photograph_files(images, of_image)
    net = load_trunk(refiner)
    refined = list(detections)
    for image, numbers in with_progress(of_image.items(), len(of_image), "photographs"):
        own = [detections[number] for number in numbers]
        boxes = torch.tensor([detection.box_xywh for detection in own])
        classes = torch.tensor([known[detection.category] for detection in own])
        found = refine(
            refiner.head, photograph_taps(net, files[image]), boxes, classes, refiner.step
        )
        for number, box, energy in zip(
            numbers, found.boxes_xywh.tolist(), found.log_energy.tolist(), strict=True
        ):
            refined[number] = replace(detections[number], box_xywh=tuple(box), log_energy=energy)
    return refined


def _kept(categories: Sequence[int], boxes: int) -> str:
    """Of the boxes that are not refined."""
    names, count = sorted(set(categories)), len(categories)
    shown = ", ".join(map(str, names[:5])) + (", ..." if len(names) > 5 else "")
    category = f"category {shown} is none" if len(names) == 1 else f"categories {shown} are none"
    was = "it was" if count == 1 else "they were"
    return f"{count} of {boxes} boxes kept as {was}: {category} that the network was trained on"
