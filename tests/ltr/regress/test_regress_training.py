"""Networks of the regression tasks: their shapes and gradients, all objectives, resuming, evaluation."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ltr.errors import CheckpointError, TrainingError
from ltr.regress.examples import Examples
from ltr.regress.metric import evaluate
from ltr.regress.networks import (
    EnergyHead,
    MixtureHead,
    ResNet18Features,
    normalized,
)
from ltr.regress.training import OBJECTIVES, Scale, Setup, Training, first_net, scale_of

SETUP = Setup(
    "cells", "mdn", True, "small", "none", samples=16, epochs=2, frozen_epochs=0, batch=16
)


def brightness(count: int, dimensions: int = 1) -> Examples:
    """Pictures that are as bright as their target, which is up to 200."""
    levels = torch.linspace(1, 200, count)
    images = levels.round().to(torch.uint8)[:, None, None, None].repeat(1, 1, 64, 64)
    return Examples(images, levels[:, None].repeat(1, dimensions))


def gradients(net: torch.nn.Module) -> dict[str, bool]:
    """Whether a part gets any, by its first name."""
    found: dict[str, bool] = {}
    for name, parameter in net.named_parameters():
        part = name.split(".")[0]
        some = parameter.grad is not None and bool(parameter.grad.any())
        found[part] = found.get(part, False) or some
    return found


def test_energy_head_is_one_layer_on_both() -> None:
    """Its halves are the published layer on image and target, cut in two."""
    torch.manual_seed(0)
    head = EnergyHead(512, 3)
    assert [tuple(p.shape) for p in head.target.parameters() if p.dim() > 1] == [
        (16, 3), (32, 16), (64, 32), (128, 64), (512, 128),
    ]  # fmt: skip
    features, points = torch.randn(2, 512), torch.randn(2, 5, 3)
    found = head.scores(head.image(features), head.target(points))
    on_y = head.target[:-1](points)
    both = torch.cat([features[:, None].expand(-1, 5, -1), on_y], dim=-1)
    matrix = torch.cat([head.image.weight, head.target[-1].weight], dim=1)
    expected = head.score((both @ matrix.T + head.image.bias).relu())[..., 0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    same = head.scores(head.image(features), head.target(points[0]))
    torch.testing.assert_close(same[0], found[0])


def test_mixture_head_has_a_row_for_each_dimension() -> None:
    head = MixtureHead(8, 3, 4)
    features = torch.randn(2, 8)
    mixture = head(features)
    assert mixture.logits.shape == (2, 4)
    means = head.means(features)
    assert mixture.means[1, 2, 0] == means[1, 2]  # component 2 of dimension 0
    assert mixture.means[1, 1, 2] == means[1, 2 * 4 + 1]
    assert mixture.log_sigmas[0, 3, 1] == head.log_variances(features)[0, 4 + 3] / 2


def test_resnet18_begins_with_weights_and_may_keep_them(tmp_path: Path) -> None:
    bundled = ResNet18Features("imagenet")
    assert not bundled.trunk.conv1.weight.equal(ResNet18Features("none").trunk.conv1.weight)
    pictures = normalized(torch.randint(0, 256, (2, 1, 64, 64), dtype=torch.uint8))
    assert bundled(pictures).shape == (2, 512)
    before = bundled.trunk.bn1.running_mean.clone()
    bundled(pictures, frozen=True).sum().backward()
    assert gradients(bundled) == {"trunk": False, "layer4": True}
    assert not bundled.trunk.bn1.running_mean.equal(before)
    bundled(pictures).sum().backward()
    assert gradients(bundled) == {"trunk": True, "layer4": True}
    state = {k.removeprefix("trunk."): v for k, v in bundled.state_dict().items()}
    torch.save({**state, "fc.weight": torch.zeros(1)}, tmp_path / "whole.pth")
    whole = ResNet18Features(str(tmp_path / "whole.pth"))
    assert whole.layer4[1].conv2.weight.equal(bundled.layer4[1].conv2.weight)
    assert not whole(pictures, frozen=True).requires_grad
    old = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "old.pth")
    assert len(old) == 100
    assert ResNet18Features(str(tmp_path / "old.pth")).trunk.conv1.weight.equal(
        state["conv1.weight"]
    )


def test_what_are_no_weights_of_resnet18(tmp_path: Path) -> None:
    """In own words: torch advises to read the file without care."""
    path = tmp_path / "weights.pth"

    def line() -> str:
        with pytest.raises(CheckpointError) as error:
            ResNet18Features(str(path))
        return str(error.value)

    assert line() == f"cannot read weights {path}: No such file or directory"
    head = f"weights {path} are not those of torchvision's ResNet-18 ("
    todo = "): give its file resnet18-f37072fd.pth, or imagenet for the bundled ones"
    for value, why in (
        (Path("x"), "it is damaged or holds more than tensors"),
        ([torch.zeros(1)], "it is no table of tensors"),
        ({"fc.weight": torch.zeros(1)}, "conv1.weight is missing or has another shape"),
        ({"conv1.weight": torch.zeros(1)}, "conv1.weight is missing or has another shape"),
        ({"conv1.weight": "text"}, "conv1.weight is missing or has another shape"),
    ):
        torch.save(value, path)
        assert line() == head + why + todo
    for content in (b"", b"no weights"):
        path.write_bytes(content)
        assert line() == f"{head}it is damaged or holds more than tensors{todo}"


def test_normalized_as_published() -> None:
    grey = torch.full((1, 1, 2, 2), 255, dtype=torch.uint8)
    found = normalized(grey)[0, :, 1, 1].tolist()
    assert found == pytest.approx([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])


@pytest.mark.parametrize("objective", list(OBJECTIVES))
def test_every_objective_learns(objective: str) -> None:
    examples = brightness(64)
    setup = replace(SETUP, objective=objective)
    training = Training(setup, examples, 0)
    few = Examples(*(part[::4] for part in examples))
    before = evaluate(training.net, setup, few, training.scale)
    for _ in range(12):
        training.epoch()
    after = evaluate(training.net, setup, few, training.scale)
    assert after.likelihood < before.likelihood - 0.3
    assert after.error < 40  # of a network that has learned nothing: 50
    assert (after.proposal_likelihood is not None) == (objective == "proposal")


def test_who_trains_what() -> None:
    """The energy of a proposal trains the features alone; a teacher has features of its own."""
    images = torch.randint(0, 256, (4, 1, 64, 64), dtype=torch.uint8)
    net = first_net(replace(SETUP, objective="proposal"), 0)
    _, mixture = net(images)
    mixture.log_density(torch.zeros(4, 1, 1)).sum().backward()
    assert gradients(net) == {"features": False, "mixture": True, "energy": False}
    net = first_net(replace(SETUP, objective="teacher"), 0)
    score, mixture = net(images)
    mixture.log_density(torch.zeros(4, 1, 1)).sum().backward()
    assert gradients(net) == {"features": True, "mixture": True, "energy": False, "teacher": False}
    net.zero_grad()
    score(torch.zeros(4, 1, 1)).sum().backward()
    assert gradients(net) == {"features": False, "mixture": False, "energy": True, "teacher": True}


def test_a_seed_begins_alike() -> None:
    """What two objectives have in common; torch's own generator is not touched."""
    torch.manual_seed(5)
    alone = first_net(SETUP, 1)
    taught = first_net(replace(SETUP, objective="teacher"), 1)
    number = torch.rand(())
    torch.manual_seed(5)
    assert number == torch.rand(())
    for name, parameter in alone.state_dict().items():
        assert parameter.equal(taught.state_dict()[name]), name
    assert not first_net(SETUP, 2).mixture.logits[0].bias.equal(alone.mixture.logits[0].bias)


def test_resuming_is_going_on() -> None:
    setup, examples = replace(SETUP, objective="teacher"), brightness(40)
    whole, half = Training(setup, examples, 0), Training(setup, examples, 0)
    whole.epoch()
    half.epoch()
    rest = Training(setup, examples, 0)
    rest.restore(half.state())
    for training in (whole, rest):
        training.epoch()
    assert whole.losses == rest.losses
    for name, tensor in whole.net.state_dict().items():
        assert tensor.equal(rest.net.state_dict()[name]), name
    assert Training(setup, examples, 1).net.state_dict()["energy.score.weight"].shape == (1, 128)


def test_poses_are_warmed_up_by_their_likelihood() -> None:
    images = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    poses = Examples(images, torch.randn(4, 3))
    setup = replace(SETUP, task="pose", objective="proposal", batch=4)
    training = Training(setup, poses, 0)
    training.epoch()
    assert gradients(training.net) == {"features": False, "mixture": True, "energy": False}
    training.epoch()
    assert all(gradients(training.net).values())
    many = Training(replace(setup, objective="mdn", components=16), poses, 0)
    many.epoch()
    assert not gradients(many.net.mixture)["log_variances"]  # the mean alone
    assert gradients(many.net.mixture)["means"]


def test_a_teacher_learns_in_the_warm_up_of_its_mixture() -> None:
    """The mixture as without a teacher, by its likelihood; from the second epoch on otherwise."""
    images = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    poses = Examples(images, torch.randn(4, 3))
    setup = replace(SETUP, task="pose", objective="teacher", batch=4)
    taught, alone = (Training(replace(setup, objective=o), poses, 0) for o in ("teacher", "mdn"))
    for same in (True, False):
        taught.epoch(), alone.epoch()
        assert all(gradients(taught.net).values())
        gradient = alone.net.mixture.means[0].weight.grad
        assert taught.net.mixture.means[0].weight.grad.allclose(gradient, atol=1e-6) == same


class _Parabola(torch.nn.Module):
    """An energy that asks the picture nothing: a Gaussian of mean 3 and deviation 2, and 7."""

    def image(self, features: Tensor) -> Tensor:
        return features[:, 0]

    def target(self, points: Tensor) -> Tensor:
        return 7 - ((points[..., 0] - 3) / 2) ** 2 / 2

    def scores(self, on_image: Tensor, on_target: Tensor) -> Tensor:
        return on_target.expand(len(on_image), -1)


def test_evaluation_in_the_tasks_own_unit() -> None:
    """A Gaussian of mean 80 and deviation 20, as a mixture and as an energy."""
    examples = brightness(50)
    scale = Scale(torch.tensor([50.0]), torch.tensor([10.0]))
    net = first_net(replace(SETUP, components=2), 0)
    for branch, value in ((net.mixture.means, 3.0), (net.mixture.log_variances, math.log(4))):
        torch.nn.init.zeros_(branch[2].weight)
        torch.nn.init.constant_(branch[2].bias, value)
    found = evaluate(net, SETUP, examples, scale)
    normal = torch.distributions.Normal(80.0, 20.0)
    expected = float(-normal.log_prob(examples.targets).mean())
    assert found.likelihood == pytest.approx(expected, abs=1e-4)
    assert found.error == pytest.approx(float((examples.targets - 80).abs().mean()), abs=1e-3)
    setup = replace(SETUP, objective="nce")
    net = first_net(setup, 0)
    net.energy = _Parabola()
    found = evaluate(net, setup, examples, scale)
    inside = float(normal.cdf(torch.tensor(200.0)) - normal.cdf(torch.tensor(1.0)))
    assert found.likelihood == pytest.approx(expected + math.log(inside), abs=1e-3)
    assert found.error == pytest.approx(float((examples.targets - 80).abs().mean()), abs=0.1)


def test_a_loss_that_is_not_finite() -> None:
    examples = brightness(32)
    training = Training(replace(SETUP, objective="nce"), examples, 3)
    with torch.no_grad():
        training.net.energy.score.bias.fill_(math.inf)
    with pytest.raises(TrainingError) as error:
        training.epoch()
    assert str(error.value) == (
        "step 1 of seed 3, EBM, fixed noise: the loss is not finite, the largest log weight is "
        "inf; lower the learning rate"
    )
    training = Training(replace(SETUP, objective="teacher"), examples, 3)
    training.epoch()
    with torch.no_grad():
        training.net.mixture.means[2].bias.fill_(math.nan)
    with pytest.raises(
        TrainingError,
        match="^step 3 of seed 3, MDN, EBM as teacher: the means of a mixture of 4 are not finite",
    ):
        training.epoch()


def test_scale_of_what_never_changes() -> None:
    scale = scale_of(torch.full((5, 2), 3.0))
    assert scale.outward(scale.inward(torch.tensor([[4.0, 5.0]]))).tolist() == [[4.0, 5.0]]
