"""Pixels of published training against an independent implementation (README.md section 10 there)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ltr.data.configuration import Photometry
from ltr.data.photometry import Changes, draw_changes, photographed
from ltr.geometry import mirrored
from ltr.images import MEAN, STD


def picture(arrays: Any) -> torch.Tensor:
    return torch.from_numpy(arrays["tf_image"]).permute(2, 0, 1)[None].float()


def only(**values: Any) -> Changes:
    none = draw_changes(Photometry(joint_grey=0.0, brightness=0.0), 1, np.random.default_rng(0))
    return none._replace(**{name: np.array([value]) for name, value in values.items()})


def test_transforms_are_complete(golden) -> None:  # type: ignore[no-untyped-def]
    names = {key for key in golden("data_functions.npz").files if key.startswith("tf_")}
    assert names == {
        "tf_image",
        "tf_to_tensor",
        "tf_jitter_1.13",
        "tf_jitter_0.87",
        "tf_normalize",
        "tf_gray",
        "tf_flip_image",
        "tf_flip_box",
        "tf_flip_box_in",
    }


@pytest.mark.parametrize("factor", [0.87, 1.13])
def test_brightness(golden, factor: float) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("data_functions.npz")
    actual = photographed(picture(arrays), only(brightness=factor))[0] / 255
    np.testing.assert_allclose(actual, arrays[f"tf_jitter_{factor}"], atol=1e-6)


def test_grey(golden) -> None:  # type: ignore[no-untyped-def]
    """Rounded to whole levels, as crops are when they become a batch, it is OpenCV's grey."""
    arrays = golden("data_functions.npz")
    actual = photographed(picture(arrays), only(grey=True))[0].permute(1, 2, 0)
    np.testing.assert_array_equal(torch.floor(actual + 0.5), arrays["tf_gray"])


def test_mirror(golden) -> None:  # type: ignore[no-untyped-def]
    """The reference mirrors boxes about one pixel less than pictures, which no training of ours does."""
    arrays = golden("data_functions.npz")
    actual = photographed(picture(arrays), only(mirror=True))[0].permute(1, 2, 0)
    np.testing.assert_array_equal(actual, arrays["tf_flip_image"])
    width = arrays["tf_image"].shape[1]
    box = mirrored(torch.from_numpy(arrays["tf_flip_box_in"]), width - 1)
    np.testing.assert_array_equal(box, arrays["tf_flip_box"])


def test_normalisation(golden) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("data_functions.npz")
    scaled = picture(arrays)[0] / 255
    np.testing.assert_allclose(scaled, arrays["tf_to_tensor"], atol=1e-7)
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    np.testing.assert_allclose((scaled - mean) / std, arrays["tf_normalize"], atol=1e-6)
