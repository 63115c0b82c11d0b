"""Steps of the engine without crops and networks, and the cases of branches.npz that they are made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from reference_presets import localization_of
from reference_tables import table
from torch import Tensor

from ltr.models.backbone import Taps
from ltr.models.classifier.density_descent import DensitySteepestDescent, DivergenceConfig
from ltr.models.classifier.steepest_descent import HingeConfig, HingeSteepestDescent
from ltr.models.tracking_network import Features, ScoreGrid
from pytracking.tracker import engine as engine_module
from pytracking.tracker.draws import Draws
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.memory import first_memory
from pytracking.tracker.prediction import Prediction
from pytracking.tracker.preset_settings import (
    Localization,
    Search,
    SizeSearch,
    TrackerPreset,
    Update,
)
from pytracking.tracker.state import TrackerState
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
