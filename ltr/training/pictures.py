"""Pictures of training: what a network is shown of a few samples, and what it makes of them.

A row a test frame: the train frame with its box, the test frame with the true one, the label, the
scores of the first and of the last filter, and the boxes that the energy likes best.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ltr.data.batch import Batch
from ltr.drawing import (
    PALETTE,
    SUBPIXEL,
    Colour,
    coloured,
    measured,
    outline,
    put,
    resized,
    short,
    write_picture,
)
from ltr.draws import Draws, example_draws
from ltr.files import make_folder
from ltr.geometry import middle_yx
from ltr.images import Frame
from ltr.models.tracker_net import BoxScene, TrackerNet
from ltr.training.box_loss import box_proposals
from ltr.training.classifier_loss import label_maps
from ltr.training.learned_boxes import learned_boxes
from ltr.training.losses import cells_per_target, losses
from ltr.training.recipe import EnergyLoss, OverlapLoss, ProposalLoss, Recipe
from ltr.training.run import PICTURES
from ltr.training.taps import taps_of

Array = NDArray[np.float32]

SAMPLES = 3
"""So many samples are shown, the first of a batch."""
BEST = 6
"""So many boxes are shown, those with the highest energies."""
SIDE, GAP, MARGIN, HEADING, HEAD, TITLE = 176, 8, 16, 40, 34, 20
"""Pixels: a picture's side, what lies between and around them, and the heights of the sheet's
heading, of a sample's and of its titles."""
TEXT, SMALL = 0.46, 0.38
"""Sizes of text, of OpenCV's."""
PAPER: Colour = (22, 27, 34)
INK: Colour = (226, 232, 240)
FAINT: Colour = (148, 158, 170)
TRUE = PALETTE[1]
"""Of true boxes and middles."""


class Maps(NamedTuple):
    """What the classifier should answer in T test frames, and what it does."""

    cell_yx: Array
    """(T, 2), the targets' middles."""
    labels: Array
    """(T, H, W)."""
    first_scores: Array
    """(T, H, W), of the filter that the descent begins with."""
    last_scores: Array
    """(T, H, W), of the filter that it ends with."""


class SeenSample(NamedTuple):
    """One sample of S train and T test frames, and what a network makes of it."""

    name: str
    terms: Mapping[str, float]
    """Its losses."""
    train_crops: NDArray[np.uint8]
    """(S, n, n, 3)."""
    train_boxes: Array
    """(S, 4), pool format."""
    test_crops: NDArray[np.uint8]
    """(T, n, n, 3)."""
    test_boxes: Array
    """(T, 4), pool format."""
    maps: Maps | None
    """None where no classifier is trained."""
    boxes: Array | None
    """(T, N, 4), pool format; None, as the energies, where no box head is trained."""
    energies: Array | None
    """(T, N)."""


def write_sheet(folder: Path, step: int, net: TrackerNet, batch: Batch, recipe: Recipe) -> Path:
    """Write what `net`, which stays as it is, makes of the first samples of a batch as a PNG of the
    run in `folder`. Returns its path. Raises ResultError."""
    seen = seen_samples(copy.deepcopy(net).eval(), batch, recipe)
    path = folder / PICTURES / f"step-{step:08d}.png"
    make_folder(path.parent)
    write_picture(path, sheet(f"step {step}", seen))
    return path


@torch.no_grad()
def seen_samples(net: TrackerNet, batch: Batch, recipe: Recipe) -> list[SeenSample]:
    """What a network in evaluation mode makes of the first SAMPLES of a batch, each by itself, so
    that its losses are its own."""
    shown = range(min(SAMPLES, len(batch.names)))
    return [_seen(net, _one(batch, k), recipe) for k in shown]


def _one(batch: Batch, k: int) -> Batch:
    part = slice(k, k + 1)
    return Batch(
        batch.numbers[part],
        batch.names[part],
        batch.train_crops[part],
        batch.train_boxes[part],
        batch.test_crops[part],
        batch.test_boxes[part],
    )


def _seen(net: TrackerNet, batch: Batch, recipe: Recipe) -> SeenSample:
    taps, side = taps_of(net, batch), batch.test_crops.shape[-1]
    draws = example_draws(recipe.seed, batch.numbers)
    boxes = energies = None
    if recipe.box is not None:
        scene = net.box_scene(taps.train_taps, taps.train_boxes, taps.test_taps)
        boxes = _boxes(recipe.box, scene, batch.test_boxes, side, draws.of("box"))
        energies = scene.energies(boxes)
    iterations = None if recipe.classifier is None else recipe.iterations
    output = net.from_taps(
        taps.train_taps, taps.train_boxes, taps.test_taps, None, iterations, side
    )
    return SeenSample(
        batch.names[0],
        {name: float(term) for name, term in losses(net, taps, recipe, draws).terms.items()},
        _pictures(batch.train_crops),
        _numbers(batch.train_boxes[0]),
        _pictures(batch.test_crops),
        _numbers(batch.test_boxes[0]),
        _maps(net, output.raw_scores, batch.test_boxes, recipe),
        None if boxes is None else _numbers(boxes[0]),
        None if energies is None else _numbers(energies[0]),
    )


def _boxes(
    loss: OverlapLoss | EnergyLoss | ProposalLoss,
    scene: BoxScene,
    target_xywh: Tensor,
    side: int,
    draws: Draws,
) -> Tensor:
    """The boxes (B, T, N, 4) whose energies `loss` trains."""
    if isinstance(loss, ProposalLoss):
        return learned_boxes(loss, scene, target_xywh, draws).boxes_xywh
    return box_proposals(loss, target_xywh, side, draws).boxes_xywh


def _maps(
    net: TrackerNet, raw_scores: Tensor | None, boxes_xywh: Tensor, recipe: Recipe
) -> Maps | None:
    """Of raw scores (1 + n, 1, T, H, W) with true boxes (1, T, 4)."""
    if raw_scores is None or recipe.classifier is None:
        return None
    crops, size = recipe.data.crops, (raw_scores.shape[-2], raw_scores.shape[-1])
    cell_yx = net.score_grid(crops.side).cell_of(middle_yx(boxes_xywh))[0]
    labels = label_maps(cell_yx, cells_per_target(crops), size, recipe.classifier)
    first, last = net.classifier.filter_optimizer.scores(raw_scores[[0, -1], 0])
    return Maps(*(_numbers(each) for each in (cell_yx, labels, first, last)))


def _pictures(crops: Tensor) -> NDArray[np.uint8]:
    """(1, F, 3, n, n) -> (F, n, n, 3)."""
    return np.ascontiguousarray(crops[0].permute(0, 2, 3, 1).cpu().numpy())


def _numbers(values: Tensor) -> Array:
    return values.float().cpu().numpy()


# --- the sheet


def sheet(heading: str, samples: Sequence[SeenSample]) -> Frame:
    """The picture (H, W, 3), RGB, of samples below each other."""
    blocks = [_block(sample) for sample in samples]
    width = max(block.shape[1] for block in blocks)
    image = np.full((HEADING + sum(len(b) for b in blocks), width, 3), PAPER, np.uint8)
    put(image, heading, MARGIN, HEADING - 14, INK, 0.6, width - 2 * MARGIN, bold=True)
    key = "orange: true box and its middle"
    put(image, key, width - MARGIN - measured(key, SMALL)[0], HEADING - 14, TRUE, SMALL)
    top = HEADING
    for block in blocks:
        image[top : top + len(block), : block.shape[1]] = block
        top += len(block)
    return image


def _block(sample: SeenSample) -> Frame:
    columns = _columns(sample)
    rows = max(len(pictures) for _, pictures in columns)
    width = 2 * MARGIN + len(columns) * (SIDE + GAP) - GAP
    image = np.full((HEAD + TITLE + rows * (SIDE + GAP) + MARGIN, width, 3), PAPER, np.uint8)
    image[0, MARGIN:-MARGIN] = (58, 68, 80)
    left = put(image, sample.name, MARGIN, HEAD - 9, INK, TEXT, width // 3, bold=True) + 20
    for name, value in sample.terms.items():
        words = f"{name} {value:.3g}"
        if left + measured(words, SMALL)[0] > width - MARGIN:
            break
        left = put(image, words, left, HEAD - 9, FAINT, SMALL) + 16
    for k, (title, pictures) in enumerate(columns):
        left = MARGIN + k * (SIDE + GAP)
        put(image, title, left, HEAD + TITLE - 7, FAINT, SMALL, SIDE)
        for row, picture in enumerate(pictures):
            top = HEAD + TITLE + row * (SIDE + GAP)
            image[top : top + SIDE, left : left + SIDE] = picture
    return image


def _columns(sample: SeenSample) -> list[tuple[str, list[Frame]]]:
    """Titles and pictures of SIDE lines and columns."""
    test = list(zip(sample.test_crops, sample.test_boxes, strict=True))
    train = zip(sample.train_crops, sample.train_boxes, strict=True)
    columns = [
        ("learned from", [_boxed(*each) for each in train]),
        ("searched", [_boxed(*each) for each in test]),
    ]
    if sample.maps is not None:
        cells, *kinds = sample.maps
        for title, maps in zip(("label", "first filter", "last filter"), kinds, strict=True):
            peak = max(float(maps.max()), 1e-6)
            shown = [_map(scores, cell, peak) for scores, cell in zip(maps, cells, strict=True)]
            scale = f"white {short(peak)}" if maps.max() > 0 else "nowhere above 0"
            columns.append((f"{title}, {scale}", shown))
    if sample.boxes is not None and sample.energies is not None:
        best = [
            _best_boxes(*each, boxes, energies)
            for each, boxes, energies in zip(test, sample.boxes, sample.energies, strict=True)
        ]
        columns.append((f"best {BEST} of {sample.boxes.shape[1]} boxes", best))
    return columns


def _boxed(crop: NDArray[np.uint8], box: Array) -> Frame:
    """A crop with its true box."""
    picture = resized(crop, SIDE, SIDE)
    _outline(picture, box * SIDE / len(crop), TRUE, 2)
    return picture


def _map(scores: Array, cell_yx: Array, peak: float) -> Frame:
    """A map, black at 0 and white at `peak`, with a ring where the target's middle is."""
    import cv2

    picture = resized(coloured(scores, 0.0, peak, "COLORMAP_MAGMA"), SIDE, SIDE, sharp=True)
    row, column = ((cell_yx + 0.5) * SIDE / np.array(scores.shape) - 0.5).tolist()
    if max(abs(row), abs(column)) < 8 * SIDE:  # OpenCV's coordinates are short of bits
        at = round(column * 2**SUBPIXEL), round(row * 2**SUBPIXEL)
        for colour, width in (((0, 0, 0), 3), (TRUE, 1)):
            cv2.circle(picture, at, 9 * 2**SUBPIXEL, colour, width, cv2.LINE_AA, SUBPIXEL)
    return picture


def _best_boxes(crop: NDArray[np.uint8], true_box: Array, boxes: Array, energies: Array) -> Frame:
    """What surrounds the true box, larger, with the boxes of the highest energies: the lighter, the
    higher."""
    around = 1.8 * max(float(true_box[2:].max()), 8.0)
    side = round(min(around, float(len(crop))))
    middle = true_box[:2] + true_box[2:] / 2
    left, top = np.rint((middle - side / 2).clip(0, len(crop) - side)).astype(int).tolist()
    picture = resized(crop[top : top + side, left : left + side], SIDE, SIDE)
    shift, scale = np.array([left, top, 0, 0], np.float32), SIDE / side
    _outline(picture, (true_box - shift) * scale, TRUE, 1)
    order = energies.argsort()
    best = order[np.isfinite(energies[order])][-BEST:]
    shades = coloured(np.linspace(0, 1, BEST, dtype=np.float32), 0, 1, "COLORMAP_VIRIDIS")
    shades = shades[BEST - len(best) :]
    for k, shade in zip(best, shades.tolist(), strict=True):  # the best one last, over the others
        _outline(picture, (boxes[k] - shift) * scale, tuple(shade), 2 if k == best[-1] else 1)
    return picture


def _outline(picture: Frame, box_xywh: NDArray[np.floating], colour: Colour, width: int) -> None:
    if np.isfinite(box_xywh).all() and box_xywh[2:].min() > 0:
        outline(picture, box_xywh.tolist(), colour, width)
