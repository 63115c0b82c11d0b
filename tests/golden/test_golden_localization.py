"""Localization and its windows against an independent implementation (README.md sections 6 and 8 there; tolerances of
section 12 there, relative to the largest value of each array). What the product leaves out on purpose is named and
counted."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from reference_presets import localization_of
from reference_steps import CPU, STATUS_OF, Branch, steps_of
from reference_tables import close, table

from ltr.label_maps import hann_window
from pytracking.tracker.localization import find_peak, localize
from pytracking.tracker.prediction import STATUSES
from pytracking.tracker.preset_settings import Localization, SizeSearch
from pytracking.tracker.size_search import best_rows, rows_to_search

BRANCHES = 34
NO_BRANCH = {30: ("score_preprocess", "exp"), 31: ("score_filter_ksz", 3)}
"""Cases of options that no preset uses, and that the product does not have."""
NOT_SQUARE = {20, 21}
"""Cases of maps that are not square, with a filter of 3 x 3: the product's engine searches squares."""
BRANCH_CASES = sorted(set(range(BRANCHES)) - set(NO_BRANCH))


def test_branches_are_complete(golden) -> None:  # type: ignore[no-untyped-def]
    cases = table(golden("branches.npz"), "cases_json")
    assert len(cases) == BRANCHES
    for index, case in enumerate(cases):
        special = {
            option: value
            for option, value in case["params"].items()
            if (option, value) in (("score_preprocess", "exp"), ("score_filter_ksz", 3))
        }
        assert special == (dict([NO_BRANCH[index]]) if index in NO_BRANCH else {})
        assert (index in NOT_SQUARE) == (case["kernel_size"] != [4, 4])
    used = [case for index, case in enumerate(cases) if index not in NO_BRANCH]
    assert {case["flag"] for case in used} == set(STATUS_OF)
    assert {localization_of(case["params"]).hann_window for case in used} == {False, True}
    assert sum(case["scale_index"] for case in used) == 2


@pytest.mark.parametrize("index", BRANCH_CASES)
def test_branch(golden, index: int) -> None:  # type: ignore[no-untyped-def]
    """One case alone: choice of the scale, place, status."""
    branch = Branch(golden("branches.npz"), index)
    raw, case = branch.scores_in, branch.case
    scores = branch.scores(raw)
    windowed = (
        scores * hann_window(raw.shape[-1], raw.shape[-1], CPU)
        if branch.setting.hann_window
        else scores
    )
    scales = SizeSearch(ratios=(1.0,) * (len(raw) - 1), interval=1, penalty=1.0)
    chosen = best_rows(rows_to_search((1,), scales, CPU), windowed.amax(dim=(1, 2)))
    assert chosen.tolist() == [branch.scale_index]

    side = torch.tensor(raw.shape[1:])
    feature_side = side - (torch.tensor(case["kernel_size"]) + 1) % 2
    cell = torch.tensor(case["img_support_sz"]) / feature_side * branch.of_scale("sample_scales")
    middle = (side - 1) / 2
    last = (torch.tensor(case["pos"]) - branch.of_scale("sample_pos")) / cell + middle
    size = torch.tensor(case["target_sz"]) / cell
    place = localize(scores[chosen], windowed[chosen], last[None], size[None], branch.setting)

    assert STATUSES[place.status.item()] == branch.status
    close(scores[chosen].amax(), case["max_score"])
    close(scores[chosen[0]], branch.scores_out[branch.scale_index])
    translation = (place.cell_yx[0] - middle) * cell
    close(translation, branch.translation)
    close(branch.of_scale("sample_pos") + translation, case["new_pos"])


def test_branches_as_rows_of_batches(golden, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """All cases of one setting are targets of one step of the engine; only crop and network are left out."""
    arrays = golden("branches.npz")
    groups: dict[tuple[Localization, Any], list[Branch]] = defaultdict(list)
    for index in BRANCH_CASES:
        if index not in NOT_SQUARE:
            branch = Branch(arrays, index)
            groups[branch.setting, branch.scores].append(branch)
    sizes = sorted(map(len, groups.values()))
    assert sum(sizes) == BRANCHES - len(NO_BRANCH) - len(NOT_SQUARE)
    assert sizes[-1] == 21
    largest = max(groups.values(), key=len)
    assert {branch.status for branch in largest} == set(STATUSES)
    assert {len(branch.scores_in) for branch in largest} == {1, 2}

    for group in groups.values():
        state, predictions, _, recorder = steps_of(group, monkeypatch)
        for b, (branch, prediction) in enumerate(zip(group, predictions, strict=True)):
            what = f"case {branch.index}, {branch.case['label']}"
            assert prediction.status == branch.status, what
            close(torch.tensor(prediction.score), branch.case["max_score"], what=what)
            close(recorder.values["score_map"][b], branch.scores_out[branch.scale_index], what=what)
            found = branch.status != "not_found"
            close(
                state.centre_yx[b],
                branch.case["new_pos"] if found else branch.case["pos"],
                what=what,
            )
            scale = branch.case["sample_scales"][branch.scale_index if found else 0]
            close(state.scale[b], scale, what=what)
            close(
                state.size_hw[b] * branch.case["sample_scales"][0] / scale,
                branch.case["target_sz"],
                what=what,
            )
            stored = branch.status in ("found", "hard_negative")
            assert state.memory.count[b].item() == 1 + stored, what


def test_where_far_begins() -> None:
    """At dispalcement_scale * sqrt(19 * 19) / 2 = 7.6 cells (the published code): the cases above would not notice
    half of it. The rival is far from the last place in both rows, the first peak 7 and 8 cells away."""
    scores = torch.zeros(2, 19, 19)
    scores[0, 9, 2] = scores[1, 9, 1] = 0.8
    scores[:, 9, 18] = 0.7
    setting = Localization(subcell=False, distractor_threshold=0.8, displacement=0.8)
    place = localize(scores, scores, torch.full((2, 2), 9.0), torch.full((2, 2), 3.0), setting)
    assert [STATUSES[status] for status in place.status] == ["hard_negative", "uncertain"]


def test_first_of_equal_peaks(golden) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("crops_tracker.npz")
    maps = arrays["max2d_in"]
    assert max((m == m.max()).sum() for m in maps) > 1
    peak = find_peak(torch.from_numpy(maps))
    assert np.array_equal(peak.score, arrays["max2d_val"])
    assert np.array_equal(peak.cell_yx, arrays["max2d_arg"])


NO_WINDOW = {"hann1d_not_centered_18", "hann1d_not_centered_19"}
"""Windows of another tracker, which begin at the middle."""


def test_windows(golden) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("crops_tracker.npz")
    clipped = arrays["hann2d_clipped_19_19_eff_12_13"]
    close(hann_window(19, 12, CPU), clipped, what="an effective side of another parity")
    close(hann_window(19, 13, CPU), clipped, what="an effective side of the same parity")
    line, longer = (hann_window(side, side, CPU)[side // 2] for side in (19, 23))
    close(line, arrays["hann1d_centered_19"])
    close(
        line[:, None] * longer,
        arrays["hann2d_19_23"],
        what="the factors are those of the square windows",
    )
    close(hann_window(19, 19, CPU), golden("branches.npz")["window_hann2d_19"])
    tested = {"hann2d_clipped_19_19_eff_12_13", "hann1d_centered_19", "hann2d_19_23"}
    assert {key for key in arrays.files if key.startswith("hann")} == tested | NO_WINDOW
