"""Any detector's results, refined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ltr.errors import DataError, suggestion
from ltr.progress import with_progress
from ltr.regress.detection.coco import Detection, photograph_files
from ltr.regress.detection.features import photograph_taps
from ltr.regress.detection.network_file import Refiner, load_trunk
from ltr.regress.detection.refinement import refine


def refined_detections(
    refiner: Refiner, images: Path, detections: Sequence[Detection]
) -> list[Detection]:
    """Detections in their order, with boxes that climbed the energy and the log energy there; the
    confidence stays the detector's. `images` as in `photograph_files`. Raises DataError,
    FrameError, CheckpointError."""
    known = refiner.classes.of_category
    for number, detection in enumerate(detections):
        if detection.category not in known:
            hint = suggestion(str(detection.category), [str(category) for category in known])
            raise DataError(
                f"detection {number}: category_id {detection.category} is none that the network "
                f"was trained on: {hint}"
            )
    of_image: dict[int, list[int]] = defaultdict(list)
    for number, detection in enumerate(detections):
        of_image[detection.image].append(number)
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
