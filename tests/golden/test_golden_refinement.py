"""What becomes of refined boxes, against an independent implementation (README.md section 8 there)."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from reference_steps import estimate_of, state_of, step_of, view_of
from reference_tables import close, rows, table

from ltr.models.box import ascent as ascent_module
from pytracking.tracker.localization import FOUND, UNCERTAIN
from pytracking.tracker.preset_settings import Refinement, Search, TrackerPreset
from pytracking.tracker.refinement import fit_box


class Refined:
    """Cases of refine_json as rows of one batch. Boxes that a row has fewer than others are filled up with some that
    are rejected for their aspect, whatever their energy."""

    def __init__(
        self, cases: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, stale_place: bool = True
    ) -> None:
        first = cases[0]
        same = ("iounet_k", "maximal_aspect_ratio", "use_iounet_pos_for_learning", "img_sample_sz")
        assert all(case[key] == first[key] for case in cases for key in same)
        most = max(len(case["boxes"]) for case in cases)
        filled = [
            case["boxes"] + [[100, 90, 1, 100]] * (most - len(case["boxes"])) for case in cases
        ]
        energies = [case["scores"] + [9.0] * (most - len(case["boxes"])) for case in cases]
        setting = Refinement(
            space="default",
            average=first["iounet_k"],
            max_aspect=first["maximal_aspect_ratio"],
            learn_refined=first["use_iounet_pos_for_learning"],
            size_when_uncertain=False,
            half_pixel_shift=True,
            stale_place=stale_place,
        )
        assert first["img_sample_sz"] == [288, 288]
        found = torch.tensor(filled, dtype=torch.float32), torch.tensor(energies)
        monkeypatch.setattr(ascent_module, "ascend_in_pixels", lambda *arguments: found)
        before = state_of(
            *(rows(cases, f"{key}_before") for key in ("pos", "target_sz", "target_scale")),
            rows(cases, "base_target_sz"),
        )
        head = SimpleNamespace(energies_of=lambda features, boxes: None)
        before = replace(before, box_head=head)  # type: ignore[arg-type]
        status = torch.tensor([FOUND if case["update_scale"] else UNCERTAIN for case in cases])
        self.before = before
        view = view_of(rows(cases, "sample_pos"), rows(cases, "sample_scale"))
        preset = TrackerPreset(search=Search(crop_side=288), refinement=setting)
        self.after = fit_box(step_of(before, view, preset), estimate_of(before, status))

    def check(self, row: int, case: dict[str, Any]) -> None:
        close(self.after.sample_yx[row], case["pos"], what=case["label"])
        close(self.after.size_hw[row], case["target_sz"], what=case["label"])
        close(self.after.scale[row], case["target_scale"], what=case["label"])
        if case["pos_iounet"] is None:
            assert self.after.refined_yx[row].isnan().all(), case["label"]
        else:
            close(self.after.refined_yx[row], case["pos_iounet"], what=case["label"])
            close(self.after.centre_yx[row], case["pos_iounet"], what=case["label"])


REFINE_CASES = 6


@pytest.mark.parametrize("index", range(REFINE_CASES))
def test_refined_boxes(golden, monkeypatch, index: int) -> None:  # type: ignore[no-untyped-def]
    cases = table(golden("branches.npz"), "refine_json")
    assert len(cases) == REFINE_CASES
    Refined([cases[index]], monkeypatch).check(0, cases[index])


def test_refined_boxes_as_rows_of_one_batch(golden, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    cases = [case for case in table(golden("branches.npz"), "refine_json") if case["iounet_k"] == 3]
    assert len(cases) == 5
    refined = Refined(cases, monkeypatch)
    for row, case in enumerate(cases):
        refined.check(row, case)


def test_without_stale_places_the_found_place_stays(golden, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """The one quirk of the reference that the product can do without when all boxes are rejected."""
    (case,) = (
        c for c in table(golden("branches.npz"), "refine_json") if c["label"] == "all dropped"
    )
    refined = Refined([case], monkeypatch, stale_place=False)
    assert torch.equal(refined.after.centre_yx, refined.before.centre_yx)
