"""Files of states that are damaged, cannot be read or cannot be written: one line, and nothing in a file is
executed."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from state_trackers import multi_of, small_engine, tracker_of
from torch import Tensor

from ltr.errors import ResultError, TrackingError
from ltr.images import Frame
from ltr.models.folding import InferenceNet
from pytracking import MultiTracker
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.snapshot import shapes_of


@pytest.fixture(scope="module")
def small(inference_net: Callable[[str], InferenceNet]) -> TrackerEngine:
    return small_engine(inference_net)


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
