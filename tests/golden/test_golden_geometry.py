"""Places, sizes, box forms and overlaps against an independent implementation (README.md sections 8 and 10 there)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from reference_steps import Branch, estimate_of, state_of, step_of, steps_of, view_of
from reference_tables import close, rows, table
from torch import Tensor

from ltr.geometry import from_relative, iou, kept_inside, scale_limits, to_crop, to_relative
from ltr.models.box.ascent import ascend_relative
from ltr.published_windows import published_window
from pytracking.tracker.localization import FOUND
from pytracking.tracker.preset_settings import SizeSearch, TrackerPreset
from pytracking.tracker.size_search import best_size


@pytest.fixture
def geometry(golden) -> Callable[[str], list[dict[str, Any]]]:  # type: ignore[no-untyped-def]
    cases = table(golden("branches.npz"), "geometry_json")
    return lambda name: [case for case in cases if case["fn"] == name]


def test_geometry_is_complete(golden) -> None:  # type: ignore[no-untyped-def]
    counts: dict[str, int] = defaultdict(int)
    for case in table(golden("branches.npz"), "geometry_json"):
        counts[case["fn"]] += 1
    assert counts == {
        "box in sample frame": 2,
        "sample location from patch coordinates": 3,
        "centred sample position": 4,
        "update state": 5,
    }


def test_box_in_sample_frame(geometry) -> None:  # type: ignore[no-untyped-def]
    """Crops are square here: of the oblong one each axis is compared with the square of its side."""
    cases = geometry("box in sample frame")
    keys = ("pos", "target_sz", "sample_pos", "sample_scale")
    for axis in (0, 1):
        for case in cases:
            box = to_crop(*(rows([case], key) for key in keys), case["img_sample_sz"][axis])[0]
            close(box.view(2, 2)[:, 1 - axis], np.reshape(case["box_xywh"], (2, 2))[:, 1 - axis])
    square = [case for case in cases if case["img_sample_sz"] == [288, 288]]
    close(to_crop(*(rows(square, key) for key in keys), 288), rows(square, "box_xywh"))
    assert square


def test_sample_location(geometry) -> None:  # type: ignore[no-untyped-def]
    """The same patch is cut by the product's rule; what it claims to show is the reference's answer."""
    for case in geometry("sample location from patch coordinates"):
        coordinates = torch.tensor(case["coord"])
        rounding = "float" if (coordinates % 1).any() else "integer"
        length = coordinates[:, 2:] - coordinates[:, :2] - (0.5 if rounding == "float" else 0)
        position = coordinates[:, :2] + torch.floor(
            (length - 1) / 2 + (0.5 if rounding == "float" else 0)
        )
        frame_hw = torch.full_like(position, 1000)
        window = published_window(
            position, length, tuple(case["img_sample_sz"]), frame_hw, rounding
        )
        close(window.size_hw, coordinates[:, 2:] - coordinates[:, :2])
        close(window.centre_yx, case["sample_pos"])
        close(window.scale, case["sample_scales"])


NO_CENTRING = {1: "filter 3 x 3", 3: "17 cells"}
"""Cases in which the reference searches half a cell beside the last place: published networks have filters of 4 x 4,
and crops have an even number of cells."""


def test_centred_sample_position(geometry, golden, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    cases = geometry("centred sample position")
    for index, case in enumerate(cases):
        own = {key: case[key] for key in ("feature_sz", "kernel_size")}
        even = all(side % 2 == 0 for sides in own.values() for side in sides)
        assert even == (index not in NO_CENTRING), own
        if not even:
            assert case["result"] != case["pos"]
            continue
        branch = Branch(golden("branches.npz"), 0)
        branch.case.update(
            pos=case["pos"], sample_pos=[case["pos"]], sample_scales=[case["target_scale"]]
        )
        _, _, ((centre, scale),), _ = steps_of([branch], monkeypatch)
        close(centre, [case["result"]])
        close(scale, [case["target_scale"]])


def test_state_update(geometry) -> None:  # type: ignore[no-untyped-def]
    """Places are kept within reach of the frame, sizes within their limits; all cases are rows of one batch."""
    cases = geometry("update state")
    frame_hw = rows(cases, "image_sz")
    close(
        kept_inside(rows(cases, "new_pos"), rows(cases, "target_sz_before"), frame_hw, 0.2),
        rows(cases, "result_pos"),
    )

    sized = [case for case in cases if case["new_scale"] is not None]
    assert len(sized) == 3
    assert all(case["image_sz"] == [240, 320] for case in sized)
    scale, base = torch.full((3,), 0.8), rows(sized, "base_target_sz")
    before = state_of(rows(sized, "new_pos"), base * 0.8, scale, base)
    before = replace(before, scale_limits=scale_limits(before.size_hw, scale, (240, 320), 10.0))
    view = view_of(before.centre_yx, rows(sized, "new_scale"))
    step = step_of(before, view, TrackerPreset(size=SizeSearch(follow=1.0)))
    after = best_size(step, estimate_of(before, torch.tensor(3 * [FOUND])))
    close(after.scale, rows(sized, "result_scale"))
    close(after.size_hw, rows(sized, "result_target_sz"))


def ascended(boxes: Tensor, gradient: Tensor) -> Tensor:
    """One step of length 1 where the energy is equally steep everywhere."""

    def slope(boxes: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(boxes.shape[:2]), gradient.expand_as(boxes)

    return ascend_relative(slope, boxes, [(1.0, 1.0)])[0]


@pytest.mark.parametrize("form", ["rect_to_rel", "rect_to_rel_norm"])
def test_relative_boxes(golden, form: str) -> None:  # type: ignore[no-untyped-def]
    """With the size of the first box as the unit: there and back, and a step that is made there."""
    arrays = golden("data_functions.npz")
    boxes, unit = torch.from_numpy(arrays["rect"]), torch.from_numpy(arrays["rect"][:, 2:])
    back = arrays["rel_to_rect_back"]
    batch = boxes[:, None]
    if form == "rect_to_rel_norm":
        unit, back = torch.from_numpy(arrays["sz_norm"]), arrays["rel_to_rect_norm_back"]
        batch = torch.stack([torch.cat([torch.zeros(3, 2), unit], dim=1), boxes], dim=1)
    position, log_size = to_relative(boxes, unit)
    close(torch.cat([position, log_size], dim=-1), arrays[form])
    close(from_relative(position, log_size, unit), back)
    close(ascended(batch, torch.zeros(4))[:, -1], back)

    gradient = torch.tensor([0.25, -0.125, 0.5, -0.25]) / boxes[:, None, [2, 3, 2, 3]]
    by_corner, by_size = gradient[:, 0].split(2, dim=-1)
    slope = torch.cat([unit * by_corner, boxes[:, 2:] * (by_size - by_corner / 2)], dim=-1)
    relative = torch.from_numpy(arrays[form]) + slope
    size = relative[:, 2:].exp()
    expected = torch.cat([relative[:, :2] * unit - size / 2, size], dim=-1)
    assert (expected - boxes).abs().min() > 1e-4
    close(ascended(batch, gradient)[:, -1], expected)


def test_iou(golden) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("data_functions.npz")
    reference, proposals = (
        torch.from_numpy(arrays["iou_ref"]),
        torch.from_numpy(arrays["iou_props"]),
    )
    assert (proposals[:, 2:] == 0).any()
    close(iou(reference, proposals), arrays["iou"])
    close(iou(proposals, reference), arrays["iou"])
    empty = proposals[proposals[:, 2] == 0]
    assert iou(empty, empty).tolist() == [0.0]  # the reference divides zero by zero here
