"""The crop primitive and the first frame's transforms against an independent implementation (README.md section 6
there)."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from ltr.crops import _gather_pixels, _taps, crop
from ltr.published_windows import published_window
from ltr.transforms import blur, cut, flip, rotate

# section 12 there allows 1e-3 grey levels; seen: 3e-5
GREY = 6e-5


@pytest.mark.parametrize("rounding", ["integer", "float"])
def test_published_windows(golden, rounding) -> None:  # type: ignore[no-untyped-def]
    data = golden("crops_tracker.npz")
    cases = json.loads(str(data["cases_json"]))
    compared = 0
    for k, case in enumerate(cases):
        if case["is_mask"]:
            continue
        image = torch.from_numpy(data[f"image_{case['image']}"])
        expected = torch.from_numpy(data[f"case{k:02d}_{rounding}_patch"])
        # without an output size the patch is not resized: the same as asking for the size that it has
        side = tuple(expected.shape[1:])
        window = published_window(
            torch.tensor([case["pos"]]),
            torch.tensor([case["sample_sz"]]),
            side,
            torch.tensor([image.shape[:2]]),
            rounding,
            case["mode"],
            case["max_scale_change"] or float("inf"),
        )
        top_left = window.centre_yx - (window.size_hw - 1) / 2
        corners = torch.cat([top_left, top_left + window.size_hw], dim=1).numpy()
        np.testing.assert_array_equal(
            corners, data[f"case{k:02d}_{rounding}_coord"], err_msg=f"case {k}"
        )
        patch = crop([image], window)
        np.testing.assert_allclose(patch[0], expected, atol=GREY, rtol=0, err_msg=f"case {k}")
        taps = [_taps(window, axis, size) for axis, size in enumerate(image.shape[:2])]
        at_once = _gather_pixels(image.view(-1, 3), 0, image.shape[1], *taps)
        assert torch.equal(at_once, patch), "the CUDA form samples the same"
        compared += 1
    assert compared == 65


def test_first_frame_transforms(golden) -> None:  # type: ignore[no-untyped-def]
    data = golden("crops_tracker.npz")
    patch = torch.from_numpy(np.ascontiguousarray(data["transform_input"])).float()
    patch = patch.permute(2, 0, 1) if patch.shape[-1] == 3 else patch.reshape(3, 48, 48)
    compared = 0
    for spec in json.loads(str(data["transforms_json"])):
        if spec["type"] in ("FlipVertical", "Scale"):
            continue  # no preset uses them
        side = (spec["output_sz"] or [48])[0]
        shift = tuple(spec["shift"])
        changed = {
            "Identity": lambda p: p,
            "Translation": lambda p: p,
            "FlipHorizontal": flip,
            "Blur": lambda p, s=spec: blur(p, tuple(s["sigma"])),
            "Rotate": lambda p, s=spec: rotate(p, np.degrees(s["angle"])),
        }[spec["type"]](patch)
        expected = data[f"transform_{spec['name']}"].reshape(3, side, side)
        np.testing.assert_allclose(
            cut(changed, side, shift), expected, atol=1e-3, rtol=0, err_msg=spec["name"]
        )
        compared += 1
    assert compared == 17
