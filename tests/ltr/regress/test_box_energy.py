"""The conditional energy of boxes: its pooling, its training by every objective, its file, its
ascent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ltr.errors import CheckpointError, ResultError, TrainingError
from ltr.geometry import iou
from ltr.models.backbone import Taps
from ltr.models.box.pooling import pool
from ltr.regress.detection.examples import Classes, Examples, noisy_boxes
from ltr.regress.detection.head import BoxEnergy, BoxEnergyConfig
from ltr.regress.detection.methods import METHODS
from ltr.regress.detection.network_file import (
    Refiner,
    TrunkSource,
    load_trunk,
    read_refiner,
    write_refiner,
)
from ltr.regress.detection.refinement import refine
from ltr.regress.detection.training import Plan, Training, restore, write_state

SMALL = BoxEnergyConfig(trunk="mobilenet_v2", classes=3, channels=4, bins=2, context=1.5, hidden=8)


def material(photographs: int = 3) -> tuple[list[Taps], Examples]:
    """Features of random photographs of 96 x 64 pixels, two things in each."""
    generator = torch.Generator().manual_seed(0)
    taps = [
        Taps(
            torch.randn(1, 32, 8, 12, generator=generator),
            torch.randn(1, 96, 4, 6, generator=generator),
        )
        for _ in range(photographs)
    ]
    boxes = torch.tensor([[10.0, 8, 40, 30], [50, 20, 30, 40]]).repeat(photographs, 1)
    places = torch.arange(photographs).repeat_interleave(2)
    return taps, Examples(places, places % 3, boxes, ())


def weights(head: BoxEnergy) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in head.parameters()])


def test_the_window_pools_what_the_whole_map_does() -> None:
    torch.manual_seed(0)
    head, box_map = BoxEnergy(SMALL), torch.randn(20, 30, 4)
    # within, across the border, all beyond it
    for x, y in ((60.0, 50.0), (-30.0, 120.0), (400.0, -90.0)):
        boxes = torch.tensor([[x, y, 50, 30], [x + 5, y - 5, 60, 20]])
        wide = torch.cat([boxes[:, :2] - boxes[:, 2:] / 4, boxes[:, 2:] * 1.5], dim=1)
        whole = pool(box_map[None], wide[None], 8, (2, 2))[0].flatten(1)
        assert torch.allclose(head._pooled(box_map, boxes), whole, atol=1e-5)


def test_a_class_has_a_score_of_its_own() -> None:
    head, boxes = BoxEnergy(SMALL), torch.tensor([[[8.0, 8, 30, 30]]]).repeat(2, 1, 1)
    maps = [torch.randn(8, 12, 4)] * 2
    same = head(maps, boxes, torch.tensor([0, 2]))
    assert same[0] == same[1]
    torch.nn.init.ones_(head.class_score.weight[2])
    other = head(maps, boxes, torch.tensor([0, 2]))
    assert other[0] == same[0]
    assert other[1] != same[1]


@pytest.mark.parametrize("objective", METHODS)
def test_every_objective_trains_and_goes_on_from_its_state(objective: str, tmp_path: Path) -> None:
    taps, examples = material()
    plan = Plan(objective, seed=1, epochs=4, samples=5, step_length=0.05)
    whole = Training(plan, SMALL, taps, examples)
    before = weights(whole.head)
    for _ in range(2):
        assert torch.tensor(list(whole.learn().values())).isfinite().all()
    path = tmp_path / "state.safetensors"
    write_state(path, whole)
    resumed = Training(plan, SMALL, taps, examples)
    restore(path, resumed)
    for training in (whole, resumed):
        while training.step < training.steps:
            training.learn()
    assert torch.equal(weights(whole.head), weights(resumed.head))
    assert not torch.equal(weights(whole.head), before)
    with pytest.raises(ResultError, match="is of seed 1, not 2"):
        restore(path, Training(replace(plan, seed=2), SMALL, taps, examples))


def test_a_state_whose_plan_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taps, examples = material()
    training = Training(Plan("nce", samples=5), SMALL, taps, examples)
    training.learn()
    path = tmp_path / "state.safetensors"
    with monkeypatch.context() as context:
        context.setattr("ltr.regress.detection.training.asdict", lambda _: [1])
        write_state(path, training)
    with pytest.raises(ResultError, match=r"is of objective None, not 'nce': .* or delete it$"):
        restore(path, training)


def test_a_damaged_state_is_to_be_deleted(tmp_path: Path) -> None:
    taps, examples = material()
    training = Training(Plan("nce", samples=5), SMALL, taps, examples)
    training.learn()
    path = tmp_path / "state.safetensors"
    write_state(path, training)
    whole = path.read_bytes()
    for content in (b"", b"no state", whole[:-1], whole.replace(b'"step":"1"', b'"step":"0"')):
        path.write_bytes(content)
        with pytest.raises(
            ResultError, match=rf"^training state {path} is damaged: .*: delete it$"
        ):
            restore(path, training)


def test_a_loss_that_is_not_finite_stops_and_changes_nothing() -> None:
    taps, examples = material()
    training = Training(Plan("nce", samples=5), SMALL, taps, examples)
    torch.nn.init.constant_(training.head.score.weight, torch.inf)
    before = weights(training.head)
    with pytest.raises(
        TrainingError,
        match="NCE: the loss is nan in step 1, its gradient nan; the largest log weight is",
    ):
        training.learn()
    assert torch.equal(weights(training.head), before)


def test_noisy_boxes_are_those_of_a_poor_detector() -> None:
    boxes = torch.tensor([[10.0, 20, 30, 60]]).expand(4000, -1)
    assert float(iou(noisy_boxes(boxes), boxes).mean()) == pytest.approx(0.611, abs=0.01)
    assert torch.equal(noisy_boxes(boxes), noisy_boxes(boxes))
    assert not torch.equal(noisy_boxes(boxes), noisy_boxes(boxes, seed=1))


class Parabola(BoxEnergy):
    """The energy whose best box is known."""

    def forward(self, maps: object, boxes_xywh: Tensor, classes: Tensor) -> Tensor:
        best = torch.tensor([20.0, 10, 40, 30])
        return -(boxes_xywh - best).square().sum(-1) / 100


def test_refinement_climbs_to_the_best_box_and_never_lowers_the_energy() -> None:
    taps, _ = material(1)
    boxes, head = torch.tensor([[24.0, 8, 36, 34], [15, 14, 44, 26]]), Parabola(SMALL)
    classes = torch.zeros(2, dtype=torch.int64)
    found = refine(head, taps[0], boxes, classes, (0.02, 0.02))
    best = torch.tensor([20.0, 10, 40, 30]).expand(2, -1)
    assert (iou(found.boxes_xywh, best) > 0.97).all()
    assert torch.allclose(found.log_energy, head([], found.boxes_xywh, classes), atol=1e-4)
    far = refine(head, taps[0], boxes, classes, (50.0, 50.0))
    assert (far.log_energy >= head([], boxes, classes) - 1e-5).all()


def test_the_file_gives_back_the_network_and_is_strict(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    classes = Classes({1: 0, 4: 1, 9: 2}, ("other", "cat", "dog"))
    trunk = TrunkSource("imagenet_mobile", "0" * 64)
    refiner = Refiner(BoxEnergy(SMALL), trunk, classes, (1e-3, 4e-3), "nce_plus")
    write_refiner(path, refiner)
    found = read_refiner(path)
    assert torch.equal(weights(found.head), weights(refiner.head))
    assert (found.trunk, found.classes, found.step) == (trunk, classes, refiner.step)
    assert not any(parameter.requires_grad for parameter in found.head.parameters())
    write_refiner(path, replace(refiner, step=(0.0, 1.0)))
    with pytest.raises(CheckpointError, match="its metadata does not fit"):
        read_refiner(path)
    other = BoxEnergy(replace(SMALL, channels=5))
    other.config = SMALL
    write_refiner(path, replace(refiner, head=other))
    with pytest.raises(CheckpointError, match="has shape"):
        read_refiner(path)
    with pytest.raises(CheckpointError, match="imagenet_mobile is not the one that this box"):
        load_trunk(refiner)
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(CheckpointError, match="is damaged"):
        read_refiner(path)
