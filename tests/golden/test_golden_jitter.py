"""Boxes near a target, made of recorded draws, against an independent implementation (README.md section 10 there)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference_tables import table

from ltr.data.plans.jitter import disturbed_boxes, jittered_boxes

JITTERED = 4
DISTURBED = 14
NO_DISTURBED = {10: [0.1, 0.1, 0.3, 0.3]}
"""A case with a deviation for each coordinate, which no published training uses."""


def cases_of(golden: Any, name: str) -> list[dict[str, Any]]:
    return table(golden("data_functions.npz"), "tables_json")[name]


class Recorded:
    """A generator whose draws are a recording; each kind is drawn as the recording has it."""

    def __init__(self, draws: list[tuple[str, Any]]) -> None:
        self.draws = draws

    def take(self, kind: str, shape: Any) -> np.ndarray:
        count = int(np.prod(shape))
        taken, self.draws = self.draws[:count], self.draws[count:]
        assert [name for name, _ in taken] == [kind] * count
        return np.array([np.ravel(value)[0] for _, value in taken]).reshape(shape)

    def standard_normal(self, shape: Any) -> np.ndarray:
        return self.take("gauss", shape)

    def random(self, shape: Any) -> np.ndarray:
        return self.take("uniform", shape)

    def integers(self, high: int, size: int) -> np.ndarray:
        drawn = self.take("choice", size)
        assert (drawn < high).all()
        return drawn


@pytest.mark.parametrize("index", range(JITTERED))
def test_jittered_box(golden, index: int) -> None:  # type: ignore[no-untyped-def]
    cases = cases_of(golden, "jittered_boxes")
    assert len(cases) == JITTERED
    case = cases[index]
    recorded = Recorded(
        [("gauss", z) for z in case["normal_draws"]]
        + [("uniform", u) for u in case["uniform_draws"]]
    )
    box = jittered_boxes(
        np.array([case["box"]], np.float32),
        case["scale_jitter"],
        case["center_jitter"],
        recorded,  # type: ignore[arg-type]
    )
    np.testing.assert_allclose(box, [case["result"]], atol=2e-5, rtol=1e-6)
    assert not recorded.draws


@pytest.mark.parametrize("index", sorted(set(range(DISTURBED)) - set(NO_DISTURBED)))
def test_disturbed_box(golden, index: int) -> None:  # type: ignore[no-untyped-def]
    cases = cases_of(golden, "perturb_box")
    assert len(cases) == DISTURBED
    assert all(cases[k]["sigma_factor"] == value for k, value in NO_DISTURBED.items())
    case = cases[index]
    deviations = case["sigma_factor"]
    recorded = Recorded(case["draws"])
    boxes, overlaps = disturbed_boxes(
        np.array(case["box"], np.float32),
        1,
        deviations if isinstance(deviations, list) else [deviations],
        case["min_iou"],
        recorded,  # type: ignore[arg-type]
    )
    np.testing.assert_allclose(boxes, [case["result"]], rtol=1e-6)
    np.testing.assert_allclose(overlaps, [case["iou"]], rtol=1e-6)
    assert not recorded.draws
