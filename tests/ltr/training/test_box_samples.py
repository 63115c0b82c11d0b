"""The boxes that the box head's energy is trained on: where they lie, and that their loss is the named one's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ltr.draws import example_draws
from ltr.ebm.objectives import LabelDivergence, MaximumLikelihood, NoiseContrastive
from ltr.geometry import at_offsets
from ltr.training.box_samples import box_noise, box_objective, box_samples
from ltr.training.recipe import EnergyLoss

CPU = torch.device("cpu")
TARGETS = torch.tensor(
    [
        [[100.0, 90, 60, 50], [10, 200, 4, 90]],
        [[-30, 40, 20, 20], [100, 90, 60, 50]],
        [[0, 0, 288, 288], [5, 6, 7, 8]],
    ]
)
NUMBERS = torch.tensor([4, 0, 77])
NAMES = ("nce", "nce_plus", "ml_is", "kld_is")


def loss_of(name: str) -> EnergyLoss:
    return replace(EnergyLoss(boxes=16), objective=name)  # type: ignore[arg-type]


def relative(boxes: Tensor, targets: Tensor) -> Tensor:
    """Offsets from the targets, written out a second time."""
    x, y, w, h = boxes.unbind(-1)
    x0, y0, w0, h0 = targets[..., None, :].unbind(-1)
    centre_x, centre_y = (x + w / 2 - x0 - w0 / 2) / w0, (y + h / 2 - y0 - h0 / 2) / h0
    return torch.stack([centre_x, centre_y, (w / w0).log(), (h / h0).log()], dim=-1)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_places(name: str) -> None:
    samples = box_samples(TARGETS, loss_of(name), example_draws(0, NUMBERS))
    count = 16 if name == "kld_is" else 17
    assert samples.proposals_xywh.shape == (3, 2, count, 4)
    assert samples.candidates.points.shape == (3, 2, count, 4)
    assert samples.candidates.log_noise.shape == (3, 2, count)
    offsets = relative(samples.proposals_xywh.double(), TARGETS.double())
    torch.testing.assert_close(offsets.float(), samples.candidates.points, rtol=1e-4, atol=1e-4)
    if name in ("nce", "ml_is"):
        torch.testing.assert_close(samples.proposals_xywh[..., 0, :], TARGETS)
    if name == "nce_plus":
        assert (samples.candidates.points[..., 0, :] != 0).all()
    # each frame and example has points of its own
    assert len(samples.candidates.points[:, :, -1].flatten(0, 1).unique(dim=0)) == 6


def test_deviations_of_centre_and_size() -> None:
    loss = EnergyLoss(boxes=4000, sigmas=((0.02, 0.1),), objective="kld_is")
    offsets = box_samples(TARGETS, loss, example_draws(0, NUMBERS)).candidates.points
    deviations = offsets.flatten(0, 2).std(0)
    torch.testing.assert_close(deviations, torch.tensor([0.02, 0.02, 0.1, 0.1]), rtol=0.03, atol=0)


def test_the_named_objective() -> None:
    assert box_objective(loss_of("nce"), CPU) == NoiseContrastive(16)
    assert box_objective(replace(loss_of("nce_plus"), beta=0.3), CPU) == NoiseContrastive(16, 0.3)
    assert box_objective(loss_of("ml_is"), CPU) == MaximumLikelihood(16)
    divergence = box_objective(replace(loss_of("kld_is"), label_sigma=(0.1, 0.2)), CPU)
    assert isinstance(divergence, LabelDivergence)
    torch.testing.assert_close(divergence.label.sigmas, torch.tensor([[0.1, 0.1, 0.2, 0.2]]))


@pytest.mark.parametrize("name", NAMES)
def test_an_energy_at_the_target_costs_less(name: str) -> None:
    """Than one of no preference, and that less than one beside it; with a loss for each frame."""
    loss = replace(loss_of(name), boxes=128)
    samples = box_samples(TARGETS, loss, example_draws(0, NUMBERS))

    def cost(centre: Tensor) -> Tensor:
        offsets = samples.candidates.points - centre
        energies = -offsets.square().sum(-1) / (2 * 0.1**2)
        values = box_objective(loss, CPU).loss(energies, samples.candidates).values
        assert values.shape == (3, 2)
        return values.mean()

    flat = box_objective(loss, CPU).loss(
        torch.zeros_like(samples.candidates.log_noise), samples.candidates
    )
    assert cost(torch.zeros(4)) < flat.values.mean() < cost(torch.tensor([0.6, 0, 0, 0]))


def test_an_example_draws_the_same_boxes_in_every_batch() -> None:
    together = box_samples(TARGETS, loss_of("nce_plus"), example_draws(0, NUMBERS))
    alone = box_samples(TARGETS[2:], loss_of("nce_plus"), example_draws(0, NUMBERS[2:]))
    assert torch.equal(together.proposals_xywh[2:], alone.proposals_xywh)


def test_published_check_values() -> None:
    """Boxes and densities of two offsets (appendix A of the published tracker's specification), float32."""
    offsets = torch.tensor([[0.02, -0.03, 0.04, 0.01], [0.6, -0.4, 0.3, 0.8]])
    expected = [
        [99.97568, 88.24875, 62.44865, 50.50251],
        [125.50424, 39.36146, 80.99155, 111.27708],
    ]
    torch.testing.assert_close(
        at_offsets(TARGETS[0, 0], offsets), torch.tensor(expected), rtol=1e-6, atol=1e-5
    )
    density = box_noise(((0.05, 0.05), (0.5, 0.5)), CPU).log_density(offsets).exp()
    torch.testing.assert_close(density, torch.tensor([1112.3263, 0.01663389]), rtol=1e-5, atol=0)
    label = box_noise(((0.05, 0.05),), CPU).log_density(offsets).exp()
    torch.testing.assert_close(label, torch.tensor([2224.2498, 0]), rtol=1e-5, atol=1e-30)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_draws_the_same_boxes() -> None:
    here = box_samples(TARGETS, EnergyLoss(), example_draws(0, NUMBERS))
    there = box_samples(TARGETS.cuda(), EnergyLoss(), example_draws(0, NUMBERS.cuda()))
    for a, b in zip(here.candidates, there.candidates, strict=True):
        torch.testing.assert_close(a, b.cpu(), rtol=1e-4, atol=1e-4)
