"""Snapshots, in memory and in files: what is gone back to goes on bit by bit, and what is of another tracker is
refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from state_trackers import BOXES, SMALL, bits, multi_of, small_engine, tracker_of

from ltr.errors import BoxError, ConfigError, TrackingError
from ltr.images import Frame
from ltr.models.folding import InferenceNet
from ltr.settings import with_assignments
from pytracking import MultiTracker, Prediction, Tracker
from pytracking.api import Snapshot
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.presets import preset_named

REFINED = ("localization.not_found_threshold=-1e9", "update.hard_negative_iterations=2")
ENDS = {"in memory": lambda snapshot, path: snapshot, "in a file": lambda snapshot, path: path}


@pytest.fixture(scope="module")
def small(inference_net: Callable[[str], InferenceNet]) -> TrackerEngine:
    return small_engine(inference_net)


@pytest.fixture(scope="module")
def refined(networks: Callable[[str], InferenceNet]) -> TrackerEngine:
    """With a box head, random samples and random boxes; the weights are the reference's."""
    preset = with_assignments(preset_named("dimp18"), [*SMALL, *REFINED])
    return TrackerEngine(networks("dimp18"), preset, seed=5)


@pytest.fixture(params=["small", "refined"])
def engine(request: pytest.FixtureRequest) -> TrackerEngine:
    return request.getfixturevalue(request.param)


# --- going on


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("kind", [tracker_of, multi_of])
def test_what_is_restored_goes_on_bit_by_bit(
    kind: Callable[..., Any], end: str, engine: TrackerEngine, clip: list[Frame], tmp_path: Path
) -> None:
    tracker, path = kind(engine, clip), tmp_path / "cat.state"
    tracker.save(path)
    snapshot = tracker.snapshot()
    before = bits(snapshot)
    expected = [tracker.track(frame) for frame in clip[4:8]]
    after = bits(tracker.snapshot())
    assert before != after
    assert bits(snapshot) == before, "steps leave a snapshot alone"
    kept = ENDS[end](snapshot, path)
    for _ in range(2):  # as often as one likes
        other = type(tracker)(engine)
        other.resume(kept)
        assert bits(other.snapshot()) == before
        assert [other.track(frame) for frame in clip[4:8]] == expected
        assert bits(other.snapshot()) == after, "draws, memory and filters too"
    assert bits(snapshot) == before
    if isinstance(tracker, Tracker):  # in mid-video, also where it came from
        tracker.resume(kept)
        assert tracker.name == "cat"
        assert [tracker.track(frame) for frame in clip[4:8]] == expected
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cat.state"]


def test_a_file_goes_on_in_a_tracker_that_is_loaded_anew(clip: list[Frame], tmp_path: Path) -> None:
    """As another process would: by the network's name, with its own preset, whose numbers pass through JSON."""
    tracker = Tracker.load("imagenet_mobile", device="cpu", seed=9, name="cat")
    tracker.initialize(clip[0], BOXES["cat"])
    tracker.save(tmp_path / "a")
    other = Tracker.load("imagenet_mobile", device="cpu", seed=9)
    other.resume(tmp_path / "a")
    assert other.name == "cat"
    assert other.track(clip[1]) == tracker.track(clip[1])


@pytest.mark.parametrize("preset", ["dimp18", "dimp18_vot18", "prdimp50", "dimp50_vot19"])
def test_published_presets_pass_through_a_file(
    preset: str, refined: TrackerEngine, clip: list[Frame], tmp_path: Path
) -> None:
    values = with_assignments(
        preset_named(preset), ["search.crop_side=96", "first_frame.iterations=1"]
    )
    engine = TrackerEngine(refined.net, values)
    tracker = tracker_of(engine, clip, 0)
    tracker.save(tmp_path / "a")
    tracker.resume(os.fspath(tmp_path / "a"))
    tracker.track(clip[1])


def test_targets_of_a_snapshot_join_those_that_are_there(
    small: TrackerEngine, clip: list[Frame]
) -> None:
    snapshot, there, alone = (
        tracker_of(small, clip).snapshot(),
        MultiTracker(small),
        MultiTracker(small),
    )
    there.add(clip[3], BOXES["table"], "table")
    alone.add(clip[3], BOXES["table"], "table")
    there.resume(snapshot)
    assert there.names == ("table", "cat")
    assert there.snapshot().state.frame_number == (1, 4), "each goes on at its own frame"
    with pytest.raises(BoxError) as error:
        there.resume(snapshot)
    assert str(error.value) == "a target 'cat' is tracked already: remove it first"
    prediction = there.track(clip[4])
    np.testing.assert_allclose(
        prediction["table"].box, alone.track(clip[4])["table"].box, atol=0.01, rtol=0
    )
    there.remove("cat")
    there.resume(snapshot)
    assert there.names == ("table", "cat")


def test_a_tracker_of_one_takes_no_state_of_two(small: TrackerEngine, clip: list[Frame]) -> None:
    tracker = tracker_of(small, clip)
    expected = tracker_of(small, clip).track(clip[4])
    with pytest.raises(ConfigError) as error:
        tracker.resume(multi_of(small, clip).snapshot())
    assert str(error.value) == "the state holds 2 targets: resume it with a MultiTracker"
    assert tracker.track(clip[4]) == expected, "what was tracked goes on"
    with pytest.raises(TrackingError, match="^snapshot was called before initialize: "):
        Tracker(small).snapshot()


# --- of another tracker


def refusal(engine: TrackerEngine, kept: Snapshot | Path) -> str:
    with pytest.raises(ConfigError) as error:
        MultiTracker(engine).resume(kept)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("end", ENDS)
def test_states_of_another_network_preset_or_seed(
    end: str,
    small: TrackerEngine,
    inference_net: Callable[[str], InferenceNet],
    clip: list[Frame],
    tmp_path: Path,
) -> None:
    tracker, net, preset = multi_of(small, clip, 1), small.net, small.preset
    tracker.save(tmp_path / "a")
    kept = ENDS[end](tracker.snapshot(), tmp_path / "a")
    other = TrackerEngine(inference_net("imagenet18"), preset, 5)
    assert refusal(other, kept) == (
        "the state of cat, table is of another network: load the tracker with the one that made it"
    )
    other = TrackerEngine(
        net, with_assignments(preset, ["size.interval=4", "update.iterations=7"]), 5
    )
    assert (
        refusal(other, kept)
        == "the state of cat, table is of another preset: size.interval was 2, here it is 4"
    )
    other = TrackerEngine(net, with_assignments(preset, ["first_frame.shifts=[[0.6, 0]]"]), 5)
    assert refusal(other, kept).endswith(", [-0.3, -0.3]], here it is [[0.6, 0.0]]")
    assert "is of another preset: first_frame.shifts was [[0.6" in refusal(other, kept)
    assert (
        refusal(TrackerEngine(net, preset, 6), kept)
        == "the state of cat, table is of seed 5, here it is 6"
    )
    larger = TrackerEngine(net, with_assignments(preset, ["search.crop_side=112"]), 5)
    assert refusal(larger, kept) == (
        "the state of cat, table is of another preset: search.crop_side was 96, here it is 112"
    )


def test_a_state_of_many_targets_is_refused_in_a_short_line(
    small: TrackerEngine, clip: list[Frame]
) -> None:
    tracker = MultiTracker(small)
    for k in range(7):
        tracker.add(clip[0], BOXES["cat"], f"n{k}")
    said = refusal(TrackerEngine(small.net, small.preset, 6), tracker.snapshot())
    assert said == "the state of n0, n1, n2, n3, n4, ... is of seed 5, here it is 6"


def test_predictions_are_plain_numbers(small: TrackerEngine, clip: list[Frame]) -> None:
    """What `==` above compares is all of a prediction."""
    prediction = tracker_of(small, clip).track(clip[4])
    assert isinstance(prediction, Prediction)
    assert all(
        type(value) is float
        for value in (*prediction.box, *prediction.search_area, prediction.score)
    )
