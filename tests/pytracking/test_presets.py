"""Presets: those of the published trackers against the table of facts/dimp.md 3.11, and what cannot be combined."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any

import pytest
import torch

from ltr.errors import ConfigError
from ltr.settings import with_assignments
from pytracking.tracker.first_frame import first_view
from pytracking.tracker.preset_settings import Refinement, Search
from pytracking.tracker.presets import PRESETS

TWELVE = (5, -5, 10, -10, 20, -20, 30, -30, 45, -45, -60, 60)
VOT18: dict[str, Any] = {
    "search.crop_side": 224,
    "search.area": 4,
    "search.border": "replicate",
    "memory.size": 250,
    "memory.learning_rate": 0.0075,
    "memory.hard_negative_rate": 0.02,
    "memory.first_samples_weight": 0,
    "update.interval": 10,
    "update.iterations": 3,
    "update.hard_negative_iterations": 3,
    "first_frame.iterations": 25,
    "first_frame.expansion": 2,
    "first_frame.rotations": TWELVE,
    "first_frame.blurs": ((2, 0.2), (0.2, 2), (3, 1), (1, 3), (2, 2)),
    "first_frame.dropout_copies": 7,
    "first_frame.dropout": 0.2,
    "first_frame.count": 30,
    "first_frame.random_shift": 1 / 3,
    "localization.hann_window": True,
    "localization.raw_scores": False,
    "localization.not_found_threshold": 0,
    "localization.distractor_threshold": 100,
    "localization.hard_negative_threshold": 0.45,
    "localization.neighbourhood": 2.2,
    "localization.displacement": 0.7,
    "refinement.space": "default",
    "refinement.iterations": 5,
    "refinement.step": (1, 1),
    "refinement.step_decay": 1,
    "refinement.random_boxes": 9,
    "refinement.average": 3,
    "refinement.max_aspect": 6,
}
VOT19 = {
    **VOT18,
    "search.crop_side": 256,
    "search.area": 4.5,
    "memory.size": 100,
    "update.iterations": 2,
    "update.hard_negative_iterations": 2,
    "first_frame.iterations": 15,
    "first_frame.expansion": 1.4,
    "first_frame.shifts": ((0.6, 0.6), (-0.6, -0.6)),
    "first_frame.rotations": (-5, 10, -30, 60),
    "first_frame.blurs": ((2, 0.2), (1, 3)),
    "first_frame.dropout_copies": 3,
    "first_frame.count": 13,
    "refinement.iterations": 3,
}
PRDIMP50_VOT18 = {
    **VOT18,
    "memory.learning_rate": 0.01,
    "update.interval": 1,
    "update.iterations": 1,
    "update.hard_negative_iterations": 1,
    "localization.raw_scores": True,
    "localization.distractor_threshold": 99999,
    "localization.hard_negative_threshold": 999999,
    "refinement.space": "relative",
    "refinement.iterations": 10,
    "refinement.step": (2.5e-3, 2.5e-3),
}
TABLE = {
    "dimp18_vot18": VOT18,
    "dimp50_vot18": VOT18,
    "dimp50_vot19": VOT19,
    "prdimp50_vot18": PRDIMP50_VOT18,
}
"""The others are compared with the settings in the reference's trajectories."""


@pytest.mark.parametrize("name", TABLE)
def test_vot_presets(name: str) -> None:
    preset = PRESETS[name]
    assert {key: reduce(getattr, key.split("."), preset) for key in TABLE[name]} == TABLE[name]


OURS = ("imagenet18", "imagenet_mobile", "nce_plus18", "nce_plus_mobile", "proposals18")


@pytest.mark.parametrize("name", ["nce_plus18", "nce_plus_mobile", "proposals18"])
def test_the_search_does_not_hang_on_our_box_heads(name: str) -> None:
    """All else is as in the presets without a box head, so that what is searched is the same."""
    preset = PRESETS[name]
    assert not preset.refinement.search_follows
    assert replace(preset, refinement=Refinement()) == PRESETS["imagenet_mobile"]


@pytest.mark.parametrize("name", PRESETS)
def test_quirks_are_on_in_published_presets_alone(name: str) -> None:
    preset, on = PRESETS[name], name not in OURS
    assert preset.refinement.half_pixel_shift == on
    assert preset.refinement.stale_place == on
    assert preset.update.only_trusted == on
    assert preset.search.crop_window == ("integer" if on else "exact")


def test_the_exact_window_has_no_other_border() -> None:
    with pytest.raises(ConfigError, match="search.border"):
        with_assignments(PRESETS["imagenet18"], ["search.border=inside"])


@pytest.mark.parametrize("seed", range(20))
def test_the_view_inside_the_frame_follows_the_published_formula(seed: int) -> None:
    """facts/dimp.md 3.3, step 1, written out for one target."""
    generator = torch.Generator().manual_seed(seed)
    height, width = (int(n) for n in torch.randint(100, 500, (2,), generator=generator))
    y, x = (torch.rand(2, generator=generator) * torch.tensor([height, width])).tolist()
    scale, side = 0.3 + 2 * torch.rand((), generator=generator).item(), 288
    sample = scale * side
    shrink = min(max(max(sample / height, sample / width), 1), 1.5)
    sample /= shrink
    init_scale = sample / side
    shifts = []
    for at, size in ((y, height), (x, width)):
        low, high = at - (sample - 1) / 2, at + sample / 2 + 1
        shifts.append(-(max(-low, 0) - max(high - size, 0)) / init_scale)
    search = Search(crop_window="integer", border="inside", max_scale_change=1.5)
    view = first_view(torch.tensor([[y, x]]), torch.tensor([scale]), (height, width), search)
    assert view.shift_yx == pytest.approx(shifts, abs=1e-3)
    assert view.scale.item() == pytest.approx(init_scale, rel=1e-6)
    assert view.centre_yx.tolist() == [[round(y), round(x)]]
    for other in ("replicate", "inside_major"):
        kept = first_view(
            torch.tensor([[y, x]]),
            torch.tensor([scale]),
            (height, width),
            Search(crop_window="integer", border=other),
        )  # type: ignore[arg-type]
        assert kept.shift_yx == (0, 0)
        assert kept.scale.item() == pytest.approx(scale)
