"""What a recipe minimises, on random features of a tiny network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ltr.data.configuration import Crops, DataConfig
from ltr.draws import example_draws
from ltr.errors import ConfigError
from ltr.geometry import iou
from ltr.models.backbone import Taps
from ltr.models.box.energy import EnergyHeadConfig
from ltr.models.classifier.steepest_descent import HingeConfig
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.training.box_loss import box_proposals
from ltr.training.classifier_loss import classifier_terms
from ltr.training.losses import losses
from ltr.training.recipe import DivergenceLoss, EnergyLoss, HingeLoss, OverlapLoss, Recipe
from ltr.training.taps import TapsBatch

SIDE = 96
RECIPE = Recipe(
    network=NetworkConfig(
        trunk="mobilenet_v2",
        feature_blocks=1,
        feature_block="signed",
        channels=16,
        filter_optimizer=HingeConfig(),
        box_head=EnergyHeadConfig(
            channels=(16, 16), bins=(3, 2), hidden=(16, 16), reference=(16, 16)
        ),
    ),
    data=DataConfig(crops=Crops(side=SIDE, area=4.0)),
    classifier=HingeLoss(cross_entropy=0.05),
    box=EnergyLoss(boxes=16),
    iterations=3,
)
ENERGIES = ("nce", "nce_plus", "ml_is", "kld_is")


def tiny_net() -> TrackerNet:
    torch.manual_seed(0)
    return TrackerNet(RECIPE.network).train()


def random_batch(batch: int = 3, frames: int = 2) -> TapsBatch:
    generator = torch.Generator().manual_seed(5)

    def taps() -> Taps:
        return Taps(
            *(
                torch.randn(
                    batch * frames, channels, SIDE // stride, SIDE // stride, generator=generator
                )
                for channels, stride in ((32, 8), (96, 16))
            )
        )

    def boxes() -> Tensor:
        corner = torch.rand(batch, frames, 2, generator=generator) * 40 + 15
        return torch.cat([corner, torch.rand(batch, frames, 2, generator=generator) * 10 + 20], -1)

    names = tuple("abc"[:batch])
    return TapsBatch(torch.arange(batch), names, taps(), boxes(), taps(), boxes())


DRAWS = example_draws(0, torch.arange(3))


@pytest.mark.parametrize("objective", ENERGIES)
def test_every_objective_of_the_energy(objective: str) -> None:
    """Each has a gradient for the whole box head, none for the classifier, and hangs on the draws alone."""
    recipe = replace(RECIPE, classifier=None, box=EnergyLoss(boxes=16, objective=objective))
    net, batch = tiny_net(), random_batch()
    result = losses(net, batch, recipe, DRAWS)
    assert result.terms["box/loss"].requires_grad
    assert all(not term.requires_grad for name, term in result.terms.items() if name != "box/loss")
    assert result.total.item() == pytest.approx(0.01 * result.terms["box/loss"].item())
    result.total.backward()
    for name, parameter in net.named_parameters():
        trained = name.startswith("bb_regressor.")
        assert (parameter.grad is not None and bool(parameter.grad.any())) == trained, name
    again = losses(net, batch, recipe, DRAWS).total
    other = losses(net, batch, recipe, example_draws(1, torch.arange(3))).total
    assert torch.equal(again, result.total)
    assert not torch.equal(other, result.total)


def test_the_total_is_its_terms_by_their_weights() -> None:
    net, batch = tiny_net(), random_batch()
    result = losses(net, batch, RECIPE, DRAWS)
    weights = {
        "classifier/final": 100,
        "classifier/first": 100,
        "classifier/between": 400,
        "classifier/cross_entropy": 0.05,
        "box/loss": 0.01,
    }
    expected = sum(weight * result.terms[name].item() for name, weight in weights.items())
    assert result.total.item() == pytest.approx(expected, rel=1e-6)
    assert all(term.shape == () for term in result.terms.values())


def test_what_is_not_trained_is_not_computed() -> None:
    net, batch = tiny_net(), random_batch()
    classifier = losses(net, batch, replace(RECIPE, box=None), DRAWS)
    box = losses(net, batch, replace(RECIPE, classifier=None), DRAWS)
    assert {name.split("/")[0] for name in classifier.terms} == {"classifier"}
    assert {name.split("/")[0] for name in box.terms} == {"box"}


def test_a_term_without_weight_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = HingeLoss(first=0.0, between=0.0, cross_entropy=0.0)
    net, recipe = tiny_net(), replace(RECIPE, classifier=loss, box=None)
    scores = torch.ones(4, 3, 2, 7, 7)
    scores[0] = torch.nan
    monkeypatch.setattr(TrackerNet, "_raw_scores", lambda *_: scores)
    result = losses(net, random_batch(), recipe, DRAWS)
    assert result.terms["classifier/first"].isnan()
    assert result.total.isfinite()


def test_mixed_precision_ends_before_the_losses() -> None:
    net, batch = tiny_net(), random_batch()
    with torch.autocast("cpu", torch.bfloat16):
        mixed = losses(net, batch, RECIPE, DRAWS)
    exact = losses(net, batch, RECIPE, DRAWS)
    assert not torch.equal(mixed.total, exact.total)
    for name, term in mixed.terms.items():
        assert term.dtype == torch.float32
        assert term.item() == pytest.approx(exact.terms[name].item(), rel=0.1, abs=0.02), name


def test_overlaps_of_disturbed_boxes() -> None:
    target = random_batch().test_boxes
    proposals = box_proposals(OverlapLoss(boxes=5), target, SIDE, DRAWS)
    assert proposals.boxes_xywh.shape == (3, 2, 5, 4)
    overlaps = iou(proposals.boxes_xywh, target[:, :, None])
    assert proposals.terms(2 * overlaps - 1)["box/loss"].item() < 1e-10
    assert proposals.terms(2 * overlaps)["box/loss"].item() == pytest.approx(1)
    # a stream for each frame: none has another one's boxes, and an example's do not hang on who else is there
    alone = box_proposals(
        OverlapLoss(boxes=5), target[1:2], SIDE, example_draws(0, torch.tensor([1]))
    )
    assert torch.equal(alone.boxes_xywh[0], proposals.boxes_xywh[1])
    same = target[:1, :1].expand(1, 2, 4)
    both = box_proposals(OverlapLoss(boxes=5), same, SIDE, example_draws(0, torch.tensor([1])))
    assert not torch.equal(both.boxes_xywh[0, 0], both.boxes_xywh[0, 1])


def test_frames_without_the_target_do_not_train_the_energy() -> None:
    target = random_batch().test_boxes
    energies = torch.randn(3, 2, 17, generator=torch.Generator().manual_seed(0))
    loss = EnergyLoss(boxes=16)
    outside = target.clone()
    outside[1, 0, 0] = SIDE - outside[1, 0, 2] / 2 + 1  # its middle is a pixel too far
    all_frames = box_proposals(loss, target, SIDE, DRAWS)
    proposals = box_proposals(loss, outside, SIDE, DRAWS)
    disturbed = energies.clone()
    disturbed[1, 0] = 1e6
    kept = proposals.terms(energies)
    assert kept == proposals.terms(disturbed)
    assert kept["box/loss"] != all_frames.terms(energies)["box/loss"]
    single = box_proposals(loss, outside[1:2, :1], SIDE, example_draws(0, torch.tensor([1])))
    assert single.terms(energies[1:2, :1])["box/loss"] == 0


def test_cross_entropy_over_cells() -> None:
    """Beside the hinge: of the softmax of scores by a temperature, against the label made a density."""
    scores = torch.randn(2, 2, 1, 7, 7, generator=torch.Generator().manual_seed(0))
    cell_yx = torch.tensor([[[3.3, 2.1]], [[1.0, 4.7]]])
    loss = HingeLoss(cross_entropy=1.0, temperature=0.5, sigma=0.3)
    terms = classifier_terms(scores, cell_yx, 2.0, loss)
    rows, columns = torch.arange(7.0)[:, None], torch.arange(7.0)
    y, x = cell_yx[:, 0, 0, None, None], cell_yx[:, 0, 1, None, None]
    label = torch.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 0.6**2))
    density = (label / label.sum((1, 2), keepdim=True)).flatten(1)
    expected = F.cross_entropy(scores[-1, :, 0].flatten(1) / 0.5, density, reduction="none")
    torch.testing.assert_close(terms["classifier/cross_entropy"], expected)
    final = torch.where(label < 0.05, scores[-1, :, 0].relu(), scores[-1, :, 0] - label)
    torch.testing.assert_close(terms["classifier/final"], final.square().mean((1, 2)))
    assert "classifier/between" not in terms


@pytest.mark.parametrize("loss", [HingeLoss(cross_entropy=1.0), DivergenceLoss()])
def test_a_target_outside_of_its_crop_is_in_no_cell(loss: HingeLoss | DivergenceLoss) -> None:
    far = torch.tensor([[[-40.0, 60.0]]])
    nothing = torch.zeros(1, 1, 1, 7, 7)
    somewhere = nothing.clone()
    somewhere[..., 3, 3] = 2.0
    silent, loud = (classifier_terms(scores, far, 1.5, loss) for scores in (nothing, somewhere))
    for name, term in silent.items():
        assert term.isfinite()
        assert term < loud[name]


def test_recipes_that_cannot_be_trained() -> None:
    net, batch = tiny_net(), random_batch()
    without = replace(RECIPE, network=replace(RECIPE.network, box_head=None))
    with pytest.raises(ConfigError, match=r"network\.box_head is none"):
        losses(net, batch, without, DRAWS)
    between = HingeLoss(final=0, first=0)  # one step of descent has none between
    with pytest.raises(ConfigError, match="minimises nothing"):
        losses(net, batch, replace(RECIPE, classifier=between, box=None, iterations=1), DRAWS)
    with pytest.raises(ConfigError, match="minimises nothing"):
        losses(net, batch, replace(RECIPE, classifier=None, box=None), DRAWS)
