"""States whose numbers are finite and extreme: what a step would make nan of is refused, the rest is tracked."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from published_weights import filled_net
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ltr.crops import crop
from ltr.errors import TrackingError
from ltr.images import Frame
from ltr.models.folding import InferenceNet, fold
from ltr.published_windows import published_window
from ltr.settings import with_assignments
from pytracking import Tracker
from pytracking.sources.demo_clip import DemoClip
from pytracking.state_files import LIMITS
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.presets import preset_named

SMALL = ("search.crop_side=96", "memory.size=24", "update.interval=1")
SEARCHED = ("size.interval=1",)
REFINED = ("localization.not_found_threshold=-1e9",)


@pytest.fixture(scope="module")
def clip() -> list[Frame]:
    return [DemoClip(0).frame(k) for k in range(4)]


@pytest.fixture(scope="module")
def searched(inference_net: Callable[[str], InferenceNet]) -> TrackerEngine:
    preset = with_assignments(preset_named("imagenet_mobile"), (*SMALL, *SEARCHED))
    return TrackerEngine(inference_net("imagenet_mobile"), preset)


@pytest.fixture(scope="module", params=["searched", "dimp18", "prdimp18"])
def engine(request: pytest.FixtureRequest) -> TrackerEngine:
    if request.param == "searched":
        return request.getfixturevalue("searched")
    net = filled_net(request.param, request.getfixturevalue("shared") / "reference")
    preset = with_assignments(preset_named(request.param), (*SMALL, *REFINED))
    return TrackerEngine(fold(net), preset)


@pytest.fixture(scope="module")
def state(
    engine: TrackerEngine, clip: list[Frame], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return saved(engine, clip, tmp_path_factory.mktemp("state"))


def saved(engine: TrackerEngine, clip: list[Frame], folder: Path) -> Path:
    tracker = Tracker(engine)
    tracker.initialize(clip[0], tuple(DemoClip(0).boxes_xywh[0]))
    tracker.track(clip[1])
    tracker.save(folder / "cat.state")
    return folder / "cat.state"


def changed(state: Path, values: dict[str, float]) -> Path:
    """The state with all numbers of some tensors replaced."""
    tensors, path = load_file(state), state.with_name("changed.state")
    for name, value in values.items():
        tensors[name].fill_(value)
    with safe_open(state, framework="pt") as file:
        save_file(tensors, path, metadata=file.metadata())
    return path


@settings(max_examples=6, derandomize=True)
@example(values={k: ends[1] for k, ends in LIMITS.items()})
@example(values={k: ends[k in ("memory.samples", "memory.weights")] for k, ends in LIMITS.items()})
@example(values={"memory.maps": -30, "memory.samples": 30, "filters": -30, "modulation": -1e5})
@given(st.fixed_dictionaries({}, optional={k: st.sampled_from(ends) for k, ends in LIMITS.items()}))
def test_a_step_from_the_limits_is_finite(
    engine: TrackerEngine, clip: list[Frame], state: Path, values: dict[str, float]
) -> None:
    if values.get("memory.weights") == 0:  # none at all is refused
        values["memory.weights"] = 2
    tracker = Tracker(engine)
    tracker.resume(changed(state, values))
    for frame in clip[2:]:
        prediction = tracker.track(frame)
        numbers = (*prediction.box, prediction.score, *prediction.search_area)
        assert all(map(math.isfinite, numbers))
    assert tracker.snapshot().state.filters.isfinite().all()


@pytest.mark.parametrize("key", [key for key in LIMITS if key != "modulation"])
def test_numbers_beyond_the_limits(
    key: str, searched: TrackerEngine, clip: list[Frame], tmp_path: Path
) -> None:
    state, (least, most) = saved(searched, clip, tmp_path), LIMITS[key]
    for value in (1e38, 1.01 * most, least - 0.01 * abs(least) - 1e-6):
        path = changed(state, {key: value})
        with pytest.raises(TrackingError) as error:
            Tracker(searched).resume(path)
        assert str(error.value) == f"state {path} is damaged: {key!r} holds a number that cannot be"


def test_a_memory_without_weight(
    searched: TrackerEngine, clip: list[Frame], tmp_path: Path
) -> None:
    path = changed(saved(searched, clip, tmp_path), {"memory.weights": 0})
    with pytest.raises(TrackingError) as error:
        Tracker(searched).resume(path)
    assert str(error.value) == f"state {path} is damaged: 'memory.weights' are all zero"


def test_a_window_beyond_all_frames(clip: list[Frame]) -> None:
    """Larger than its grid's stride lets it see: the crop repeats a pixel of the border."""
    centre, frame_hw = torch.tensor([[-5.0, -5.0]]), torch.tensor([[360.0, 640.0]])
    window = published_window(centre, torch.tensor([[5e5, 5e5]]), (96, 96), frame_hw)
    seen = crop([torch.from_numpy(clip[0])], window)
    assert seen.amin() >= 0
    assert seen.amax() <= 255
