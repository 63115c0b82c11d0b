"""The windows of published training, what they show and where its boxes lie there, against an independent
implementation (README.md section 10 there)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from reference_tables import table

from ltr.crops import CropWindow, crop
from ltr.data.plans.windows import boxes_in_crops
from ltr.published_windows import training_window_2019, training_window_2020

GREY = 1
"""Grey levels between OpenCV's whole ones and ours, as section 10 there allows."""
CASES = 102
NO_MASKS = {98, 99, 100}
"""Their masks, which are zero beyond the frame: networks of this family are trained without. Their crops are compared."""
NO_RESIZE = {100, 101}
"""Cases of the function within, which know no box."""


def cases_of(golden: Any) -> list[dict[str, Any]]:
    return table(golden("crops_train.npz"), "cases_json")


def window_of(case: dict[str, Any], frame_hw: tuple[int, int]) -> CropWindow:
    """The window that the product makes of a case; without an output size, of the size that it has."""
    box, frame = torch.tensor([case["extract_box"]]), torch.tensor([frame_hw])
    out = case["output_sz"] or 41
    out_hw = (out, out) if isinstance(out, int) else (out[1], out[0])
    if "mode" not in case:
        return training_window_2019(box, case["factor"], out_hw, frame)
    limit = case["max_scale_change"] or torch.inf
    return training_window_2020(box, case["factor"], out_hw, frame, case["mode"], limit)


def test_cases_are_complete(golden) -> None:  # type: ignore[no-untyped-def]
    cases, arrays = cases_of(golden), golden("crops_train.npz")
    assert len(cases) == CASES
    assert {k for k in range(CASES) if f"c{k:03d}_mask" in arrays} == NO_MASKS
    assert {k for k in range(CASES) if f"c{k:03d}_box" not in arrays} == NO_RESIZE
    assert {case["fn"].split()[0] for case in cases} == {"centred", "adaptive"}
    assert {case.get("mode") for case in cases} == {None, "replicate", "inside", "inside_major"}


@pytest.mark.parametrize("index", range(CASES))
def test_training_crop(golden, index: int) -> None:  # type: ignore[no-untyped-def]
    arrays, case = golden("crops_train.npz"), cases_of(golden)[index]
    image = torch.from_numpy(arrays[f"image_{case['image']}"])
    window = window_of(case, (image.shape[0], image.shape[1]))
    actual = crop([image], window)[0].permute(1, 2, 0).round().numpy()
    expected = arrays[f"c{index:03d}_crop"].astype(np.float32)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= GREY
    if index not in NO_RESIZE:
        box = boxes_in_crops(torch.tensor([case["gt_box"]]), window)[0]
        np.testing.assert_allclose(box, arrays[f"c{index:03d}_box"], atol=2e-5, rtol=1e-6)
    if f"c{index:03d}_crop_box" in arrays:
        cut = torch.cat([window.centre_yx - (window.size_hw - 1) / 2, window.size_hw], dim=1)
        np.testing.assert_array_equal(
            cut[0, [1, 0, 3, 2]], arrays[f"c{index:03d}_crop_box"], err_msg=f"case {index}"
        )
    if "resize_factor" in case:
        assert window.scale.item() * case["resize_factor"] == pytest.approx(1)


def test_windows_of_a_batch_are_those_alone(golden) -> None:  # type: ignore[no-untyped-def]
    """All cases of one rule and one output, in frames of two sizes."""
    cases = [
        case
        for case in cases_of(golden)
        if case.get("mode") == "inside" and case["max_scale_change"] == 1.5
    ]
    sizes = {"A": (60, 80), "B": (97, 131)}
    assert {case["image"] for case in cases} == set(sizes)
    for factor in (2.0, 5.0):
        own = [case for case in cases if case["factor"] == factor]
        together = training_window_2020(
            torch.tensor([case["extract_box"] for case in own]),
            factor,
            (24, 24),
            torch.tensor([sizes[case["image"]] for case in own]),
            "inside",
            1.5,
        )
        for row, case in enumerate(own):
            alone = window_of(case, sizes[case["image"]])
            assert torch.equal(together.start[row], alone.start[0])
            assert torch.equal(together.step[row], alone.step[0])
            assert together.patch is not None
            assert alone.patch is not None
            assert torch.equal(together.patch.last[row], alone.patch.last[0])
            assert torch.equal(together.centre_yx[row], alone.centre_yx[0])
