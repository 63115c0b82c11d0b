"""The parts of the tracker that work on small tables, against an independent implementation: localization, geometry,
what becomes of refined boxes, sample weights, labels, windows (README.md sections 6, 8, 10 there; tolerances of section
12 there, relative to the largest value of each array). What the product leaves out on purpose is named and counted."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike
from reference_presets import localization_of, memory_of
from torch import Tensor

from ltr.geometry import from_relative, iou, kept_inside, scale_limits, to_crop, to_relative
from ltr.label_maps import (
    distance_map,
    gaussian,
    hann_window,
    label_density,
    training_density,
)
from ltr.models.backbone import Taps
from ltr.models.box import ascent as ascent_module
from ltr.models.box.ascent import ascend_relative
from ltr.models.classifier.density_descent import DensitySteepestDescent, DivergenceConfig
from ltr.models.classifier.features import instance_l2_norm
from ltr.models.classifier.steepest_descent import HingeConfig, HingeSteepestDescent
from ltr.models.tracking_network import Features, ScoreGrid
from ltr.published_windows import published_window
from pytracking.tracker import engine as engine_module
from pytracking.tracker.draws import Draws
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.localization import FOUND, UNCERTAIN, find_peak, localize
from pytracking.tracker.memory import Admission, first_memory, store
from pytracking.tracker.prediction import STATUSES, Prediction
from pytracking.tracker.preset_settings import (
    Localization,
    Refinement,
    Search,
    SizeSearch,
    TrackerPreset,
    Update,
)
from pytracking.tracker.refinement import fit_box
from pytracking.tracker.size_search import best_rows, best_size, rows_to_search
from pytracking.tracker.state import SampleMemory, TrackerState
from pytracking.tracker.step import Estimate, Step, View

CPU = torch.device("cpu")
STATUS_OF = {
    "normal": "found",
    None: "found",
    "uncertain": "uncertain",
    "hard_negative": "hard_negative",
    "not_found": "not_found",
}
"""What the reference calls a status; None stands for localization without statuses."""


def close(actual: Tensor, expected: ArrayLike, tolerance: float = 1e-6, what: str = "") -> None:
    """`tolerance` relative to the largest value."""
    wanted = np.asarray(expected)
    atol = tolerance * max(np.abs(wanted).max(), 1e-30)
    np.testing.assert_allclose(actual.numpy(), wanted, atol=atol, rtol=0, err_msg=what)


def table(arrays: Any, key: str) -> Any:
    return json.loads(str(arrays[key]))


def rows(cases: list[dict[str, Any]], key: str) -> Tensor:
    return torch.tensor([case[key] for case in cases], dtype=torch.float32)


# --- localization -----------------------------------------------------------------------------------------------------

BRANCHES = 34
NO_BRANCH = {30: ("score_preprocess", "exp"), 31: ("score_filter_ksz", 3)}
"""Cases of options that no preset uses, and that the product does not have."""
NOT_SQUARE = {20, 21}
"""Cases of maps that are not square, with a filter of 3 x 3: the product's engine searches squares."""
BRANCH_CASES = sorted(set(range(BRANCHES)) - set(NO_BRANCH))


@cache
def scores_of(preprocess: str | None, softmax_reg: float | None) -> Callable[[Tensor], Tensor]:
    """What a network of these settings makes of the filter's output."""
    if preprocess != "softmax":
        return HingeSteepestDescent(HingeConfig()).scores
    return DensitySteepestDescent(DivergenceConfig(extra_logit=softmax_reg)).scores


class Branch:
    """One case of branches.npz."""

    def __init__(self, arrays: Any, index: int) -> None:
        self.index = index
        self.case: dict[str, Any] = table(arrays, "cases_json")[index]
        self.setting: Localization = localization_of(self.case["params"])
        self.scores = scores_of(
            self.case["params"].get("score_preprocess"), self.case["softmax_reg"]
        )
        self.scores_in, self.scores_out, self.translation = (
            torch.from_numpy(arrays[f"c{index:02d}_{key}"])
            for key in ("scores_in", "scores_out", "translation")
        )
        self.scale_index: int = self.case["scale_index"]
        self.status = STATUS_OF[self.case["flag"]]

    def of_scale(self, key: str) -> Tensor:
        """A value of the chosen scale."""
        return torch.tensor(self.case[key][self.scale_index], dtype=torch.float32)


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


class Recorder:
    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}

    def observe(self, name: str, value: Tensor) -> None:
        self.values[name] = value


def fake_net(scores: Tensor | None = None, has_box_head: bool = False) -> Any:
    """A network that computes nothing: its score maps are given."""
    return SimpleNamespace(
        device=CPU,
        has_box_head=has_box_head,
        score_grid=lambda side: ScoreGrid(19, 16, 0.0),
        features=lambda crops: Features(Taps(crops, crops), crops.new_zeros(len(crops), 18, 18, 1)),
        scores=lambda features, filters, raw: scores,
        sample_maps=lambda middle_yx, side: middle_yx.new_zeros(len(middle_yx), 1, 19, 19),
        learn_filter=lambda filters, *rest: filters,
    )


def state_of(
    centre_yx: Tensor,
    size_hw: Tensor,
    scale: Tensor,
    base_size_hw: Tensor,
    frame_number: tuple[int, ...] | None = None,
) -> TrackerState:
    count = len(scale)
    return TrackerState(
        names=tuple(f"case {b}" for b in range(count)),
        frame_number=frame_number or (1,) * count,
        frames_lost=(0,) * count,
        centre_yx=centre_yx,
        size_hw=size_hw,
        scale=scale,
        base_size_hw=base_size_hw,
        scale_limits=torch.tensor([[0.01, 100.0]]).expand(count, -1),
        filters=torch.ones(count, 1, 4, 4),
        modulation=torch.zeros(count, 0),
        refined_yx=torch.full((count, 2), torch.nan),
        bias_yxhw=torch.zeros(count, 4),
        offset_yxhw=torch.zeros(count, 4),
        memory=first_memory(torch.zeros(count, 1, 18, 18, 1), torch.zeros(count, 1, 1, 19, 19), 20),
    )


def steps_of(
    branches: list[Branch], monkeypatch: pytest.MonkeyPatch
) -> tuple[TrackerState, list[Prediction], list[tuple[Tensor, Tensor]], Recorder]:
    """One step of the engine with one target a case, those of two scales in their second frame, and all others in
    their third, in which no size is searched; and the places and scales that were searched."""
    several = [branch for branch in branches if len(branch.scores_in) > 1]
    raw = torch.cat(
        [branch.scores_in[:1] for branch in branches] + [branch.scores_in[1:] for branch in several]
    )
    places = [branch.case["sample_pos"][0] for branch in branches]
    places += [place for branch in several for place in branch.case["sample_pos"][1:]]
    scale = torch.tensor([branch.case["sample_scales"][0] for branch in branches])
    ratios = {
        branch.case["sample_scales"][1] / branch.case["sample_scales"][0] for branch in several
    }
    assert len(ratios) < 2
    preset = TrackerPreset(
        search=Search(crop_side=288, crop_window="exact"),
        size=SizeSearch(ratios=tuple(ratios), interval=2, penalty=1.0, follow=1.0),
        localization=branches[0].setting,
        update=Update(interval=10**6),
    )
    asked = []

    def window(centre: Tensor, scale: Tensor, side: int, *rest: object) -> SimpleNamespace:
        asked.append((centre, scale))
        size = (scale * side)[:, None].expand(-1, 2)
        return SimpleNamespace(centre_yx=torch.tensor(places), scale=scale, size_hw=size)

    engine = TrackerEngine(fake_net(branches[0].scores(raw)), preset)
    monkeypatch.setattr(engine_module, "crop_window", window)
    monkeypatch.setattr(
        engine_module, "crop", lambda images, window, frame_of: torch.zeros(len(raw), 3, 1, 1)
    )
    size = torch.tensor([branch.case["target_sz"] for branch in branches])
    state = state_of(
        torch.tensor([branch.case["pos"] for branch in branches]),
        size,
        scale,
        size / scale[:, None],
        tuple(1 if len(branch.scores_in) > 1 else 2 for branch in branches),
    )
    recorder = Recorder()
    state, predictions = engine.step(state, [np.zeros((640, 640, 3), np.uint8)], observer=recorder)
    return state, predictions, asked, recorder


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


# --- geometry ---------------------------------------------------------------------------------------------------------


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


def view_of(centre_yx: Tensor, scale: Tensor) -> View:
    """A view of which nothing but its place is looked at; every case was last seen at a scale of .8."""
    nothing = torch.zeros(len(scale), 0)
    return View(
        centre_yx=centre_yx,
        scale=scale,
        ratio=scale / 0.8,
        size_hw=nothing,
        crops=nothing,
        features=Features(Taps(nothing, nothing), nothing),
        scores=nothing,
        windowed_scores=nothing,
    )


def step_of(state: TrackerState, view: View, preset: TrackerPreset) -> Step:
    return Step(
        net=fake_net(),
        preset=preset,
        state=state,
        frame_number=tuple(number + 1 for number in state.frame_number),
        view=view,
        grid=ScoreGrid(19, 16, 0.0),
        draws=partial(Draws, 0),
        observer=None,
    )


def estimate_of(state: TrackerState, status: Tensor) -> Estimate:
    """The filter has every target where it was last."""
    return Estimate(
        status=status,
        peak_yx=state.centre_yx,
        sample_yx=state.centre_yx,
        centre_yx=state.centre_yx,
        refined_yx=state.refined_yx,
        size_hw=state.size_hw,
        scale=state.scale,
    )


# --- refined boxes ----------------------------------------------------------------------------------------------------


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


# --- sample memory ----------------------------------------------------------------------------------------------------

MEMORIES = 11


class Filling:
    """Cases of memory_update.npz of one size, one number of first samples and one minimum weight, as rows of a batch."""

    def __init__(self, arrays: Any, indices: list[int]) -> None:
        cases = [table(arrays, "cases_json")[k] for k in indices]
        self.indices = indices
        self.first: int = cases[0]["num_init"]
        self.size: int = cases[0]["memory_size"]
        self.setting = memory_of(cases[0]["params"], self.size)
        self.weights = [arrays[f"m{k:02d}_weights"] for k in indices]
        self.replaced = [arrays[f"m{k:02d}_replaced"] for k in indices]
        self.rates = [
            [
                case["params"]["learning_rate"] if np.isnan(rate) else rate
                for rate in arrays[f"m{k:02d}_rates"]
            ]
            for k, case in zip(indices, cases, strict=True)
        ]

    def run(self) -> None:
        count = len(self.indices)
        updates = [len(rates) for rates in self.rates]
        memory = first_memory(
            torch.zeros(count, self.first, 1, 1, 1),
            torch.zeros(count, self.first, 1, 1, 1),
            self.size,
        )
        self.check(memory, [0] * count)
        held = torch.zeros(count, self.size)
        for update in range(max(updates)):
            enters = torch.tensor([update < own for own in updates])
            rate = torch.tensor([own[min(update, len(own) - 1)] for own in self.rates])
            new = torch.full((count, 1, 1, 1), update + 1.0)
            memory = store(memory, new, -new, Admission(enters, rate), self.first, self.setting)
            done = [min(update + 1, own) for own in updates]
            self.check(memory, done)
            for row, replaced in enumerate(self.replaced):
                assert memory.previous[row].item() == replaced[done[row] - 1], (
                    f"case {self.indices[row]}, {update}"
                )
                if enters[row]:
                    held[row, replaced[update]] = update + 1.0
            assert torch.equal(memory.samples.flatten(1), held)
            assert torch.equal(memory.maps.flatten(1), -held)
        assert memory.count.tolist() == [self.first + own for own in updates]

    def check(self, memory: SampleMemory, done: list[int]) -> None:
        for row, update in enumerate(done):
            close(
                memory.weights[row],
                self.weights[row][update],
                what=f"case {self.indices[row]}, {update} updates",
            )


@pytest.mark.parametrize("index", range(MEMORIES))
def test_memory(golden, index: int) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("memory_update.npz")
    assert len(table(arrays, "cases_json")) == MEMORIES
    Filling(arrays, [index]).run()


def test_memories_as_rows_of_batches(golden) -> None:  # type: ignore[no-untyped-def]
    """Rows have their own rates, and end when their cases do: the others go on."""
    arrays = golden("memory_update.npz")
    groups: dict[tuple[int, int, float], list[int]] = defaultdict(list)
    for index, case in enumerate(table(arrays, "cases_json")):
        share = memory_of(case["params"], case["memory_size"]).first_samples_weight
        groups[case["memory_size"], case["num_init"], share].append(index)
    several = [group for group in groups.values() if len(group) > 1]
    assert several == [[1, 4], [2, 3]]
    for group in several:
        Filling(arrays, group).run()


# --- labels -----------------------------------------------------------------------------------------------------------

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
