"""The CPU's private operators are tried before they are relied on."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ltr.models.fused_convolution import NONE, RELU6, FusedConvolution

tried = FusedConvolution.available.__wrapped__  # type: ignore[attr-defined]
needs_the_operators = pytest.mark.skipif(not tried(), reason="torch has no such operators here")


@needs_the_operators
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("activation", [NONE, RELU6])
def test_it_is_the_convolution(kernel: int, activation: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    plain = nn.Conv2d(5, 7, kernel, stride=2, padding=kernel // 2)
    image = torch.randn(2, 5, 9, 8, generator=generator) * 4
    with torch.no_grad():
        expected = plain(image)
        if activation == RELU6:
            expected = expected.clamp(0, 6)
        torch.testing.assert_close(FusedConvolution(plain, activation)(image), expected)


def missing(*arguments: object) -> Tensor:
    raise AttributeError("no such operator")


def wrong(image: Tensor, weight: Tensor, *arguments: object) -> Tensor:
    return torch.zeros(1, 3, 4, 4)


@needs_the_operators
@pytest.mark.parametrize("operator", [missing, wrong])
def test_operators_that_are_not_as_expected_are_not_used(
    operator: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace(_convolution_pointwise=operator))
    assert not tried()


@needs_the_operators
def test_weights_that_cannot_be_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
    assert not tried()


def test_trying_draws_no_random_number() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    tried()
    assert torch.equal(torch.get_rng_state(), before)
