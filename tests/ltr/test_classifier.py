"""Filter, adjoint and descent against plain convolutions, autograd and published check values."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ltr.label_maps import gaussian
from ltr.models.classifier.density_descent import DensitySteepestDescent, DivergenceConfig
from ltr.models.classifier.features import instance_l2_norm
from ltr.models.classifier.linear_filter import apply_filter, filter_adjoint
from ltr.models.classifier.steepest_descent import (
    HingeConfig,
    HingeSteepestDescent,
    LearnedConfig,
    LearnedSteepestDescent,
    ResidualMaps,
    descend,
)
from ltr.models.classifier.whitening import whitening_matrix
from ltr.models.stored_config import network_config
from ltr.models.tracker_net import NetworkConfig, filter_optimizer
from ltr.settings import as_dict


def grouped_convolution(samples: Tensor, filters: Tensor) -> Tensor:
    """The scores as the published trackers compute them."""
    b, s, h, w, c = samples.shape
    k = filters.shape[-1]
    features = samples.permute(1, 0, 4, 2, 3).reshape(s, b * c, h, w)
    return F.conv2d(features, filters, padding=k // 2, groups=b).transpose(0, 1)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_filter_and_adjoint(k: int) -> None:
    generator = torch.Generator().manual_seed(k)
    samples = torch.randn(2, 3, 6, 7, 5, generator=generator, dtype=torch.float64)
    filters = torch.randn(2, 5, k, k, generator=generator, dtype=torch.float64).requires_grad_()
    expected = grouped_convolution(samples, filters)
    torch.testing.assert_close(apply_filter(samples, filters), expected)
    residuals = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(expected, filters, residuals)
    torch.testing.assert_close(filter_adjoint(samples, residuals, k), gradient)


def appendix_cells() -> Tensor:
    """Centres (2, 3, 2) of the boxes of the published check values, in cells."""
    boxes = torch.tensor(
        [
            [[120, 110, 50, 64], [100, 130, 40, 72]],
            [[131.5, 99.25, 55, 60], [90, 141, 44, 70]],
            [[111, 121, 48, 66], [108, 122, 39, 75]],
        ]
    ).double()
    return ((boxes[..., :2] + boxes[..., 2:] / 2).flip(-1) / 16).transpose(0, 1)


def appendix() -> tuple[Tensor, Tensor, Tensor]:
    """Samples (2, 3, 18, 18, 4), filters and labels of the published check values (two targets, three samples)."""
    i, s, c, y, x = torch.meshgrid(
        *(torch.arange(n).double() for n in (3, 2, 4, 18, 18)), indexing="ij"
    )
    features = 0.05 * torch.sin(0.06 * (c + 1) * (y - 9) + 0.17 * (x - 8) * (s + 1) + 0.5 * i + c)
    filters = 0.02 * torch.cos(torch.arange(128).double()).view(2, 4, 4, 4)
    return (
        features.permute(1, 0, 3, 4, 2).contiguous(),
        filters,
        gaussian(appendix_cells(), 0.9, (19, 19)),
    )


def test_published_check_values() -> None:
    samples, filters, labels = appendix()
    scores = apply_filter(samples, filters)
    assert scores[0, 0, 0, 0].item() == pytest.approx(0.0008026490315, rel=1e-9)
    assert scores.sum().item() == pytest.approx(-0.1151823686, rel=1e-9)
    gradient = filter_adjoint(samples, scores, 4)
    assert gradient[1, 3, 3, 2].item() == pytest.approx(0.02938103868, rel=1e-9)
    descent = HingeSteepestDescent(HingeConfig(filter_reg=0.1)).double().requires_grad_(False)
    weights = torch.full((2, 3), 1 / 3, dtype=torch.float64)
    result = descent(filters, samples, labels[:, :, None], weights, 3)
    # filter_reg is a float32 number widened there, and so are the check values' parameters
    assert result[0, 0, 0, 0].item() == pytest.approx(0.01916338035, rel=1e-5)
    assert result[1, 3, 3, 2].item() == pytest.approx(-0.03460210433, rel=1e-5)
    assert result.square().sum().item() == pytest.approx(0.1056785744, rel=1e-5)


def test_published_check_values_of_the_learned_residual_and_its_training_gradients() -> None:
    samples, first, _ = appendix()
    optimizer = LearnedSteepestDescent(LearnedConfig()).double()
    maps = optimizer.sample_maps(appendix_cells(), (19, 19))
    third = torch.full((2, 3), 1 / 3, dtype=torch.float64)
    weights = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]], dtype=torch.float64)
    result = optimizer(first, samples, maps, third, 3).detach()
    assert result[0, 0, 0, 0].item() == pytest.approx(0.01876868205, rel=1e-5)
    assert result[1, 3, 3, 2].item() == pytest.approx(-0.0371017585, rel=1e-5)
    assert result.square().sum().item() == pytest.approx(0.1089017661, rel=1e-5)
    weighted = optimizer(first, samples, maps, weights, 3).detach()
    assert weighted.square().sum().item() == pytest.approx(0.1033499258, rel=1e-5)

    # T = sum over the iterates of sum (f * w_k)^2, differentiated through the whole optimizer
    start, features = first.clone().requires_grad_(), samples.clone().requires_grad_()
    maps = optimizer.sample_maps(appendix_cells(), (19, 19))
    iterates = optimizer.iterates(start, features, maps, third, 3)
    total = sum(apply_filter(samples, w).square().sum() for w in iterates)
    assert total.item() == pytest.approx(10.59063349, rel=1e-5)
    total.backward()
    assert optimizer.log_step_length.grad.item() == pytest.approx(15.78845309, rel=1e-4)
    assert optimizer.filter_reg.grad.item() == pytest.approx(-1.482508989, rel=1e-4)
    assert optimizer.label_map_predictor.weight.grad.abs().sum().item() == pytest.approx(
        233.9912044, rel=1e-4
    )
    assert optimizer.target_mask_predictor[0].weight.grad.abs().sum().item() == pytest.approx(
        1.269833281, rel=1e-4
    )
    assert optimizer.spatial_weight_predictor.weight.grad.abs().sum().item() == pytest.approx(
        67.3003024, rel=1e-4
    )
    assert start.grad.square().sum().item() == pytest.approx(331.0761345, rel=1e-4)
    assert features.grad.square().sum().item() == pytest.approx(989.5140506, rel=1e-4)


def test_published_check_values_of_the_divergence() -> None:
    samples, first, _ = appendix()
    optimizer = DensitySteepestDescent(DivergenceConfig()).double().requires_grad_(False)
    maps = optimizer.sample_maps(appendix_cells(), (19, 19))
    third = torch.full((2, 3), 1 / 3, dtype=torch.float64)
    result = optimizer(first, samples, maps, third, 3)
    assert result[0, 0, 0, 0].item() == pytest.approx(0.008617916325, rel=1e-4)
    assert result[1, 3, 3, 2].item() == pytest.approx(-0.8773687843, rel=1e-5)
    assert result.square().sum().item() == pytest.approx(60.49750377, rel=1e-5)
    losses = []
    for n in range(4):
        w = optimizer(first, samples, maps, third, n)
        loss = optimizer.residual(maps, third).loss(apply_filter(samples, w))
        losses.append((loss + optimizer.regularisation() * w.square().sum((1, 2, 3))).mean().item())
    assert losses == pytest.approx([5.889546872, 5.525211486, 5.354404348, 5.266335869], rel=1e-6)


def test_what_a_score_is_belongs_to_the_network() -> None:
    cells, raw = torch.tensor([[4.2, 5.1]]), torch.randn(2, 9, 9)
    hinge = HingeSteepestDescent(HingeConfig(label_sigma=1.3))
    assert torch.equal(hinge.sample_maps(cells, (9, 9))[:, 0], gaussian(cells, 1.3, (9, 9)))
    assert torch.equal(hinge.scores(raw), raw)
    assert torch.equal(LearnedSteepestDescent(LearnedConfig()).scores(raw), raw)
    for logit, missing in ((None, 0.0), (1.5, math.exp(1.5))):
        scores = DensitySteepestDescent(DivergenceConfig(extra_logit=logit)).scores(raw)
        expected = raw.exp() / (raw.exp().sum((1, 2), keepdim=True) + missing)
        torch.testing.assert_close(scores, expected)


def test_files_from_before_the_label_width_have_the_default() -> None:
    optimizer = {"kind": "hinge", "filter_reg": 0.02, "threshold": 0.05, "leak": 0.1}
    tree = {**as_dict(NetworkConfig()), "filter_optimizer": optimizer}
    assert network_config(tree).filter_optimizer == HingeConfig(filter_reg=0.02, label_sigma=0.9)


def test_initial_values_of_the_learned_residual() -> None:
    optimizer = LearnedSteepestDescent(LearnedConfig())
    label, mask = (
        m.weight.flatten()
        for m in (optimizer.label_map_predictor, optimizer.target_mask_predictor[0])
    )
    assert label[[0, 1, 9, 20]].tolist() == pytest.approx(
        [1.0, 0.99384618, 0.60653061, 0.08465797], rel=1e-5
    )
    assert mask[[0, 10, 20, 30, 99]].tolist() == pytest.approx(
        [2.89208269, 2.28478241, 0, -2.28478241, -2.999999], abs=1e-6
    )


def test_descent_is_gauss_newton_steepest_descent_by_autograd() -> None:
    samples, filters, labels = appendix()
    generator = torch.Generator().manual_seed(0)
    maps = ResidualMaps(
        labels,
        torch.rand(labels.shape, generator=generator).double(),
        torch.ones_like(labels) * 0.7,
    )
    regularisation = torch.tensor(0.03, dtype=torch.float64)

    def residuals(w: Tensor) -> Tensor:
        scores = apply_filter(samples, w)
        activated = torch.where(scores > 0, scores, maps.mask * scores)
        return torch.cat(
            [
                (maps.weight * (activated - maps.target)).flatten(1),
                regularisation.sqrt() * w.flatten(1),
            ],
            1,
        )

    w = filters
    for _ in range(4):
        value, jacobian_transpose = torch.func.vjp(residuals, w)
        (gradient,) = jacobian_transpose(value)
        _, along = torch.func.jvp(residuals, (w,), (gradient,))
        step = gradient.square().sum((1, 2, 3)) / along.square().sum(1)
        w = w - step[:, None, None, None] * gradient
    *_, result = descend(filters, samples, maps.at, regularisation, 4)
    torch.testing.assert_close(result, w)


@pytest.mark.parametrize("kind", [HingeConfig, LearnedConfig, DivergenceConfig])
def test_iterates_are_those_of_separate_runs(kind: type) -> None:
    samples, filters, _ = appendix()
    optimizer = filter_optimizer(kind()).double()
    maps = optimizer.sample_maps(appendix_cells(), (19, 19))
    weights = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]], dtype=torch.float64)
    iterates = list(optimizer.iterates(filters, samples, maps, weights, 3))
    assert len(iterates) == 4
    for n, iterate in enumerate(iterates):
        assert torch.equal(iterate, optimizer(filters, samples, maps, weights, n))
    assert (iterates[3] - iterates[2]).abs().max() > 1e-4


def test_samples_of_weight_zero_change_nothing() -> None:
    samples, filters, labels = appendix()
    descent = HingeSteepestDescent(HingeConfig(filter_reg=0.1)).double().requires_grad_(False)
    alone = descent(
        filters,
        samples[:, :2],
        labels[:, :2, None],
        torch.full((2, 2), 0.5, dtype=torch.float64),
        3,
    )
    padded = descent(
        filters,
        samples,
        labels[:, :, None],
        torch.tensor([[0.5, 0.5, 0]] * 2, dtype=torch.float64),
        3,
    )
    torch.testing.assert_close(padded, alone)


def test_instance_l2_norm() -> None:
    features = appendix()[0][:, 0]  # samples as they are normalised: image 0 of both targets
    result = instance_l2_norm(features, 4)
    assert result.square().mean((1, 2, 3)).tolist() == pytest.approx([1 / 64, 1 / 64], rel=1e-5)
    assert instance_l2_norm(7 * features, 4).allclose(result, atol=1e-6)


def test_whitening_makes_the_covariance_white() -> None:
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    covariance = mixing @ mixing.T
    matrix = whitening_matrix(covariance, shrinkage=0.0)
    torch.testing.assert_close(matrix @ covariance @ matrix.T, torch.eye(6, dtype=torch.float64))
    assert (
        torch.linalg.eigvalsh(whitening_matrix(covariance, 0.1)).max()
        <= (0.1 * covariance.trace() / 6) ** -0.5 + 1e-9
    )
