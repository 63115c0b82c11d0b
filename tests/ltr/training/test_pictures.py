"""Pictures of training show boxes, peaks and energies where they are."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from ltr.data.batch import Batch
from ltr.data.configuration import Crops, DataConfig
from ltr.images import read_image
from ltr.models.box.energy import EnergyHeadConfig
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.training.pictures import (
    GAP,
    HEAD,
    HEADING,
    MARGIN,
    SIDE,
    TITLE,
    TRUE,
    Maps,
    SeenSample,
    seen_samples,
    sheet,
    write_sheet,
)
from ltr.training.recipe import EnergyLoss, HingeLoss, Recipe

CROP = 64
RECIPE = Recipe(
    network=NetworkConfig(trunk="mobilenet_v2", channels=8, box_head=EnergyHeadConfig()),
    data=DataConfig(crops=Crops(side=CROP, area=4)),
    classifier=HingeLoss(),
    box=EnergyLoss(boxes=8),
    iterations=2,
)
BEST_COLOUR = (253, 231, 36)
"""The lightest of viridis."""


@pytest.fixture(scope="module")
def net() -> TrackerNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TrackerNet(RECIPE.network).train()


def batch_of(count: int) -> Batch:
    draws = np.random.default_rng(0)
    crops = torch.from_numpy(draws.integers(256, size=(count, 3, 3, CROP, CROP), dtype=np.uint8))
    boxes = torch.tensor([24.0, 20, 16, 24]).expand(count, 3, 4)
    names = tuple(f"noise/{k}" for k in range(count))
    numbers = torch.arange(count)
    return Batch(numbers, names, crops[:, :2], boxes[:, :2], crops[:, 2:], boxes[:, 2:])


def seen(**changes: object) -> SeenSample:
    """A grey sample with boxes, peaks and energies in known places."""
    crops = np.full((1, 88, 88, 3), 128, np.uint8)
    box = np.array([[22, 33, 44, 11]], np.float32)
    scores = np.zeros((1, 11, 11), np.float32)
    scores[0, 7, 2] = 1
    maps = Maps(np.array([[3, 5]], np.float32), scores, 0 * scores, scores)
    boxes = np.array([[[22, 33, 44, 11], [24, 35, 30, 9]]], np.float32)
    values = {
        "name": "store/track",
        "terms": {"box/loss": 0.25},
        "train_crops": crops,
        "train_boxes": box,
        "test_crops": crops,
        "test_boxes": box,
        "maps": maps,
        "boxes": boxes,
        "energies": np.array([[0.0, 1.0]], np.float32),
    }
    return SeenSample(**{**values, **changes})  # type: ignore[arg-type]


def panel(image: np.ndarray, column: int) -> np.ndarray:
    """The first row's picture in a column of the first sample."""
    top, left = HEADING + HEAD + TITLE, MARGIN + column * (SIDE + GAP)
    return image[top : top + SIDE, left : left + SIDE].astype(int)


def extent(picture: np.ndarray, colour: tuple[int, int, int]) -> list[int]:
    """Left, top, right and bottom of the pixels of about this colour."""
    rows, columns = np.nonzero(np.abs(picture - colour).max(axis=-1) < 40)
    return [int(v) for v in (columns.min(), rows.min(), columns.max(), rows.max())]


@pytest.mark.parametrize("column", [0, 1])
def test_the_box_stands_where_it_is(column: int) -> None:
    picture = panel(sheet("step 1", [seen()]), column)
    scale = SIDE / 88
    edges = [22 * scale, 33 * scale, 66 * scale, 44 * scale]
    assert extent(picture, TRUE) == pytest.approx(edges, abs=2)


def test_peak_and_ring_stand_where_they_are() -> None:
    image, cell = sheet("step 1", [seen()]), SIDE / 11
    last = panel(image, 4)
    light = np.argwhere(last.min(axis=-1) > 150)
    assert light.min(axis=0) == pytest.approx([7 * cell, 2 * cell], abs=1)
    assert light.max(axis=0) == pytest.approx([8 * cell - 1, 3 * cell - 1], abs=1)
    left, top, right, bottom = extent(last, TRUE)
    assert [(top + bottom) / 2, (left + right) / 2] == pytest.approx(
        [3.5 * cell, 5.5 * cell], abs=1.5
    )
    assert panel(image, 3).max() <= max(TRUE)  # a map of zeros is black but for its ring


def test_the_best_box_is_the_lightest() -> None:
    picture = panel(sheet("step 1", [seen()]), 5)
    side = round(1.8 * 44)
    left, top = 44 - side / 2, 88 - side  # as far as it shows the crop alone
    scale = SIDE / side
    found = extent(picture, BEST_COLOUR)
    top = min(top, round(38.5 - side / 2))
    expected = [(24 - left) * scale, (35 - max(top, 0)) * scale]
    assert found[:2] == pytest.approx(expected, abs=3)
    assert found[2] - found[0] == pytest.approx(30 * scale, abs=3)
    worse = seen(energies=np.array([[1.0, 0.0]], np.float32))
    other = extent(panel(sheet("step 1", [worse]), 5), BEST_COLOUR)
    assert other[2] - other[0] == pytest.approx(44 * scale, abs=3)


def test_what_is_not_trained_is_not_shown() -> None:
    whole = sheet("step 1", [seen()])
    without = sheet("step 1", [seen(boxes=None, energies=None)])
    boxes_alone = sheet("step 1", [seen(maps=None)])
    assert whole.shape[1] - without.shape[1] == SIDE + GAP
    assert whole.shape[1] - boxes_alone.shape[1] == 3 * (SIDE + GAP)


def test_odd_numbers_are_drawn() -> None:
    """A target far away, energies that are not finite, names that are long."""
    far = np.array([[1e6, -1e6, 40, 1e5]], np.float32)
    maps = seen().maps
    assert maps is not None
    sample = seen(
        name="x" * 500,
        test_boxes=far,
        energies=np.full((1, 2), np.nan, np.float32),
        maps=maps._replace(cell_yx=np.array([[1e9, -1e9]], np.float32)),
    )
    assert sheet("step 1", [sample]).shape == sheet("step 1", [seen()]).shape


def test_a_sheet_of_a_network(net: TrackerNet, tmp_path: Path) -> None:
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    path = write_sheet(tmp_path, 12, net, batch_of(4), RECIPE)
    assert path == tmp_path / "pictures" / "step-00000012.png"
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # written whole
    image = read_image(path)
    blocks = 3 * (HEAD + TITLE + 2 * (SIDE + GAP) + MARGIN)
    assert image.shape == (HEADING + blocks, 2 * MARGIN + 6 * (SIDE + GAP) - GAP, 3)
    assert net.training
    assert all(torch.equal(tensor, before[key]) for key, tensor in net.state_dict().items())


def test_a_sample_is_seen_by_itself(net: TrackerNet) -> None:
    still = copy.deepcopy(net).eval()
    one, two = (seen_samples(still, batch_of(count), RECIPE) for count in (1, 2))
    assert (len(one), len(two)) == (1, 2)
    assert one[0].terms == two[0].terms != two[1].terms
    assert one[0].maps is not None
    assert one[0].maps.labels.shape == one[0].maps.last_scores.shape == (1, 5, 5)
    # the middle (32, 32) of a crop of 64 pixels is cell 2 of 5
    assert np.unravel_index(one[0].maps.labels.argmax(), (1, 5, 5)) == (0, 2, 2)
    assert one[0].boxes is not None
    assert one[0].energies is not None
    assert one[0].boxes.shape[:2] == one[0].energies.shape
