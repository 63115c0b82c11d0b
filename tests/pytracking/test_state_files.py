"""Snapshots, in memory and in files: what is gone back to goes on bit by bit; what is damaged or of another tracker is
refused with one line, and nothing in a file is executed."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from published_weights import filled_net
from torch import Tensor

from ltr.errors import BoxError, ConfigError, ResultError, TrackingError
from ltr.images import Frame
from ltr.models.folding import InferenceNet, fold
from ltr.settings import with_assignments
from pytracking import MultiTracker, Prediction, Tracker
from pytracking.api import Snapshot
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box
from pytracking.tracker.presets import preset_named
from pytracking.tracker.snapshot import shapes_of, tensors_of

BOXES: dict[str, Box] = {
    "cat": tuple(DemoClip(0).boxes_xywh[0].tolist()),
    "table": (300.0, 60.0, 70.0, 50.0),
}
SMALL = ("search.crop_side=96", "memory.size=24", "update.interval=2")
REFINED = ("localization.not_found_threshold=-1e9", "update.hard_negative_iterations=2")
ENDS = {"in memory": lambda snapshot, path: snapshot, "in a file": lambda snapshot, path: path}


@pytest.fixture(scope="module")
def clip() -> list[Frame]:
    return [DemoClip(0).frame(k) for k in range(10)]


@pytest.fixture(scope="module")
def small(inference_net: Callable[[str], InferenceNet]) -> TrackerEngine:
    return TrackerEngine(
        inference_net("imagenet_mobile"),
        with_assignments(preset_named("imagenet_mobile"), SMALL),
        seed=5,
    )


@pytest.fixture(scope="module")
def refined(shared: Path) -> TrackerEngine:
    """With a box head, random samples and random boxes; the weights are the reference's."""
    net = filled_net("dimp18", shared / "reference")
    return TrackerEngine(
        fold(net), with_assignments(preset_named("dimp18"), [*SMALL, *REFINED]), seed=5
    )


@pytest.fixture(params=["small", "refined"])
def engine(request: pytest.FixtureRequest) -> TrackerEngine:
    return request.getfixturevalue(request.param)


def tracker_of(engine: TrackerEngine, clip: list[Frame], tracked: int = 3) -> Tracker:
    tracker = Tracker(engine, name="cat")
    tracker.initialize(clip[0], BOXES["cat"])
    for frame in clip[1 : 1 + tracked]:
        tracker.track(frame)
    return tracker


def multi_of(engine: TrackerEngine, clip: list[Frame], tracked: int = 3) -> MultiTracker:
    tracker = MultiTracker(engine)
    for name, box in BOXES.items():
        tracker.add(clip[0], box, name)
    for frame in clip[1 : 1 + tracked]:
        tracker.track(frame)
    return tracker


def bits(snapshot: Snapshot) -> tuple[Any, ...]:
    """All of a snapshot, comparable."""
    tensors = {
        name: (t.shape, t.numpy().tobytes()) for name, t in tensors_of(snapshot.state).items()
    }
    return (
        snapshot.state.names,
        snapshot.state.frame_number,
        snapshot.network,
        snapshot.preset,
        snapshot.seed,
        tensors,
    )


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


# --- damaged files


@pytest.fixture(scope="module")
def sound(
    small: TrackerEngine, clip: list[Frame], tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    path = tmp_path_factory.mktemp("state") / "cat.state"
    multi_of(small, clip).save(path)
    return path.read_bytes()


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header: Mapping[str, Any], body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def with_tensors(data: bytes, change: Callable[[dict[str, Tensor]], Any]) -> bytes:
    from safetensors.torch import load, save

    tensors = load(data)
    change(tensors)
    return save(tensors, metadata=parts(data)[0]["__metadata__"])


def with_facts(data: bytes, **changed: Any) -> bytes:
    header, body = parts(data)
    facts = json.loads(header["__metadata__"]["facts"])
    for name, value in changed.items():
        facts.pop(name) if value is ... else facts.update({name: value})
    header["__metadata__"]["facts"] = json.dumps(facts)
    return joined(header, body)


def with_setting(data: bytes, group: str, name: str, value: Any) -> bytes:
    facts = json.loads(parts(data)[0]["__metadata__"]["facts"])
    return with_facts(
        data, preset={**facts["preset"], group: {**facts["preset"][group], name: value}}
    )


def with_metadata(data: bytes, metadata: Any) -> bytes:
    header, body = parts(data)
    return joined({**header, "__metadata__": metadata}, body)


def filled(name: str, value: float) -> Callable[[bytes], bytes]:
    return lambda data: with_tensors(data, lambda tensors: tensors[name].view(-1)[-1:].fill_(value))


def replaced(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[bytes], bytes]:
    return lambda data: with_tensors(
        data, lambda tensors: tensors.update({name: change(tensors[name]).contiguous()})
    )


HEADER = "state PATH is damaged: Error while deserializing header"
NUMBER = " holds a number that cannot be"
NAMES = "state PATH is damaged: its names or frame numbers do not fit"
DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda d: b"", HEADER),
    "cut in the length": (lambda d: d[:5], HEADER),
    "cut in the header": (lambda d: d[:200], HEADER),
    "cut in the tensors": (lambda d: d[:-1], HEADER),
    "longer": (lambda d: d + b"\0", HEADER),
    "text": (lambda d: b"cat,1,2,3,4\n" * 50, HEADER),
    "pickle": (lambda d: b"\x80\x04cos\nsystem\n(S'touch EVIL'\ntR.", HEADER),
    "a header without end": (lambda d: struct.pack("<Q", 2**63 - 1) + d[8:], HEADER),
    "a header that is no JSON": (lambda d: struct.pack("<Q", 9) + b'{"a": \n\n}' + d, HEADER),
    "a header nested without end": (lambda d: struct.pack("<Q", 10**5) + b"[" * 10**5, HEADER),
    "offsets that overlap": (
        lambda d: joined({**parts(d)[0], "centre_yx": parts(d)[0]["size_hw"]}, parts(d)[1]),
        HEADER,
    ),
    "another format": (
        lambda d: with_metadata(d, {"format": "other"}),
        "PATH is not a state of a tracker: was it written by Tracker.save?",
    ),
    "no metadata": (
        lambda d: joined(
            {k: v for k, v in parts(d)[0].items() if k != "__metadata__"}, parts(d)[1]
        ),
        "PATH is not a state of a tracker: was it written by Tracker.save?",
    ),
    "no facts": (
        lambda d: with_metadata(d, {"format": "pytracking.state.3"}),
        "state PATH is damaged: 'facts'",
    ),
    "facts that are no JSON": (
        lambda d: with_metadata(d, {"format": "pytracking.state.3", "facts": "{\n"}),
        "state PATH is damaged: Expecting ",
    ),
    "facts that are a list": (
        lambda d: with_metadata(d, {"format": "pytracking.state.3", "facts": "[]"}),
        "state PATH is damaged: list indices",
    ),
    "facts nested without end": (
        lambda d: with_metadata(d, {"format": "pytracking.state.3", "facts": "[" * 10**5}),
        "state PATH is damaged: ",
    ),
    "no seed": (lambda d: with_facts(d, seed=...), "state PATH is damaged: 'seed'"),
    "no preset": (lambda d: with_facts(d, preset=...), "state PATH is damaged: 'preset'"),
    "a preset that is text": (
        lambda d: with_facts(d, preset="imagenet18"),
        "state PATH is damaged: ",
    ),
    "an unknown setting": (
        lambda d: with_setting(d, "search", "a\nb", 3),
        "state PATH is damaged: unknown setting 'search.a\\nb' in state PATH: ",
    ),
    "a setting of another type": (
        lambda d: with_setting(d, "search", "area", "rm -rf"),
        "state PATH is damaged: setting 'search.area' takes a number, not 'rm -rf' in state PATH",
    ),
    "a setting beyond its limits": (
        lambda d: with_setting(d, "memory", "size", 10**9),
        "state PATH is damaged: setting 'memory.size' takes 2 to 10000 samples, not 1e+09 in state PATH",
    ),
    "endless frames": (
        lambda d: with_facts(d, frame_number=[4, float("inf")]),
        "state PATH is damaged: cannot convert",
    ),
    "frame 0": (lambda d: with_facts(d, frame_number=[4, 0]), NAMES),
    "found in the future": (lambda d: with_facts(d, frames_lost=[0, -1]), NAMES),
    "fewer frames": (lambda d: with_facts(d, frame_number=[4]), NAMES),
    "no names": (lambda d: with_facts(d, names=[], frame_number=[], frames_lost=[]), NAMES),
    "one name twice": (lambda d: with_facts(d, names=["cat", "cat"]), NAMES),
    "a name of two lines": (lambda d: with_facts(d, names=["cat", "ta\nble"]), NAMES),
    "a name that steers a terminal, of another network": (
        lambda d: with_facts(d, names=["cat", "\x1b[2J"], network="0"),
        NAMES,
    ),
    "more names": (
        lambda d: with_facts(
            d, names=["cat", "table", "more"], frame_number=[1] * 3, frames_lost=[0] * 3
        ),
        "state PATH is damaged: 'centre_yx' does not fit",
    ),
    "a tensor less": (
        lambda d: with_tensors(d, lambda t: t.pop("memory.weights")),
        "state PATH is damaged: 'memory.weights' does not fit",
    ),
    "a tensor less, of another network": (
        lambda d: with_facts(with_tensors(d, lambda t: t.pop("memory.weights")), network="0"),
        "state PATH is damaged: ",
    ),
    "a tensor more": (
        lambda d: with_tensors(d, lambda t: t.update({"x\n" * 99: torch.zeros(2)})),
        "state PATH is damaged: 'x\\nx\\n",
    ),
    "a tensor more, of another network": (
        lambda d: with_facts(
            with_tensors(d, lambda t: t.update({"x\n" * 999: torch.zeros(2)})), network="0"
        ),
        "state PATH is damaged: ",
    ),
    "a row less": (
        replaced("filters", lambda t: t[:1]),
        "state PATH is damaged: 'filters' does not fit",
    ),
    "other axes": (
        replaced("memory.samples", lambda t: t.movedim(-1, 2)),
        "state PATH is damaged: 'memory.samples' does not fit",
    ),
    "a slot less": (
        replaced("memory.maps", lambda t: t[:, 1:]),
        "state PATH is damaged: 'memory.maps' does not fit",
    ),
    "halves": (
        replaced("filters", lambda t: t.half()),
        "state PATH is damaged: 'filters' does not fit",
    ),
    "doubles": (
        replaced("centre_yx", lambda t: t.double()),
        "state PATH is damaged: 'centre_yx' does not fit",
    ),
    "counts that are floats": (
        replaced("memory.count", lambda t: t.float()),
        "state PATH is damaged: 'memory.count' does not fit",
    ),
    "a slot beyond the memory": (
        filled("memory.previous", 24),
        f"state PATH is damaged: 'memory.previous'{NUMBER}",
    ),
    "a slot before the memory": (
        filled("memory.previous", -2),
        f"state PATH is damaged: 'memory.previous'{NUMBER}",
    ),
    "a count below zero": (
        filled("memory.count", -5),
        f"state PATH is damaged: 'memory.count'{NUMBER}",
    ),
    "a target nowhere": (
        filled("centre_yx", float("nan")),
        f"state PATH is damaged: 'centre_yx'{NUMBER}",
    ),
    "a refined place nowhere": (
        filled("refined_yx", float("inf")),
        f"state PATH is damaged: 'refined_yx'{NUMBER}",
    ),
    "a target without size": (filled("size_hw", 0), f"state PATH is damaged: 'size_hw'{NUMBER}"),
    "a scale below zero": (filled("scale", -1), f"state PATH is damaged: 'scale'{NUMBER}"),
    "samples beyond all numbers": (
        filled("memory.samples", float("inf")),
        f"state PATH is damaged: 'memory.samples'{NUMBER}",
    ),
}


@pytest.fixture(scope="module")
def refused(small: TrackerEngine, clip: list[Frame]) -> Callable[[Path], str]:
    """The line that a file is refused with; what was tracked goes on."""
    tracker = tracker_of(small, clip, 1)
    kept, expected = tracker.snapshot(), tracker.track(clip[2])

    def line(path: Path) -> str:
        tracker.resume(kept)
        with pytest.raises(TrackingError) as error:
            tracker.resume(path)
        assert tracker.track(clip[2]) == expected
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 300 + 2 * len(str(path))
        return str(error.value)

    return line


@pytest.mark.parametrize("how", DAMAGED)
def test_damaged_files(
    how: str,
    sound: bytes,
    refused: Callable[[Path], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    damage, said = DAMAGED[how]
    path = tmp_path / "a"
    path.write_bytes(damage(sound))
    assert refused(path).startswith(said.replace("PATH", str(path)))
    assert [p.name for p in tmp_path.iterdir()] == ["a"], "nothing was executed"


def test_the_sound_file_is_sound(
    sound: bytes, small: TrackerEngine, clip: list[Frame], tmp_path: Path
) -> None:
    """What the damages above are made of: taken apart and joined again it is read."""
    header, body = parts(sound)
    for data in (
        sound,
        joined(header, body),
        with_facts(sound),
        with_tensors(sound, lambda tensors: None),
    ):
        (tmp_path / "a").write_bytes(data)
        tracker = MultiTracker(small)
        tracker.resume(tmp_path / "a")
        assert tracker.track(clip[4]) == multi_of(small, clip).track(clip[4])
    assert set(header) == {"__metadata__", *shapes_of(small, 2)}


def test_files_that_cannot_be_read(refused: Callable[[Path], str], tmp_path: Path) -> None:
    path = tmp_path / "none"
    assert refused(path) == f"cannot read state {path}: No such file or directory"
    assert refused(tmp_path) == f"cannot read state {tmp_path}: Is a directory"
    network = Path(__file__).parents[2] / "checkpoints" / "imagenet_mobile.safetensors"
    said = f"{network} is not a state of a tracker: was it written by Tracker.save?"
    assert refused(network) == said


def test_what_cannot_be_written(
    small: TrackerEngine,
    clip: list[Frame],
    tmp_path: Path,
    file_size_limit: Callable[[int], None],
) -> None:
    tracker = tracker_of(small, clip, 1)
    os.mkfifo(tmp_path / "pipe")
    for path, why in (
        (tmp_path / "no" / "a", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (Path("/dev/null"), "it is a device, give the name of a file"),
        (tmp_path / "pipe", "it is a pipe, give the name of a file"),
    ):
        with pytest.raises(ResultError) as error:
            tracker.save(path)
        assert str(error.value) == f"cannot write state {path}: {why}"
    (tmp_path / "pipe").unlink()
    former = tmp_path / "a"
    tracker.save(former)
    before = former.read_bytes()

    file_size_limit(len(before) - 100)
    tracker.track(clip[2])
    with pytest.raises(ResultError) as error:
        tracker.save(former)
    assert str(error.value) == f"cannot write state {former}: File too large"
    assert former.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_the_file_says_what_it_is(sound: bytes, small: TrackerEngine) -> None:
    header, _ = parts(sound)
    facts = json.loads(header["__metadata__"]["facts"])
    assert header["__metadata__"]["format"] == "pytracking.state.3"
    assert facts["names"] == ["cat", "table"]
    assert (facts["seed"], facts["frame_number"], facts["frames_lost"]) == (5, [4, 4], [0, 0])
    assert facts["preset"]["search"]["crop_side"] == 96
    assert facts["network"] == small.net.fingerprint


def test_predictions_are_plain_numbers(small: TrackerEngine, clip: list[Frame]) -> None:
    """What `==` above compares is all of a prediction."""
    prediction = tracker_of(small, clip).track(clip[4])
    assert isinstance(prediction, Prediction)
    assert all(
        type(value) is float
        for value in (*prediction.box, *prediction.search_area, prediction.score)
    )
