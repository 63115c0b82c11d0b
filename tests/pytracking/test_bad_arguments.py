"""What a program may hand to the trackers by mistake: one line of the right class, before anything is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ltr.errors import BoxError, ConfigError, FrameError, ResultError, TrackingError
from ltr.transfer import choose_device
from pytracking import MultiTracker, Tracker
from pytracking.api import load_engine
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine

FRAME = DemoClip(0).frame(0)
BOX = tuple(DemoClip(0).boxes_xywh[0])


@pytest.fixture(scope="module")
def engine() -> TrackerEngine:
    return load_engine("imagenet_mobile", device=None)


def refusal(
    kind: type[TrackingError], call: Callable[..., Any], *arguments: Any, **named: Any
) -> str:
    with pytest.raises(kind) as error:
        call(*arguments, **named)
    assert type(error.value) is kind
    assert "\n" not in str(error.value)
    return str(error.value)


SEEDS = {
    "a": "'a'",
    1.5: "1.5",
    -1: "-1",
    None: "None",
    (0,): "(0,)",
    2**63: "out of range",
    -(10**9999): "out of range",
}


@pytest.mark.parametrize("seed", [*SEEDS, True], ids=[*SEEDS.values(), "True"])
def test_seeds(seed: Any, engine: TrackerEngine) -> None:
    shown = "True" if seed is True else SEEDS[seed]
    expected = f"seed is {shown}: give a whole number from 0 to 2^63 - 1"
    assert refusal(ConfigError, Tracker.load, "imagenet_mobile", seed=seed) == expected
    assert refusal(ConfigError, TrackerEngine, engine.net, engine.preset, seed) == expected


def test_seeds_of_other_types(engine: TrackerEngine) -> None:
    """As plain numbers, for they stand in files of states."""
    for seed in (np.int64(7), torch.tensor(7), np.uint8(7)):
        assert type(TrackerEngine(engine.net, engine.preset, seed).seed) is int


@pytest.mark.parametrize("network", [None, 3, b"imagenet_mobile", ["imagenet_mobile"]])
def test_networks(network: Any) -> None:
    expected = f"network is {network!r}: give a name, or a path as text"
    assert refusal(ConfigError, Tracker.load, network) == expected


@pytest.mark.parametrize("preset", [3, b"imagenet18", {"search": {}}])
def test_presets(preset: Any) -> None:
    expected = f"preset is {preset!r}: give a name or a TrackerPreset"
    assert refusal(ConfigError, MultiTracker.load, "imagenet_mobile", preset) == expected


def test_devices() -> None:
    assert choose_device(None) == choose_device("auto")
    assert choose_device(torch.device("cpu")) == torch.device("cpu")
    for device in (["cpu"], "gpu", 1.5):
        expected = f"unknown device {str(device)!r}: give auto, cpu, cuda or cuda:N"
        assert refusal(ConfigError, choose_device, device) == expected
    expected = "device 'meta' is not supported: give auto, cpu, cuda or cuda:N"
    assert refusal(ConfigError, choose_device, torch.device("meta")) == expected


def test_colours_and_names(engine: TrackerEngine) -> None:
    for color in (None, 3, ["rgb"]):
        expected = f"color is {color!r}: give 'rgb' or 'bgr'"
        assert refusal(ConfigError, Tracker, engine, color) == expected
        assert refusal(ConfigError, MultiTracker, engine, color) == expected
    for name in (3, None, b"cat", "", "a\nb", "\udcff"):
        expected = f"a target cannot be named {name!r}: give printable text"
        assert refusal(BoxError, Tracker, engine, name=name) == expected
        assert refusal(BoxError, MultiTracker(engine).add, FRAME, BOX, name) == expected


@pytest.mark.parametrize("path", [None, 3, b"/tmp/a", "a\0b"])
def test_paths_of_states(path: Any, engine: TrackerEngine) -> None:
    tracker = Tracker(engine)
    tracker.initialize(FRAME, BOX)
    expected = f"{path!r} is no path of a state: give text or a pathlib.Path"
    assert refusal(ResultError, tracker.save, path) == expected
    assert refusal(TrackingError, tracker.resume, path) == expected


def test_states_that_are_no_files(engine: TrackerEngine, tmp_path: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path, why in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device")):
        expected = f"cannot read state {path}: it is {why}, give the name of a file"
        assert refusal(TrackingError, Tracker(engine).resume, path) == expected


def test_boxes_as_text_lose_nothing(engine: TrackerEngine) -> None:
    tracker = Tracker(engine)
    tracker.initialize(FRAME, BOX)
    before = tracker.snapshot().state.centre_yx
    expected = "box '1,2,3,4' is not four numbers x,y,w,h"
    assert refusal(BoxError, tracker.initialize, FRAME, "1,2,3,4") == expected
    assert tracker.snapshot().state.centre_yx.equal(before)


def test_frames_that_are_no_arrays(engine: TrackerEngine) -> None:
    tracker = Tracker(engine)
    for frame in ([[1], [1, 2]], torch.zeros(4, 4, 3, device="meta"), Image.new("I", (4, 4))):
        said = refusal(FrameError, tracker.initialize, frame, BOX)
        assert said.startswith("frame cannot be made an array (")
        assert said.endswith("): give uint8 values, height x width x 3")
    expected = "frame has type float32: give uint8 values from 0 to 255 (or uint16)"
    floating = torch.zeros(4, 4, 3, requires_grad=True)
    assert refusal(FrameError, tracker.initialize, floating, BOX) == expected
