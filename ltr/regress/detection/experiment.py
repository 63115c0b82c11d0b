"""Trains what is not there yet by each objective, refines the noisy boxes of photographs that were
left out, and measures both."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ltr.checkpoints import find_network
from ltr.errors import ConfigError, DataError
from ltr.geometry import iou
from ltr.models.backbone import Taps
from ltr.networks import load_network
from ltr.progress import StatusLine, duration, tell
from ltr.regress.detection.average_precision import average_precision, check_installed, truth_of
from ltr.regress.detection.coco import Annotated, Detection, annotations_file, read_coco
from ltr.regress.detection.examples import (
    Classes,
    Examples,
    classes_of,
    examples_of,
    noisy_boxes,
    split,
)
from ltr.regress.detection.features import all_taps
from ltr.regress.detection.head import BoxEnergyConfig
from ltr.regress.detection.methods import METHODS, method_named
from ltr.regress.detection.network_file import Refiner, TrunkSource, trunk_source, write_refiner
from ltr.regress.detection.refinement import choose_step, refine_examples
from ltr.regress.detection.results import Result, folder_of, read_results, write
from ltr.regress.detection.training import Plan, Training, restore, write_state
from ltr.seeds import SAVE_SECONDS, open_folder
from ltr.signals import postponed

STEP_LENGTH = 1e-5
"""Of the chains of ML-MCMC, in sizes of the box."""
NETWORK, STATE = "network.safetensors", "state.safetensors"


@dataclass(frozen=True, eq=False)
class Material:
    """What all trainings share."""

    annotated: Annotated
    classes: Classes
    trunk: TrunkSource
    config: BoxEnergyConfig
    taps: list[Taps]
    """Of all photographs, by place."""
    train: Examples
    choice: Examples
    left_out: Examples


def material(annotations: Path, network: str) -> Material:
    """Read annotations, and compute the features of all photographs. Raises DataError, FrameError,
    CheckpointError, ConfigError."""
    annotated = read_coco(annotations)
    trunk, net = trunk_source(network), load_network(network)
    classes = classes_of(annotated)
    parts = [examples_of(annotated, classes, places) for places in split(annotated.photographs)]
    if not all(len(part.things) for part in parts):
        raise DataError(
            f"{annotations} has {len(annotated.photographs)} photographs, too few to leave some "
            "with things out"
        )
    for photograph in annotated.photographs:
        if not photograph.file.is_file():
            raise DataError(
                f"image {photograph.number}: file {photograph.file} does not exist: photographs "
                "lie below the folder of the annotations"
            )
    taps = all_taps(net, [photograph.file for photograph in annotated.photographs])
    config = BoxEnergyConfig(trunk=net.config.trunk, classes=len(classes.names))
    return Material(annotated, classes, trunk, config, taps, *parts)


def carry_out(plans: Sequence[Plan], root: Path) -> None:
    """Train and measure those of the plans, of the same annotations and network, that have no
    result yet. A signal keeps what was done. Raises TrackingError."""
    annotations, network = Path(plans[0].annotations), plans[0].network
    annotations_file(annotations)  # first: else they would be told as other ones than before
    find_network(network)
    done = {result.plan for result in read_results(plans, root)}
    missing = [plan for plan in plans if plan not in done]
    if not missing:
        tell("all are there")
        return
    check_installed()
    shared = material(annotations, network)
    for plan in missing:
        _carry_out(plan, shared, folder_of(plan, root))


def _carry_out(plan: Plan, shared: Material, folder: Path) -> None:
    with open_folder(folder):
        begin = time.process_time()
        training = Training(plan, shared.config, shared.taps, shared.train)
        if (folder / STATE).exists():
            restore(folder / STATE, training)
        _train(training, folder / STATE)
        head = training.head.eval().requires_grad_(False)
        step = choose_step(
            head, shared.taps, shared.choice, noisy_boxes(shared.choice.boxes_xywh, 1)
        )
        refiner = Refiner(head, shared.trunk, shared.classes, step, plan.objective)
        write_refiner(folder / NETWORK, refiner)
        values = measured(refiner, shared)
        result = Result(plan, step, time.process_time() - begin, **values)
        write(folder, result)
        (folder / STATE).unlink(missing_ok=True)
    tell(
        f"{METHODS[plan.objective].title}, seed {plan.seed}: mean IoU {result.iou_before:.3f} "
        f"-> {result.iou_after:.3f}, {duration(result.seconds)} of processor time"
    )


def _train(training: Training, state: Path) -> None:
    """To the end. The state is written then, for the choice of steps takes a while as well, and at
    a signal."""
    line, saved = StatusLine(), time.monotonic()
    title = f"{METHODS[training.plan.objective].title}, seed {training.plan.seed}"
    try:
        while training.step < training.steps:
            with postponed():
                told = training.learn()
            values = ", ".join(f"{n.replace('_', ' ')} {v:.3g}" for n, v in told.items())
            line.tell(f"{title}: step {training.step} of {training.steps}, {values}")
            if time.monotonic() - saved > SAVE_SECONDS:
                write_state(state, training)
                saved = time.monotonic()
    finally:
        line.end()
        if training.step:
            write_state(state, training)


def measured(refiner: Refiner, shared: Material) -> dict[str, float]:
    """Mean IoU and average precision of the noisy boxes of photographs that were left out, before
    and after: fields of a `Result`."""
    left_out = shared.left_out
    noisy = noisy_boxes(left_out.boxes_xywh)
    refined = refine_examples(refiner.head, shared.taps, left_out, noisy, refiner.step).boxes_xywh
    values: dict[str, float] = {}
    truth = truth_of(shared.annotated, left_out.things)
    for when, boxes in (("before", noisy), ("after", refined)):
        values[f"iou_{when}"] = float(iou(boxes, left_out.boxes_xywh).mean())
        precision = average_precision(truth, _as_detections(left_out, boxes))
        values |= {f"{name}_{when}": value for name, value in precision._asdict().items()}
    return values


def _as_detections(examples: Examples, boxes_xywh: Tensor) -> list[Detection]:
    """Of a detector that is equally sure of all."""
    return [
        Detection(thing.image, thing.category, tuple(box), 1.0)
        for thing, box in zip(examples.things, boxes_xywh.tolist(), strict=True)
    ]


def plans(
    annotations: Path,
    network: str,
    objectives: Sequence[str],
    seeds: int,
    epochs: int,
    samples: int | None = None,
    step_length: float | None = None,
) -> list[Plan]:
    """Each objective with seeds 0 to `seeds` - 1; without `samples` as many as it has by default,
    without `step_length` as published. Raises ConfigError for an unknown objective, and for a step
    length where none has chains."""
    methods = {name: method_named(name) for name in objectives}
    if step_length is not None and not any(method.chains for method in methods.values()):
        have = "has" if len(methods) == 1 else "have"
        chained = ", ".join(name for name, method in METHODS.items() if method.chains)
        raise ConfigError(
            f"--step-length {step_length}: {', '.join(methods)} {have} no chains, {chained} alone "
            "has"
        )
    return [
        Plan(
            name,
            seed,
            epochs,
            samples or method.samples,
            (step_length or STEP_LENGTH) if method.chains else None,
            str(annotations.resolve()),
            network,
        )
        for name, method in methods.items()
        for seed in range(seeds)
    ]
