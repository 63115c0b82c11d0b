"""The proposal head: as it begins, as it tracks, and what gets no gradient from what."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from ltr.draws import example_draws
from ltr.ebm.mixture import MixtureDensity
from ltr.ebm.proposals import LearnedProposal
from ltr.errors import ConfigError
from ltr.geometry import at_offsets
from ltr.models.backbone import Taps
from ltr.models.box.closed_form import ClosedFormHead
from ltr.models.box.energy import EnergyHead, EnergyHeadConfig, Modulation
from ltr.models.box.mixture import MixtureHead, MixtureHeadConfig
from ltr.models.folding import _fold_batch_norms
from ltr.models.fused_convolution import FusedConvolution
from ltr.models.tracker_net import BoxScene, NetworkConfig, TrackerNet

SLIM = EnergyHeadConfig(channels=(12, 10), bins=(4, 2), hidden=(8, 6), reference=(5, 6))
CONFIG = MixtureHeadConfig(components=3, bins=(5, 3), hidden=(7, 9))
FIRST = torch.tensor([[90.3, 71.2, 41.7, 33.9], [150.1, 130.7, 60.3, 45.2]]).double()


@pytest.fixture(autouse=True)
def _plain_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU's own operators take no float64."""
    monkeypatch.setattr(FusedConvolution, "available", lambda: False)


def heads() -> tuple[EnergyHead, MixtureHead]:
    """Both in float64, with batch norms that do something, and an output that hangs on what is seen."""
    torch.manual_seed(1)
    both = EnergyHead(6, 8, SLIM).double(), MixtureHead(SLIM.channels, CONFIG).double()
    for module in (part for head in both for part in head.modules()):
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.bias, 0, 0.2)
    nn.init.normal_(both[1].output.weight, std=0.1)
    return both


def maps() -> Taps:
    generator = torch.Generator().manual_seed(2)
    sizes = ((2, 6, 24, 24), (2, 8, 12, 12))
    return Taps(*(torch.randn(size, generator=generator, dtype=torch.float64) for size in sizes))


def parameters_of(density: MixtureDensity) -> tuple[Tensor, Tensor, Tensor]:
    return density.logits, density.means, density.log_sigmas


def test_it_begins_as_fixed_noise() -> None:
    """Whatever is seen: mixtures of the same widths around the first box."""
    torch.manual_seed(0)
    head = MixtureHead((12, 10), CONFIG).eval()
    features = Taps(torch.randn(2, 12, 24, 24), torch.randn(2, 10, 12, 12))
    density = head(features, Modulation(torch.rand(2, 12), torch.rand(2, 10)), FIRST.float())
    widths = torch.tensor([0.05, (0.05 * 0.5) ** 0.5, 0.5])
    assert density.means.shape == density.log_sigmas.shape == (2, 3, 4)
    torch.testing.assert_close(density.logits, torch.zeros(2, 3), atol=0.1, rtol=0)
    torch.testing.assert_close(density.means, torch.zeros(2, 3, 4), atol=0.1, rtol=0)
    expected = widths[:, None].expand(2, 3, 4)
    torch.testing.assert_close(density.log_sigmas.exp(), expected, atol=0, rtol=0.1)


@torch.no_grad()
def test_as_it_tracks() -> None:
    """Densities, and energies alone, of several targets and of one whose modulation is zero in places."""
    energy, proposal = (head.eval() for head in heads())
    taps = maps()
    modulation = energy.modulation(taps, FIRST)
    modulation = Modulation(*(half * (torch.arange(half.shape[1]) % 3 > 0) for half in modulation))
    features = energy.box_features(Taps(*(tap.clone() for tap in taps)))
    density = proposal(features, modulation, FIRST)
    generator = torch.Generator().manual_seed(3)
    offsets = torch.randn(2, 20, 4, generator=generator, dtype=torch.float64) / 3
    boxes = at_offsets(FIRST, offsets)
    energies = energy(features, modulation, boxes)
    assert density.means.std() > 0.01, "it hangs on what is seen"

    folded = copy.deepcopy(nn.ModuleList([energy, proposal]))
    _fold_batch_norms(folded)
    closed = ClosedFormHead(*folded)  # type: ignore[arg-type]
    for rows in (slice(0, 2), slice(0, 1), slice(1, 2)):
        conditioned = closed.conditioned(torch.cat(modulation, dim=1)[rows])
        own = Taps(*(tap[rows] for tap in taps))
        proposals = conditioned.proposals_of(own, FIRST[rows])
        for found, expected in zip(
            parameters_of(proposals.density), parameters_of(density), strict=True
        ):
            torch.testing.assert_close(found, expected[rows], atol=1e-10, rtol=1e-9)
        torch.testing.assert_close(
            proposals.scores(boxes[rows]), energies[rows], atol=1e-10, rtol=1e-9
        )
        with_gradient = conditioned.energies_of(own, boxes[rows])(boxes[rows])
        torch.testing.assert_close(
            proposals.energies(boxes[rows]), with_gradient, atol=1e-10, rtol=1e-9
        )


@pytest.mark.parametrize("own", ["energy", "proposal"])
def test_stopped_gradients(own: str) -> None:
    """Features are trained by the energy alone, the proposal by its own terms alone."""
    energy, proposal = (head.train() for head in heads())
    taps = maps()
    modulation = energy.modulation(taps, FIRST)
    scene = BoxScene(energy, proposal, energy.box_features(taps), modulation)
    density = scene.proposal(FIRST[:, None])
    objective = LearnedProposal()
    candidates = objective.draw(
        torch.zeros(2, 4).double(), density, example_draws(0, torch.arange(2))
    )
    candidates = candidates._replace(
        points=candidates.points[:, :9], log_noise=candidates.log_noise[:, :9]
    )
    energies = scene.energies(at_offsets(FIRST, candidates.points)[:, None])[:, 0]
    if own == "energy":
        objective.energy.loss(energies, candidates).values.mean().backward()
    else:
        whole, of_energy = (
            loss.values.mean()
            for loss in (
                objective.loss(energies, candidates, density),
                objective.energy.loss(energies, candidates),
            )
        )
        (whole - of_energy).backward()
    trained = {
        "energy": any(
            p.grad is not None and p.grad.abs().max() > 1e-9 for p in energy.parameters()
        ),
        "proposal": any(p.grad is not None and p.grad.any() for p in proposal.parameters()),
    }
    assert trained == {name: name == own for name in trained}


def test_no_proposals_without_a_box_head() -> None:
    with pytest.raises(ConfigError, match="proposal_head reads the features of a box head"):
        NetworkConfig(proposal_head=CONFIG)
    assert TrackerNet(NetworkConfig(box_head=SLIM)).proposal_head is None
