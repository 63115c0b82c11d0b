"""One step of training of DiMP-18 and PrDiMP-18, and the losses by themselves, against an independent implementation
(README.md sections 9, 10 and 12 there)."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference_nets import reference_net
from torch import Tensor

import ltr.training.classifier_loss as classifier_loss_module
import ltr.training.losses as losses_module
from ltr import recipes
from ltr.data.batch import Batch
from ltr.data.configuration import Crops, DataConfig
from ltr.draws import example_draws
from ltr.ebm.objectives import label_divergence
from ltr.images import MEAN, STD
from ltr.label_maps import gaussian, training_density
from ltr.models.backbone import Taps
from ltr.models.tracker_net import TrackerNet, TrainingOutput
from ltr.training.box_loss import LOSS, Proposals, overlap_loss
from ltr.training.classifier_loss import divergence, hinge
from ltr.training.losses import Losses, losses
from ltr.training.parameters import optimizer_of
from ltr.training.taps import TapsBatch, taps_of

Golden = Callable[[str], np.lib.npyio.NpzFile]

SIDE = 112
RECIPES = {
    name: replace(recipes.RECIPES[name], data=DataConfig(crops=Crops(side=SIDE, area=5.0)))
    for name in ("dimp18", "prdimp18")
}
"""As they are published here, on the reference's small crops."""
STATISTICS = {
    "dimp18": {
        "iou": (LOSS, 1.0),
        "target_clf": ("classifier/final", 100.0),
        "test_init_clf": ("classifier/first", 100.0),
        "test_iter_clf": ("classifier/between", 400.0),
        "test_loss": ("classifier/final", 1.0),
        "test_init_loss": ("classifier/first", 1.0),
        "test_iter_loss": ("classifier/between", 1.0),
    },
    "prdimp18": {
        "bb_ce": (LOSS, 1.0),
        "loss_bb_ce": (LOSS, 0.0025),
        "Loss/clf_ce": ("classifier/final", 0.25),
        "Loss/clf_ce_init": ("classifier/first", 0.25),
        "Loss/clf_ce_iter": ("classifier/between", 1.0),
        "ClfTrain/clf_ce": ("classifier/final", 1.0),
        "ClfTrain/clf_ce_init": ("classifier/first", 1.0),
        "ClfTrain/clf_ce_iter": ("classifier/between", 1.0),
    },
}
"""Their statistics: our terms, and their factors."""


@dataclass
class Step:
    """A step up to the gradients."""

    net: TrackerNet
    output: TrainingOutput
    losses: Losses
    data: np.lib.npyio.NpzFile

    def check(self, key: str, actual: Tensor, tolerance: float) -> None:
        """`tolerance` relative to the array's largest value."""
        expected = self.data[key]
        actual = actual.detach().cpu().numpy()
        scale = np.abs(expected).max()
        np.testing.assert_allclose(actual, expected, atol=tolerance * scale, rtol=0, err_msg=key)

    def compared(self) -> list[tuple[int, str, Tensor]]:
        """Index in the reference's lists, name and parameter, of those whose gradient is more than rounding."""
        zero = self.data["zero_gradient_by_construction"]
        parameters, names = dict(self.net.named_parameters()), names_of(self.data)
        unused = [name for name in names if name not in parameters]
        assert all(".layer4." in name or ".fc." in name for name in unused)
        assert set(parameters) <= set(names)
        return [
            (k, name, parameters[name])
            for k, name in enumerate(names)
            if name in parameters and not zero[k]
        ]


def names_of(data: np.lib.npyio.NpzFile) -> list[str]:
    return json.loads(str(data["param_names_json"]))


def of_sequences(array: np.ndarray, dtype: torch.dtype | None = None) -> Tensor:
    """(frames, sequences, ...) -> (B, frames, ...)."""
    return torch.from_numpy(array).to(dtype).transpose(0, 1).contiguous()


def given_boxes(name: str, data: np.lib.npyio.NpzFile, dtype: torch.dtype) -> Proposals:
    """The reference's own boxes, in the place of drawn ones, and the loss of their energies."""
    boxes = of_sequences(data["test_proposals"], dtype)
    if name == "dimp18":
        overlaps = (of_sequences(data["proposal_iou"], dtype) + 1) / 2
        return Proposals(boxes, lambda energies: {LOSS: overlap_loss(energies, overlaps)})
    noise, label = (of_sequences(data[key], dtype) for key in ("proposal_density", "gt_density"))
    return Proposals(
        boxes,
        lambda energies: {LOSS: label_divergence(energies, noise.log(), label.log()).values.mean()},
    )


def crops_of(data: np.lib.npyio.NpzFile, part: str) -> Tensor:
    return of_sequences(data[f"{part}_images_u8"]).movedim(-1, -3).contiguous()


def batch_of(net: TrackerNet, data: np.lib.npyio.NpzFile, dtype: torch.dtype) -> TapsBatch:
    """What the objective is given."""
    boxes = [of_sequences(data[f"{part}_anno"], dtype) for part in ("train", "test")]
    numbers, names = torch.arange(2), ("a", "b")
    if dtype == torch.float32:
        train, test = crops_of(data, "train"), crops_of(data, "test")
        return taps_of(net, Batch(numbers, names, train, boxes[0], test, boxes[1]))
    train_taps, test_taps = (taps64(net, data[f"{part}_images_u8"]) for part in ("train", "test"))
    return TapsBatch(numbers, names, train_taps, boxes[0], test_taps, boxes[1])


def taps64(net: TrackerNet, images: np.ndarray) -> Taps:
    """The trunk's features in float64, with the float32 constants of the normalisation. Images pass in the reference's
    order: equal pixels tie in the maximum pooling, and the last bit of a convolution says which gets the gradient."""
    mean, std = (torch.tensor(values).double().view(3, 1, 1) for values in (MEAN, STD))
    pixels = torch.from_numpy(images).flatten(0, 1).movedim(-1, 1).double().contiguous()
    taps = net.feature_extractor((pixels / 255 - mean) / std)
    return Taps(*(tap.unflatten(0, (2, 2)).transpose(0, 1).flatten(0, 1) for tap in taps))


def make_step(name: str, golden: Golden, shared: Path, dtype: torch.dtype, patch: Any) -> Step:
    data = golden(f"train_{name}.npz")
    net = deepcopy(reference_net(name, shared / "reference")).to(dtype)
    net.train().requires_grad_(True)
    outputs: list[TrainingOutput] = []
    from_taps = net.from_taps

    def recorded(*arguments: Any) -> TrainingOutput:
        outputs.append(from_taps(*arguments))
        for tensor in outputs[-1]:
            tensor.retain_grad()
        return outputs[-1]

    patch.setattr(net, "from_taps", recorded, raising=False)
    patch.setattr(losses_module, "box_proposals", lambda *_: given_boxes(name, data, dtype))
    batch = batch_of(net, data, dtype)
    result = losses(net, batch, RECIPES[name], example_draws(0, batch.numbers))
    result.total.backward()
    return Step(net, outputs[0], result, data)


@pytest.mark.parametrize("name", RECIPES)
def test_step(name: str, golden: Golden, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = make_step(name, golden, shared, torch.float32, monkeypatch)
    data, terms = step.data, step.losses.terms
    scores, energies = step.output.raw_scores, step.output.energies
    step.check("target_scores", scores.transpose(1, 2), 5e-5)
    step.check("bb_scores", energies.transpose(0, 1), 2e-3)
    step.check("target_scores_grad", scores.grad.transpose(1, 2), 1e-4)
    step.check("bb_scores_grad", energies.grad.transpose(0, 1), 2e-3)

    named = json.loads(str(data["stat_names_json"]))
    assert step.losses.total.item() == pytest.approx(float(data["loss"]), rel=5e-5)
    for statistic, expected in zip(named[1:], data["stat_values"][1:], strict=True):
        table = STATISTICS[name]
        term, factor = table.get(statistic) or table[statistic.split("/")[1]]
        assert factor * terms[term].item() == pytest.approx(expected, rel=5e-5), statistic
    assert len(STATISTICS[name]) == len(named) - 1

    for k, parameter_name, parameter in step.compared():
        norm = parameter.grad.double().norm().item()
        tolerance = 1e-4 if parameter_name.startswith("classifier.") else 5e-2
        assert norm == pytest.approx(data["grad_norms"][k], rel=tolerance), parameter_name
        if f"grad/{parameter_name}" in data:
            step.check(f"grad/{parameter_name}", parameter.grad, 0.2)

    before = {key: value.clone() for key, value in step.net.state_dict().items()}
    optimizer = optimizer_of(step.net, RECIPES[name])
    for group in optimizer.param_groups:
        group["lr"] = RECIPES[name].groups[group["group"]].learning_rate
    optimizer.step()
    state = step.net.state_dict()
    for k, parameter_name, _ in step.compared():
        moved = (state[parameter_name] - before[parameter_name]).double().norm().item()
        assert moved == pytest.approx(data["update_norms"][k], rel=2e-2), parameter_name
    for key in (key for key in data.files if key.startswith("after/")):
        after, gradient = state[key.removeprefix("after/")], key.replace("after/", "grad/")
        if (
            gradient in data
        ):  # the first step of Adam is a whole one also where the gradient is rounding
            known = np.abs(data[gradient]) > 1e-3 * np.abs(data[gradient]).max()
            assert known.mean() > 0.95
            after = torch.where(torch.from_numpy(known), after, torch.from_numpy(data[key]))
        step.check(key, after, 1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_gradients(
    name: str, golden: Golden, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float64, where nothing hangs on the order of sums; labels are the reference's, which are float32."""
    data = golden(f"train_{name}.npz")
    for function, key in (("gaussian", "test_label"), ("training_density", "test_label_density")):
        if key in data:
            label = of_sequences(data[key], torch.float64)
            monkeypatch.setattr(classifier_loss_module, function, lambda *_, label=label: label)
    step = make_step(name, golden, shared, torch.float64, monkeypatch)
    expected = step.data["grad_norms_float64"]
    for k, parameter_name, parameter in step.compared():
        norm = parameter.grad.norm().item()
        assert norm == pytest.approx(expected[k], rel=1e-8, abs=0), parameter_name


@pytest.mark.parametrize("name", RECIPES)
def test_labels(name: str, golden: Golden) -> None:
    data = golden(f"train_{name}.npz")
    boxes = torch.from_numpy(data["test_anno"])
    cell_yx = (boxes[..., :2] + boxes[..., 2:] / 2).flip(-1) / 16
    sigma = 0.25 * SIDE / 16 / 5
    torch.testing.assert_close(
        gaussian(cell_yx, sigma, (8, 8)), torch.from_numpy(data["test_label"]), atol=1e-6, rtol=0
    )
    if "test_label_density" in data:
        expected = torch.from_numpy(data["test_label_density"])
        density = training_density(cell_yx, sigma, (8, 8))
        torch.testing.assert_close(density, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("threshold", ["0.05", "none"])
def test_hinge(threshold: str, golden: Golden) -> None:
    data = golden("data_functions.npz")
    labels = torch.from_numpy(data["hinge_label"])
    scores = torch.from_numpy(data["hinge_scores"]).requires_grad_()
    least = -torch.inf if threshold == "none" else float(threshold)
    loss = hinge(labels, least).loss(scores).mean()
    loss.backward()
    assert loss.item() == pytest.approx(float(data[f"hinge_{threshold}"]), rel=1e-6)
    expected = torch.from_numpy(data[f"hinge_{threshold}_grad"])
    torch.testing.assert_close(scores.grad, expected, rtol=1e-6, atol=1e-8)


def test_divergence(golden: Golden) -> None:
    data = golden("data_functions.npz")
    scores = torch.from_numpy(data["grid_scores"]).requires_grad_()
    loss = divergence(torch.from_numpy(data["grid_density"])).loss(scores).mean()
    loss.backward()
    assert loss.item() == pytest.approx(float(data["kl_grid"]), rel=1e-6)
    expected = torch.from_numpy(data["kl_grid_grad"])
    torch.testing.assert_close(scores.grad, expected, rtol=1e-6, atol=1e-8)
