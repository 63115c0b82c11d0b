"""Labels, densities, distance maps and the normalisation of features against an independent implementation (README.md
sections 6 and 10 there). What the product leaves out on purpose is named and counted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from reference_tables import close, table
from torch import Tensor

from ltr.label_maps import distance_map, gaussian, label_density, training_density
from ltr.models.classifier.features import instance_l2_norm

LABELS = 10
DENSITIES = 6
NO_DENSITY = {4: "interp_factor"}
"""A density on a finer grid, which no preset uses."""


def pair(value: float | list[float]) -> np.ndarray:
    """An argument of the reference, a number or (x, y), as (y, x)."""
    return np.broadcast_to(value, 2)[::-1]


def label_of(
    boxes_xywh: Tensor, arguments: dict[str, Any]
) -> tuple[Tensor, float, tuple[int, int]]:
    """(centres in index coordinates, sigma in cells, size of the map) for the arguments of a label there."""
    feature, kernel = pair(arguments["feat_sz"]), pair(arguments["kernel_sz"])
    assert (pair(arguments["image_sz"]) == 16 * feature).all()
    middle = (boxes_xywh[:, :2] + boxes_xywh[:, 2:] / 2).flip(-1)
    centre = middle / 16 - torch.tensor(kernel % 2) / 2
    padded = feature + (1 - kernel % 2) * arguments.get("end_pad_if_even", True)
    return (
        centre,
        arguments["sigma_factor"] * math.sqrt(feature.prod()),
        (int(padded[0]), int(padded[1])),
    )


@pytest.mark.parametrize("index", range(LABELS))
def test_label(golden, index: int) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("data_functions.npz")
    cases = table(arrays, "tables_json")["labels"]
    assert len(cases) == LABELS
    arguments = cases[index]
    label = label_of(torch.from_numpy(arrays["label_boxes"]), arguments)
    share = arguments.get("uni_bias", 0.0)
    known = {
        "index",
        "sigma_factor",
        "kernel_sz",
        "feat_sz",
        "image_sz",
        "end_pad_if_even",
        "density",
        "uni_bias",
    }
    assert set(arguments) <= known
    if arguments.get("density"):
        actual = label_density(*label, normalise=False, uniform=share)
        close(
            training_density(*label, normalise=False, uniform=share), arrays[f"label_{index:02d}"]
        )
    else:
        actual = gaussian(*label) + share  # no function of the product raises a label
    close(actual, arrays[f"label_{index:02d}"])


@pytest.mark.parametrize("index", sorted(set(range(DENSITIES)) - set(NO_DENSITY)))
def test_label_density(golden, index: int) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("data_functions.npz")
    cases = table(arrays, "tables_json")["label_densities"]
    assert len(cases) == DENSITIES
    assert {k for k, case in enumerate(cases) if "interp_factor" in case} == set(NO_DENSITY)
    names = {"output_sz": "image_sz", "feature_sz": "feat_sz"}
    arguments = {names.get(key, key): value for key, value in cases[index].items()}
    options = {
        "normalise": arguments.pop("normalize", False),
        "threshold": arguments.pop("threshold", 0.0),
        "shrink": arguments.pop("shrink", 0.0),
        "uniform": arguments.pop("uni_weight", 0.0),
    }
    assert set(arguments) == {"index", "image_sz", "feat_sz", "sigma_factor", "kernel_sz"}
    expected = arrays[f"density_{index:02d}"]
    actual = training_density(
        *label_of(torch.from_numpy(arrays["label_boxes"]), arguments), **options
    )
    close(actual, expected)
    for own, wanted in zip(actual, expected, strict=True):
        # each map by its own largest value, but for the far tails of boxes outside
        if wanted.max() > 1e-3:
            close(own, wanted, what="one map")


def test_spatial_label(golden) -> None:  # type: ignore[no-untyped-def]
    """The label of super_dimp_simple: its centre is counted from the middle of the features there."""
    centre = torch.tensor([1.3, -2.2]) + (18 - 1) / 2
    close(gaussian(centre, 0.9, (19, 19)), golden("crops_tracker.npz")["label_spatial_18_18"])


@pytest.mark.parametrize(("bins", "step"), [(10, 0.5), (5, 1)])
def test_distance_map(golden, bins: int, step: float) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("data_functions.npz")
    assert len([key for key in arrays.files if key.startswith("distance_map")]) == 2
    expected = arrays[f"distance_map_{bins}bins_step{step}"]
    actual = distance_map(
        torch.from_numpy(arrays["distance_centers_yx"]), bins, step, expected.shape[-2:]
    )
    np.testing.assert_allclose(actual.numpy(), expected, atol=5e-6, rtol=0)


NO_NORMALISATION = {"l2norm_no_average"}
"""Without the factor C H W: no network has it."""


def test_instance_l2_norm(golden) -> None:  # type: ignore[no-untyped-def]
    """The product's own scale is sqrt(1 / (C K^2))."""
    arrays = golden("data_functions.npz")
    features = torch.from_numpy(arrays["l2norm_in"]).permute(0, 2, 3, 1)
    channels, kernel = features.shape[-1], 4
    scaled = instance_l2_norm(features, kernel) * (0.3 * math.sqrt(channels) * kernel)
    close(scaled.permute(0, 3, 1, 2), arrays["l2norm_scale0.3"])
    zeros = arrays["l2norm_zero_input"]
    close(instance_l2_norm(torch.zeros(1, 4, 5, 3), kernel).permute(0, 3, 1, 2), zeros)
    tested = {"l2norm_in", "l2norm_scale0.3", "l2norm_zero_input"}
    assert {key for key in arrays.files if key.startswith("l2norm")} == tested | NO_NORMALISATION
