"""A network of the recipe nce_plus_mobile learns one short clip by heart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from ltr.box_files import read_boxes
from ltr.data.configuration import Crops, DataConfig, Part, Photometry, Sampling
from ltr.draws import example_draws
from ltr.images import Frame
from ltr.networks import load_network
from ltr.recipes import RECIPES
from ltr.training.box_loss import LOSS, box_proposals
from ltr.training.losses import losses
from ltr.training.material import of_data
from ltr.training.recipe import FeatureBank
from ltr.training.taps import taps_of
from ltr.training.trainer import train
from ltr.video import VideoFile
from pytracking import Tracker
from pytracking.evaluation.metrics import overlap

CPU = torch.device("cpu")
CLIP, FRAMES = "davis_car-shadow", 24
SIDE = 192
RATES = (1e-4, 2e-3)
"""Of classifier and box head. A classifier that learns one target in all sizes scores all sizes
alike, and the size search, which trusts it, goes astray: so it learns slowly."""
DATA = DataConfig(
    mix=(Part(name="clip", layout="videos", path="clip"),),
    sampling=Sampling(train_frames=1, test_frames=2),
    # as much of a cell is shown as in crops of 288 pixels of area 5, at which it is tracked
    crops=Crops(
        side=SIDE,
        area=5 * SIDE / 288,
        train_centre_jitter=1,
        test_centre_jitter=1,
        train_scale_jitter=0.1,
        test_scale_jitter=0.25,
    ),
    photometry=Photometry(joint_grey=0),
)
MOBILE = RECIPES["nce_plus_mobile"]
RECIPE = replace(
    MOBILE,
    data=DATA,
    iterations=2,
    batch=4,
    epochs=1,
    steps=120,
    groups=tuple(
        replace(group, learning_rate=rate)
        for group, rate in zip(MOBILE.groups[:2], RATES, strict=True)
    ),
    averaging=0.98,
    bank=FeatureBank(samples=64, uses=8),
)


def write_clip(shared: Path, folder: Path) -> tuple[list[Frame], NDArray[np.float64]]:
    """The first frames of the clip and their boxes, as data to train on."""
    clips = shared / "data" / "train"
    video = VideoFile(clips / f"{CLIP}.mp4")
    frames = [video.frame(number) for number in range(FRAMES)]
    boxes = read_boxes(clips / f"{CLIP}.txt")[:FRAMES]
    folder.mkdir()
    height, width = frames[0].shape[:2]
    code = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(str(folder / "clip.mp4"), code, 25, (width, height))
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
    writer.release()
    np.savetxt(folder / "clip.txt", boxes, delimiter=",")
    return frames, boxes


def tracked_overlap(
    network: Path, preset: str, frames: list[Frame], boxes: NDArray[np.float64]
) -> float:
    """The mean over all frames but the first."""
    tracker = Tracker.load(network, preset=preset, device="cpu")
    tracker.initialize(frames[0], boxes[0])
    found = np.array([tracker.track(frame).box for frame in frames[1:]])
    return float(overlap(found, boxes[1:]).mean())


@pytest.mark.slow
def test_one_clip_is_learned_by_heart(shared: Path, tmp_path: Path) -> None:
    frames, boxes = write_clip(shared, tmp_path / "clip")
    material = of_data(RECIPE, tmp_path, CPU)
    network = train(RECIPE, tmp_path / "run", material, CPU, picture_minutes=0)
    assert network is not None

    batch = material.crops(range(12))
    draws = example_draws(RECIPE.seed, batch.numbers)
    net = load_network(network).eval()
    assert RECIPE.box is not None
    proposals = box_proposals(RECIPE.box, batch.test_boxes, SIDE, draws.of("box"))
    with torch.no_grad():
        trained = losses(net, taps_of(net, batch), RECIPE, draws).terms[LOSS]
        flat = proposals.terms(torch.zeros(proposals.boxes_xywh.shape[:-1]))[LOSS]
    print(f"{LOSS}: {flat:.2f} of flat energies, {trained:.2f} of the trained ones")
    assert trained < flat / 2

    fitted = tracked_overlap(network, "nce_plus_mobile", frames, boxes)
    searched = tracked_overlap(network, "imagenet_mobile", frames, boxes)
    print(f"overlap: {searched:.3f} by the size search alone, {fitted:.3f} with the box head")
    assert fitted > 0.8
    assert fitted > searched + 0.02
