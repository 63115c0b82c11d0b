"""Gradient ascent of boxes on functions whose maximum is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ltr.models.box.ascent import ascend_in_pixels, ascend_relative, step_lengths
from ltr.models.tracking_network import BoxEnergies, ScoreGrid

SUMMIT = torch.tensor([30.0, 40.0, 50.0, 20.0], dtype=torch.float64)
BEGIN = torch.tensor([[[20.0, 45.0, 40.0, 25.0], [35.0, 38.0, 60.0, 15.0]]], dtype=torch.float64)


def hill(boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
    """-|b - summit|^2 / 200 and its gradient."""
    offset = boxes_xywh - SUMMIT
    return -offset.square().sum(-1) / 200, -offset / 100


@pytest.mark.parametrize(
    ("ascend", "step"), [(ascend_in_pixels, (1.0, 1.0)), (ascend_relative, (0.02, 0.02))]
)
def test_it_climbs_to_the_summit(ascend: Callable[..., tuple[Tensor, Tensor]], step) -> None:  # type: ignore[no-untyped-def]
    boxes, energies = ascend(hill, BEGIN, step_lengths(step, 1.0, 300))
    torch.testing.assert_close(boxes, SUMMIT.expand_as(boxes), atol=1e-3, rtol=0)
    assert energies.abs().max() < 1e-6


@pytest.mark.parametrize("ascend", [ascend_in_pixels, ascend_relative])
def test_energies_are_those_from_before_the_last_step(
    ascend: Callable[..., tuple[Tensor, Tensor]],
) -> None:
    asked: list[Tensor] = []

    def counted(boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
        asked.append(boxes_xywh)
        return hill(boxes_xywh)

    energies_of: BoxEnergies = counted
    boxes, energies = ascend(energies_of, BEGIN, step_lengths((0.01, 0.01), 0.5, 3))
    assert len(asked) == 3
    assert torch.equal(energies, hill(asked[-1])[0])
    moved = [(b - a).abs().max() for a, b in zip(asked, [*asked[1:], boxes], strict=True)]
    assert moved[0] > moved[1] > moved[2] > 0, "each step is shorter than the one before"


def test_step_lengths() -> None:
    assert step_lengths((1.0, 2.0), 0.5, 3) == [(1.0, 2.0), (0.5, 1.0), (0.25, 0.5)]


@pytest.mark.parametrize(("side", "shift"), [(19, 0.0), (18, 0.5)])
def test_cells_of_positions_and_back(side: int, shift: float) -> None:
    grid = ScoreGrid(side=side, stride=16, shift=shift)
    positions = torch.linspace(-50, 400, 11, dtype=torch.float64)
    torch.testing.assert_close(grid.position_of(grid.cell_of(positions)), positions)
    assert grid.cell_of(torch.tensor(144.0)).item() == grid.middle, "of a crop of 288 pixels"
