"""MultiTracker: the same again, targets that come and go, what is refused, and hours of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from decisions import STEP, Decision, Seen, Watch, difference, first_difference
from engines import REFINED, engine_of
from torch import Tensor

import ltr.transfer
from ltr.errors import BoxError, ConfigError, FrameError, TrackingError
from ltr.images import Frame
from ltr.models.folding import InferenceNet
from ltr.settings import with_assignments
from pytracking import MultiTracker, Prediction, Tracker
from pytracking.api import load_engine
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box
from pytracking.tracker.snapshot import bytes_per_target, tensors_of
from pytracking.tracker.state import select

BOXES: dict[str, Box] = {
    "cat": tuple(DemoClip(0).boxes_xywh[0].tolist()),
    "table": (300.0, 60.0, 70.0, 50.0),
    "corner": (40.0, 200.0, 60.0, 90.0),
}
SMALL = ["search.crop_side=96"]


@pytest.fixture(scope="module")
def small(inference_net: Callable[[str], InferenceNet]) -> TrackerEngine:
    return engine_of(inference_net, "imagenet_mobile", SMALL)


@pytest.fixture(scope="module")
def refined(networks: Callable[[str], InferenceNet]) -> TrackerEngine:
    """With a box head, random samples and random boxes."""
    return engine_of(networks, "dimp18", [*SMALL, *REFINED])


def tracking(
    engine: TrackerEngine, clip: list[Frame], names: Sequence[str] = tuple(BOXES)
) -> MultiTracker:
    tracker = MultiTracker(engine)
    for name in names:
        tracker.add(clip[0], BOXES[name], name)
    return tracker


@pytest.mark.parametrize("margin", [4e-4, 4e-2])
def test_a_decision_that_falls_otherwise_is_found_with_its_margin(
    margin: float, small: TrackerEngine, clip: list[Frame]
) -> None:
    def seen(engine: TrackerEngine) -> list[Seen]:
        tracker, box, out = Tracker(engine, name="cat"), BOXES["cat"], []
        tracker.initialize(clip[0], box)
        for frame in clip[1:4]:
            tracker.observer = watch = Watch()
            prediction = tracker.track(frame)
            watch.sizes.append(Decision(1.0, np.inf))
            out += watch.seen([prediction], [box], engine.preset)
            box = prediction.box
        return out

    plain = seen(small)
    threshold = plain[0].prediction.score + margin
    other = seen(
        TrackerEngine(
            small.net,
            with_assignments(small.preset, [f"localization.uncertain_threshold={threshold!r}"]),
        )
    )
    found = first_difference(plain[0], other[0], 2, lambda step: np.inf)
    assert found is not None
    assert (found.what, found.alone, found.among) == ("status", "found", "uncertain")
    assert found.margin == pytest.approx(margin, abs=1e-6)
    assert str(found).startswith(
        "frame 2: status found alone, uncertain among others, margin 4.0e-0"
    )
    assert first_difference(plain[0], plain[0], 2, lambda step: np.inf) is None


# --- the same again


@pytest.mark.parametrize("kind", ["small", "refined"])
def test_same_seed_gives_equal_bits(
    kind: str, request: pytest.FixtureRequest, clip: list[Frame]
) -> None:
    engine: TrackerEngine = request.getfixturevalue(kind)

    def run(seed: int) -> tuple[list[dict[str, Prediction]], dict[str, Tensor]]:
        tracker = tracking(TrackerEngine(engine.net, engine.preset, seed), clip)
        predictions = [tracker.track(frame) for frame in clip[1:7]]
        return predictions, tensors_of(tracker.snapshot().state)

    (first, left), (again, right), (other, _) = run(3), run(3), run(4)
    assert first == again
    assert all(same_bits(left[name], right[name]) for name in left)
    assert (first != other) == (kind == "refined"), "only random draws depend on the seed"


def same_bits(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a.nan_to_num(nan=-77.0), b.nan_to_num(nan=-77.0))


@pytest.mark.parametrize("kind", ["small", "refined"])
def test_names_alone_fix_the_draws(
    kind: str, request: pytest.FixtureRequest, clip: list[Frame]
) -> None:
    """A target goes the same way whatever the order in which targets were added."""
    engine: TrackerEngine = request.getfixturevalue(kind)
    one, two = tracking(engine, clip), tracking(engine, clip, ("corner", "cat", "table"))
    for frame in clip[1:3]:
        left, right = one.track(frame), two.track(frame)
        for name in BOXES:
            assert difference(left[name].box, right[name].box) <= STEP


# --- coming and going


@pytest.mark.parametrize("kind", ["small", "refined"])
def test_coming_and_going_touches_no_other_target(
    kind: str, request: pytest.FixtureRequest, clip: list[Frame]
) -> None:
    engine: TrackerEngine = request.getfixturevalue(kind)
    tracker = tracking(engine, clip, ("cat", "table"))

    def compare(change: Callable[[], None], names: tuple[str, ...], frame: Frame) -> None:
        before, as_before = tracker.snapshot(), MultiTracker(engine)
        as_before.resume(before)
        change()
        assert tracker.names == names
        now = tensors_of(tracker.snapshot().state)
        for name in set(names) & set(before.state.names):
            row, old = names.index(name), before.state.names.index(name)
            assert all(
                same_bits(now[key][row], value[old])
                for key, value in tensors_of(before.state).items()
            )
            assert tracker.snapshot().state.frame_number[row] == before.state.frame_number[old]
        predictions, expected = tracker.track(frame), as_before.track(frame)
        assert tuple(predictions) == names
        for name in set(names) & set(expected):
            assert difference(predictions[name].box, expected[name].box) <= STEP
            assert predictions[name].status == expected[name].status

    tracker.track(clip[1])
    compare(
        lambda: tracker.add(clip[1], BOXES["corner"], "corner"), ("cat", "table", "corner"), clip[2]
    )
    compare(lambda: tracker.remove("table"), ("cat", "corner"), clip[3])
    compare(
        lambda: tracker.add(clip[3], BOXES["table"], "table"), ("cat", "corner", "table"), clip[4]
    )
    compare(lambda: tracker.remove("cat"), ("corner", "table"), clip[5])
    compare(lambda: tracker.remove("table"), ("corner",), clip[6])
    tracker.remove("corner")
    assert tracker.names == ()
    assert tracker.track(clip[7]) == {}


def test_a_target_that_comes_back_begins_anew(small: TrackerEngine, clip: list[Frame]) -> None:
    tracker, alone = tracking(small, clip), Tracker(small, name="cat")
    tracker.track(clip[1])
    tracker.remove("cat")
    tracker.add(clip[2], BOXES["cat"], "cat")
    assert tracker.names == ("table", "corner", "cat")
    alone.initialize(clip[2], BOXES["cat"])
    prediction, expected = tracker.track(clip[3])["cat"], alone.track(clip[3])
    assert difference(prediction.box, expected.box) <= STEP


def test_one_pass_of_the_trunk_for_all(
    small: TrackerEngine, clip: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, sizes, trunk = tracking(small, clip), [], small.net.trunk

    def counted(crops: Tensor) -> Any:
        sizes.append(len(crops))
        return trunk(crops)

    monkeypatch.setattr(small.net, "trunk", counted)
    tracker.track(clip[1])  # the second frame searches other sizes
    tracker.track(
        {"cat": clip[2], "table": clip[2][:300].copy(), "corner": clip[2][:, :500].copy()}
    )
    assert sizes == [9, 3]


def test_one_frame_for_all_or_one_for_each(small: TrackerEngine, clip: list[Frame]) -> None:
    together, each, lazy = (tracking(small, clip) for _ in range(3))

    class OnDemand(dict[str, Frame]):
        """A new array each time, as a mapping that reads from files gives."""

        def __getitem__(self, name: str) -> Frame:
            return super().__getitem__(name).copy()

    for frame in clip[1:4]:
        expected = together.track(frame)
        own = {name: frame.copy() for name in BOXES}
        assert each.track({**own, "nobody": frame}) == expected
        assert lazy.track(OnDemand(own)) == expected


# --- what is refused


def one_line(error: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_refused_names(small: TrackerEngine, clip: list[Frame]) -> None:
    tracker = tracking(small, clip, ("cat", "table"))
    with pytest.raises(BoxError) as error:
        tracker.add(clip[0], BOXES["corner"], "table")
    assert (
        one_line(error)
        == "a target 'table' is tracked already: give another name, or remove it first"
    )
    with pytest.raises(BoxError) as error:
        tracker.remove("corner")
    assert one_line(error) == "no target 'corner' is tracked: there are cat, table"
    with pytest.raises(BoxError) as error:
        MultiTracker(small).remove("cat")
    assert one_line(error) == "no target 'cat' is tracked: there are none"
    for name in ("", "two\nlines", "\x1b[31m", "\udcff", 7):
        for refuse in (
            lambda name=name: tracker.add(clip[0], BOXES["corner"], name),
            lambda n=name: Tracker(small, name=n),
        ):
            with pytest.raises(BoxError) as error:
                refuse()
            assert one_line(error) == f"a target cannot be named {name!r}: give printable text"
    with pytest.raises(TrackingError) as error:
        MultiTracker(small).snapshot()
    assert one_line(error) == "there is no target to take a snapshot of: add one first"
    assert tracker.names == ("cat", "table")


def test_refused_frames_and_boxes_lose_nothing(small: TrackerEngine, clip: list[Frame]) -> None:
    tracker, expected = tracking(small, clip), tracking(small, clip)
    good = {name: clip[1] for name in BOXES}
    for bad, said in (
        (None, "frame is None: the video has ended, or the image could not be read"),
        (
            {**good, "corner": None},
            "frame is None: the video has ended, or the image could not be read",
        ),
        (
            {**good, "corner": clip[1].astype(np.float32)},
            "frame has type float32: give uint8 values from 0 to 255",
        ),
        (
            {"cat": clip[1]},
            "there is no frame for target 'table': give one frame for all, or one for each",
        ),
        ({}, "there is no frame for target 'cat': give one frame for all, or one for each"),
    ):
        with pytest.raises(FrameError) as error:
            tracker.track(bad)
        assert one_line(error).startswith(said)
    for frame, box, kind in (
        (clip[0], (1, 2, 0, 4), BoxError),
        (clip[0], (5000, 2, 30, 40), BoxError),
        (clip[0], "box", BoxError),
        (None, BOXES["cat"], FrameError),
    ):
        with pytest.raises(kind) as error:
            tracker.add(frame, box, "new")
        one_line(error)
    assert tracker.names == tuple(BOXES)
    for frame in clip[1:4]:
        assert tracker.track(frame) == expected.track(frame)


def test_targets_that_do_not_fit_the_memory(
    small: TrackerEngine, clip: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker, each = tracking(small, clip, ("cat", "table")), bytes_per_target(small)
    state = tracker.snapshot().state
    assert each == sum(t.numel() * 4 for t in tensors_of(select(state, [0])).values()), (
        "what a target takes"
    )
    monkeypatch.setattr("pytracking.api.free_bytes", lambda device: 4 * each)
    tracker.add(clip[0], BOXES["corner"], "corner")
    with pytest.raises(ConfigError) as error:
        tracker.add(clip[0], BOXES["corner"], "more")
    assert one_line(error) == (
        f"4 targets do not fit into the memory of cpu: (4 + 1 while they are added) x {each / 1e6:.1f} MB = "
        f"{5 * each / 1e6:.0f} MB, and {4 * each / 1e6:.0f} MB are free; track fewer, or lower memory.size"
    )
    assert tracker.names == tuple(BOXES)
    snapshot, others = tracker.snapshot(), tracking(small, clip, ())
    monkeypatch.setattr("pytracking.api.free_bytes", lambda device: 3 * each)
    with pytest.raises(ConfigError, match="^3 targets do not fit into the memory of cpu: "):
        others.resume(snapshot)
    assert others.names == ()
    monkeypatch.setattr("pytracking.api.free_bytes", lambda device: each)
    with pytest.raises(ConfigError, match="^1 target does not fit into the memory of cpu: "):
        others.add(clip[0], BOXES["cat"], "cat")
    monkeypatch.setattr("pytracking.api.free_bytes", lambda device: None)
    others.add(clip[0], BOXES["cat"], "cat")
    assert others.names == ("cat",)


def test_what_files_take_in_a_container_counts_as_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container that has read many files is not full."""
    values = {
        "memory.max": "1000",
        "memory.current": "900",
        "memory.stat": "anon 300\ninactive_file 550\nactive_file 7\n",
    }
    for name, value in values.items():
        (tmp_path / name).write_text(value)
    monkeypatch.setattr(
        ltr.transfer, "Path", lambda text: Path(str(text).replace("/sys/fs/cgroup", str(tmp_path)))
    )
    assert ltr.transfer.free_bytes(torch.device("cpu")) == 650
    (tmp_path / "memory.current").write_text("2000")
    assert ltr.transfer.free_bytes(torch.device("cpu")) == 0
    (tmp_path / "memory.max").write_text("max")
    assert ltr.transfer.free_bytes(torch.device("cpu")) > 10**6


def test_a_preset_that_needs_a_head_that_the_network_lacks() -> None:
    for load in (Tracker.load, MultiTracker.load, load_engine):
        with pytest.raises(ConfigError) as error:
            load("imagenet18", preset="dimp18", device="cpu")
        assert one_line(error) == (
            "the preset refines boxes in the 'default' space, but the network has no box head: choose another network, "
            "or refinement.space=none"
        )


# --- for hours


@pytest.mark.slow
def test_memory_does_not_grow(
    inference_net: Callable[[str], InferenceNet], clip: list[Frame]
) -> None:
    engine = engine_of(inference_net, "imagenet_mobile", ["search.crop_side=64", "memory.size=20"])
    tracker, before = tracking(engine, clip, ("cat", "table")), 0.0
    for k in range(1, 5001):
        tracker.track(clip[k % len(clip)])
        if k % 100 == 50:  # one comes and goes
            tracker.add(clip[k % len(clip)], BOXES["corner"], "passing")
        if k % 100 == 0:
            tracker.remove("passing")
        if k == 300:
            before = resident()
    grown = resident() - before
    print(f"grew by {grown:.1f} MB between frames 300 and 5000")
    assert grown < 20


def resident() -> float:
    """MB of memory that this process holds."""
    line = next(
        row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1e3
