"""Boxes found by importance sampling, and the spread that predictions then have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_tracking_network import RandomNetwork, frame, preset_of
from torch import Tensor

from ltr.ebm.mixture import MixtureDensity
from ltr.errors import ConfigError
from ltr.geometry import offsets_from
from ltr.models.box.sampling import drawn_offsets, sample_boxes
from ltr.models.tracking_network import BoxProposals
from pytracking import MultiTracker, Tracker
from pytracking.evaluation.metrics import overlap
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Spread, prediction_of
from pytracking.tracker.preset_settings import TrackerPreset

FIRST = torch.tensor([[100.0, 80, 50, 40], [10, 20, 30, 60]])
MIDDLE = torch.tensor([[0.1, -0.1, 0.15, 0.05], [0.0, 0.1, -0.15, 0.1]])
DEVIATION = torch.tensor([0.06, 0.1, 0.05, 0.08])


def preset(method: str = "sampling", **changes: object) -> TrackerPreset:
    plain = preset_of(True)
    refinement = replace(plain.refinement, method=method, **changes)  # type: ignore[arg-type]
    return replace(plain, refinement=refinement)


def engine(method: str = "sampling", **changes: object) -> TrackerEngine:
    return TrackerEngine(RandomNetwork(True), preset(method, **changes))


def gaussian(boxes_xywh: Tensor) -> Tensor:
    """The energy of a Gaussian in offsets from the first boxes."""
    scaled = (offsets_from(FIRST, boxes_xywh) - MIDDLE[:, None]) / DEVIATION
    return -scaled.square().sum(-1) / 2


def proposals() -> BoxProposals:
    """Wider than the energy, and around another place."""
    logits = torch.tensor([[0.0, 0.5], [1.0, 0.0]])
    log_sigmas = torch.tensor([0.15, 0.2])[:, None].expand(2, 2, 4).log()
    density = MixtureDensity(logits, torch.zeros(2, 2, 4), log_sigmas)
    return BoxProposals(density, gaussian, lambda boxes: (gaussian(boxes), boxes))


def test_a_known_energy_is_found() -> None:
    """Mean and deviations of a Gaussian, by samples of a proposal that is not it."""
    uniform = torch.rand(2, 50_000, 5, generator=torch.Generator().manual_seed(0))
    sampled = sample_boxes(proposals(), FIRST, uniform)
    assert sampled.sample.effective_size.min() > 1000
    torch.testing.assert_close(sampled.sample.mean, MIDDLE, atol=0.006, rtol=0)
    deviations = DEVIATION.expand(2, 4)
    torch.testing.assert_close(sampled.sample.deviations, deviations, atol=0, rtol=0.06)
    torch.testing.assert_close(
        offsets_from(FIRST, sampled.mean_xywh[:, None])[:, 0], MIDDLE, atol=0.006, rtol=0
    )
    deviation, low, high = sampled.spread().unbind(1)
    # sizes are nearly normal for small deviations: 90 % of a normal lie within 1.645 deviations
    width, height = sampled.mean_xywh[:, 2], sampled.mean_xywh[:, 3]
    torch.testing.assert_close(deviation[:, 2], 0.05 * width, atol=0, rtol=0.06)
    torch.testing.assert_close(deviation[:, 3], 0.08 * height, atol=0, rtol=0.06)
    torch.testing.assert_close(
        high[:, 2] - low[:, 2], 2 * 1.645 * deviation[:, 2], atol=0, rtol=0.1
    )
    assert (low < 0).all()
    assert (high > 0).all()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_energy_and_proposal_share(share: float) -> None:
    """Of one Gaussian each, precisions and their middles mix by the share."""
    log_sigmas = torch.full((2, 1, 4), 0.15).log()
    density = MixtureDensity(torch.zeros(2, 1), torch.zeros(2, 1, 4), log_sigmas)
    uniform = torch.rand(2, 50_000, 5, generator=torch.Generator().manual_seed(0))
    sampled = sample_boxes(proposals()._replace(density=density), FIRST, uniform, share)
    of_energy, of_proposal = share * DEVIATION**-2, (1 - share) * torch.tensor(0.15) ** -2
    precision = of_energy + of_proposal
    deviations = precision.rsqrt().expand(2, 4)
    torch.testing.assert_close(sampled.sample.deviations, deviations, atol=0, rtol=0.06)
    middle = MIDDLE * of_energy / precision
    torch.testing.assert_close(sampled.sample.mean, middle, atol=0.008, rtol=0)


def test_samples_have_the_density_that_they_are_weighted_by() -> None:
    uniform = torch.rand(2, 20_000, 5, generator=torch.Generator().manual_seed(1))
    offsets = drawn_offsets(proposals().density, uniform)
    weights = torch.tensor([[0.0, 0.5], [1.0, 0.0]]).softmax(-1)
    variance = (weights * torch.tensor([0.15, 0.2]).square()).sum(-1)
    expected = variance.sqrt()[:, None].expand(2, 4)
    torch.testing.assert_close(offsets.std(1), expected, atol=0, rtol=0.03)
    torch.testing.assert_close(offsets.mean(1), torch.zeros(2, 4), atol=0.01, rtol=0)


@pytest.mark.parametrize("edge", [0.0, 1 - 2.0**-24])
def test_the_ends_of_random_numbers_are_boxes_too(edge: float) -> None:
    sampled = sample_boxes(proposals(), FIRST, torch.full((2, 3, 5), edge))
    assert sampled.boxes_xywh.isfinite().all()
    assert sampled.spread().isfinite().all()


@pytest.mark.parametrize("method", ["sampling", "sampling_ascent"])
@pytest.mark.parametrize("follows", [True, False])
def test_a_target_is_tracked(method: str, follows: bool) -> None:
    tracker = Tracker(engine(method, search_follows=follows, average=3))
    tracker.initialize(*frame(0)[:2])
    found = []
    for number in range(1, 12):
        pixels, box, _ = frame(number)
        prediction = tracker.track(pixels)
        spread = prediction.spread
        assert isinstance(spread, Spread)
        assert min(spread.deviation) > 0
        assert np.all(np.array(spread.low) <= spread.high)
        found.append(overlap(np.array([prediction.box]), np.array([box]))[0])
    assert np.mean(found) > 0.6
    assert prediction.to_dict()["spread"]["deviation"] == list(spread.deviation)


def test_alone_or_among_others() -> None:
    tracker, alone = MultiTracker(engine()), Tracker(engine(), name="blue")
    pixels, red, blue = frame(0)
    tracker.add(pixels, red, "red")
    tracker.add(pixels, blue, "blue")
    alone.initialize(pixels, blue)
    for number in range(1, 5):
        together, own = tracker.track(frame(number)[0])["blue"], alone.track(frame(number)[0])
        np.testing.assert_allclose(together.box, own.box, atol=1e-2)
        assert together.spread is not None
        assert own.spread is not None
        np.testing.assert_allclose(together.spread.low, own.spread.low, atol=1e-2)


def test_ascent_has_none() -> None:
    tracker = Tracker(engine("ascent"))
    tracker.initialize(*frame(0)[:2])
    assert tracker.track(frame(1)[0]).spread is None


def test_a_lost_target_has_none() -> None:
    row = [1.0, 2, 3, 4, 0, 0, 9, 9, 0.5, 0, *[0.5] * 4, *[-1.0] * 4, *[1.0] * 4]
    spread = prediction_of(row, False).spread
    assert spread == Spread((0.5,) * 4, (0, 1, 2, 3), (2, 3, 4, 5))
    row[9] = 3
    assert prediction_of(row, False).status == "not_found"
    assert prediction_of(row, False).spread is None
    assert prediction_of(row[:10], False).spread is None


def test_a_network_without_a_proposal_head() -> None:
    network = RandomNetwork(True)
    network.has_proposals = False
    with pytest.raises(ConfigError, match="the network has no proposal head"):
        TrackerEngine(network, preset())
