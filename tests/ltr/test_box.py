"""Pooling and box head: against numerical integration, against autograd in float64, on windows against whole maps."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from ltr.models.backbone import Taps
from ltr.models.box import window as window_module
from ltr.models.box.ascent import ascend, candidates, select_boxes
from ltr.models.box.closed_form import ClosedFormHead
from ltr.models.box.energy import EnergyHead, EnergyHeadConfig, Modulation
from ltr.models.box.pooling import pool
from ltr.models.box.window import window_around
from ltr.models.folding import _fold_batch_norms
from ltr.models.fused_convolution import FusedConvolution


@pytest.fixture(autouse=True)
def _plain_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU's own operators take no float64; they are compared in test_golden_networks.py."""
    monkeypatch.setattr(FusedConvolution, "available", lambda: False)


def interpolated(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The bilinear interpolant of (H, W), zero beyond one cell outside, at every y and x."""
    rows = np.maximum(0, 1 - np.abs(y[:, None] - np.arange(image.shape[0])))
    columns = np.maximum(0, 1 - np.abs(x[:, None] - np.arange(image.shape[1])))
    return rows @ image @ columns.T


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    x=st.floats(-60, 160),
    y=st.floats(-60, 130),
    w=st.floats(0.5, 150),
    h=st.floats(0.5, 150),
    seed=st.integers(0, 9),
)
def test_pooling_is_the_mean_over_each_bin(
    x: float, y: float, w: float, h: float, seed: int
) -> None:
    image = np.random.default_rng(seed).normal(size=(7, 9))
    steps = (np.arange(600) + 0.5) / 600
    fine = interpolated(image, (y + h * steps) / 16, (x + w * steps) / 16)
    expected = fine.reshape(3, 200, 2, 300).mean(axis=(1, 3))
    pooled = pool(
        torch.from_numpy(image)[None, :, :, None],
        torch.tensor([[[x, y, w, h]]]).double(),
        16,
        (3, 2),
    )
    np.testing.assert_allclose(pooled[0, 0, ..., 0], expected, atol=2e-3)


def test_pooling_check_values() -> None:
    j, i = torch.meshgrid(torch.arange(7.0), torch.arange(9.0), indexing="ij")
    image = (torch.sin(0.7 * j.double()) + torch.cos(0.4 * i.double()) + 0.1 * i * j)[
        None, :, :, None
    ]
    corners = torch.tensor([10.3, 5.2, 80.9, 60.1], dtype=torch.float64, requires_grad=True)
    box = torch.cat([corners[:2], corners[2:] - corners[:2]])[None, None]
    pooled = pool(image, box, 16, (3, 3))
    assert pooled[0, 0, 0, :, 0].tolist() == pytest.approx(
        [1.501602022, 1.210133891, 0.7831989976], rel=1e-8
    )
    (gradient,) = torch.autograd.grad(pooled.sum(), corners)
    assert gradient.tolist() == pytest.approx(
        [-0.01762783199, 0.1666610479, -0.04394111793, 0.035351669], rel=1e-7
    )


def test_pooling_twice_differentiable() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 5, 6, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor(
        [[[7.3, 11.1, 31.7, 28.2], [-20.6, 30.3, 44.9, 60.7]]], dtype=torch.float64
    ).requires_grad_()

    def pooled(features: Tensor, boxes: Tensor) -> Tensor:
        return pool(features, boxes, 16, (2, 3))

    assert torch.autograd.gradcheck(pooled, (features, boxes))
    assert torch.autograd.gradgradcheck(pooled, (features, boxes))


@pytest.mark.parametrize("size", [(0.0, 30.0), (30.0, 0.0), (-5.0, 30.0), (0.0, 0.0)])
def test_boxes_without_area(size: tuple[float, float], head: EnergyHead) -> None:
    boxes = torch.tensor([[[20.0, 20.0, *size]]], dtype=torch.float64, requires_grad=True)
    pooled = pool(torch.randn(1, 6, 6, 3, dtype=torch.float64), boxes, 16, (3, 3))
    assert not pooled.any()
    (gradient,) = torch.autograd.grad(pooled.sum(), boxes)
    assert not gradient.any()
    closed, taps, modulation, _ = prepared(head)
    boxes = boxes.detach().expand(2, 1, 4)
    energies, by_box = closed.conditioned(modulation).energies_on_whole_maps(taps)(boxes)
    assert energies.isfinite().all()
    assert not by_box.any()


SLIM = EnergyHeadConfig(channels=(96, 64), bins=(4, 2), hidden=(48, 80), reference=(24, 40))


@pytest.fixture(scope="module", params=[EnergyHeadConfig(), SLIM], ids=["published", "slim"])
def head(request: pytest.FixtureRequest) -> EnergyHead:
    """A head of few input channels in float64, with batch norms that do something."""
    torch.manual_seed(1)
    head = EnergyHead(6, 8, request.param).double().eval().requires_grad_(False)
    for module in head.modules():
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.BatchNorm1d)):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            module.bias.normal_(0, 0.2)
    return head


def prepared(head: EnergyHead) -> tuple[ClosedFormHead, Taps, Tensor, Tensor]:
    """The folded head; features, modulation and boxes of two targets, the second's boxes partly outside."""
    folded = copy.deepcopy(head)
    _fold_batch_norms(folded)
    generator = torch.Generator().manual_seed(2)
    sizes = ((2, 6, 24, 24), (2, 8, 12, 12))
    taps = Taps(*(torch.randn(size, generator=generator, dtype=torch.float64) for size in sizes))
    boxes = torch.tensor(
        [[90.3, 71.2, 41.7, 33.9], [150.1, 130.7, 60.3, 45.2]], dtype=torch.float64
    )
    closed = ClosedFormHead(folded)
    modulation = closed.modulation(taps, boxes)
    uniform = torch.rand(2, 5, 4, generator=generator, dtype=torch.float64)
    return (
        closed,
        taps,
        modulation,
        candidates(boxes, uniform, 0.3, 0.5),
    )


def test_closed_form_is_the_head_and_its_gradient(head: EnergyHead) -> None:
    closed, taps, modulation, boxes = prepared(head)
    boxes = boxes.clone().requires_grad_()
    plain = head(
        head.box_features(Taps(*(tap.clone() for tap in taps))),
        Modulation(*modulation.split(head.config.channels, 1)),
        boxes,
    )
    (gradient,) = torch.autograd.grad(plain.sum(), boxes)
    boxes = boxes.detach()
    for rows in (slice(0, 2), slice(0, 1), slice(1, 2)):
        conditioned = closed.conditioned(modulation[rows])
        own = Taps(*(tap[rows] for tap in taps))
        for energies_of in (
            conditioned.energies_on_whole_maps(own),
            conditioned.energies_of(own, boxes[rows]),
        ):
            energies, by_box = energies_of(boxes[rows])
            torch.testing.assert_close(energies, plain.detach()[rows], atol=1e-12, rtol=1e-10)
            torch.testing.assert_close(by_box, gradient[rows], atol=1e-13, rtol=1e-9)
    assert gradient.abs().max() > 1e-3


def energies_on_all_channels(
    closed: ClosedFormHead, taps: Taps, modulation: Tensor, boxes: Tensor
) -> tuple[Tensor, Tensor]:
    """Energies and gradient of one target on whole maps with shared weights: as one of two."""
    both = Taps(*(torch.cat([tap, tap]) for tap in taps))
    energies_of = closed.conditioned(modulation.expand(2, -1)).energies_on_whole_maps(both)
    energies, gradient = energies_of(boxes.expand(2, -1, 4))
    return energies[:1], gradient[:1]


def test_one_target_has_the_channels_that_it_needs(head: EnergyHead) -> None:
    closed, taps, modulation, boxes = prepared(head)
    modulation, boxes = modulation[:1] * (torch.arange(modulation.shape[1]) % 3 > 0), boxes[:1]
    alone = Taps(*(tap[:1] for tap in taps))
    own = closed.conditioned(modulation)
    kept = [int((half != 0).sum()) for half in modulation.split(head.config.channels, 1)]
    assert [branch.modulation.shape[-1] for branch in own.branches] == kept
    assert kept < list(head.config.channels)
    expected = energies_on_all_channels(closed, alone, modulation, boxes)
    energies, gradient = own.energies_of(alone, boxes)(boxes)
    torch.testing.assert_close((energies, gradient), expected, atol=1e-12, rtol=1e-10)
    other = closed.conditioned(modulation.roll(1, dims=1))
    assert not torch.equal(other.energies_of(alone, boxes)(boxes)[0], energies)
    again = own.energies_of(alone, boxes)(boxes)
    torch.testing.assert_close(again, (energies, gradient), atol=0, rtol=0)


@pytest.mark.parametrize("off", [(0,), (1,), (0, 1)])
def test_a_target_that_switches_whole_branches_off(off: tuple[int, ...], head: EnergyHead) -> None:
    closed, taps, modulation, boxes = prepared(head)
    halves = modulation[:1].split(head.config.channels, 1)
    modulation = torch.cat([half * (at not in off) for at, half in enumerate(halves)], dim=1)
    boxes = boxes[:1]
    alone = Taps(*(tap[:1] for tap in taps))
    own = closed.conditioned(modulation).energies_of(alone, boxes)(boxes)
    expected = energies_on_all_channels(closed, alone, modulation, boxes)
    torch.testing.assert_close(own, expected, atol=1e-12, rtol=1e-10)


def test_boxes_that_diverge_spoil_no_others(head: EnergyHead) -> None:
    closed, taps, modulation, boxes = prepared(head)
    wild = boxes.clone()
    wild[0, 1], wild[1, 3] = torch.inf, torch.nan
    conditioned = closed.conditioned(modulation)
    expected, _ = conditioned.energies_on_whole_maps(taps)(boxes)
    energies, _ = conditioned.energies_of(taps, wild)(wild)
    kept = wild.isfinite().all(-1)
    torch.testing.assert_close(energies[kept], expected[kept], atol=1e-12, rtol=1e-10)
    extreme = torch.tensor(
        [[[10, 10, 20, 20], [0, 0, torch.inf, torch.inf], [0, 0, torch.nan, 5]]]
    ).float()
    fitted = select_boxes(extreme, torch.tensor([[1.0, torch.nan, 2.0]]), 3, 6.0)
    assert fitted.accepted.all()
    assert fitted.box_xywh.tolist() == [[10, 10, 20, 20]]


def test_boxes_that_leave_their_window_get_another(
    head: EnergyHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, taps, modulation, boxes = prepared(head)
    windows = []
    monkeypatch.setattr(
        "ltr.models.box.closed_form.window_around",
        lambda *a: windows.append(a) or window_around(*a),
    )
    conditioned = closed.conditioned(modulation)
    energies_of, on_whole_maps = (
        conditioned.energies_of(taps, boxes),
        conditioned.energies_on_whole_maps(taps),
    )
    energies_of(boxes)
    assert len(windows) == 2, "one a stride, which the first boxes do not leave"
    far = boxes + torch.tensor([-45.0, 30.0, 0.0, 0.0])
    torch.testing.assert_close(energies_of(far), on_whole_maps(far), atol=1e-12, rtol=1e-10)
    assert len(windows) == 4

    windows.clear()
    monkeypatch.setattr(window_module, "MARGIN", 0)
    steps = [(40.0, 40.0)] * 6
    moved, energies = ascend(conditioned.energies_of(taps, boxes), boxes, "default", steps)
    assert len(windows) > 2, "some boxes left their window on the way"
    plain, plain_energies = ascend(on_whole_maps, boxes, "default", steps)
    torch.testing.assert_close(moved, plain, atol=1e-8, rtol=1e-8)
    torch.testing.assert_close(energies, plain_energies, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("space", ["default", "relative"])
def test_ascent_climbs_and_targets_do_not_mix(space: str, head: EnergyHead) -> None:
    closed, taps, modulation, boxes = prepared(head)
    steps = [(0.02, 0.02) if space == "relative" else (0.5, 0.5)] * 8
    conditioned = closed.conditioned(modulation)
    refined, energies = ascend(conditioned.energies_of(taps, boxes), boxes, space, steps)
    begun, _ = conditioned.energies_on_whole_maps(taps)(boxes)
    assert (energies > begun).float().mean() > 0.9
    for row in range(2):
        own = Taps(*(tap[row : row + 1] for tap in taps))
        begin = boxes[row : row + 1]
        energies_of = closed.conditioned(modulation[row : row + 1]).energies_of(own, begin)
        alone, own_energies = ascend(energies_of, begin, space, steps)
        torch.testing.assert_close(alone[0], refined[row], atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(own_energies[0], energies[row], atol=1e-10, rtol=1e-9)


def test_the_box_is_the_mean_of_the_best_that_are_not_extreme() -> None:
    boxes = torch.tensor(
        [[[0, 0, 10, 10], [2, 2, 12, 12], [0, 0, 100, 2], [8, 8, 20, 20]]] * 2
    ).float()
    boxes[1, :, 2] = 500
    energies = torch.tensor([[1.0, 3, 9, 2]] * 2)
    fitted = select_boxes(boxes, energies, 2, 6.0)
    assert fitted.accepted.tolist() == [True, False]
    assert fitted.box_xywh[0].tolist() == [5, 5, 16, 16]
