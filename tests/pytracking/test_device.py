"""Without a GPU at hand: on the meta device every operation checks that its tensors lie together, and nothing can be read
back unseen. What is sent to the device is not seen here."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import torch

from ltr import transfer
from ltr.models.folding import fold
from ltr.models.tracker_net import TrackerNet
from ltr.models.zoo import NETWORKS
from ltr.networks import load_network
from ltr.settings import with_assignments
from pytracking.tracker import engine as engine_module
from pytracking.tracker import first_frame, refinement
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.presets import preset_named
from pytracking.tracker.state import concatenate


def from_host(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """`transfer.upload`, which on CUDA takes tensors of the host alone."""
    assert tensor.device.type == "cpu"
    return tensor.to(device)


REPORTED = (
    "refinement.search_follows=false",
    "refinement.share=[0.3,0.4,0.5]",
    "refinement.calibration=0.7",
    "size.ratios=[1.08,0.92]",
)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((n, ()) for n in ("imagenet18", "imagenet_mobile", "dimp18", "prdimp18", "dimp18_vot18")),
        ("prdimp18", REPORTED),
    ],
)
def test_a_step_stays_on_the_device_and_reads_back_once(
    name: str, settings: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_back: list[tuple[int, ...]] = []
    to_list = torch.Tensor.tolist

    def zeros(tensor: torch.Tensor) -> list:  # type: ignore[type-arg]
        if tensor.device.type != "meta":
            return to_list(tensor)
        read_back.append(tuple(tensor.shape))
        return np.zeros(tuple(tensor.shape)).tolist()

    monkeypatch.setattr(torch.Tensor, "tolist", zeros)
    for module in (engine_module, first_frame, refinement, transfer):
        monkeypatch.setattr(module, "upload", from_host)
    published = name.partition("_vot")[0]
    net = TrackerNet(NETWORKS[published]) if published in NETWORKS else load_network(name)
    engine = TrackerEngine(fold(net, "meta"), with_assignments(preset_named(name), settings))
    frames = [np.zeros((200, 300, 3), np.uint8), np.zeros((100, 300, 3), np.uint8)]
    states = [
        engine.start(frame, (50.0, 60.0, 40.0, 30.0), f"target {k}")
        for k, frame in enumerate(frames)
    ]
    # searches sizes, and learns, on other frames than its neighbour
    states[1], _ = engine.step(states[1], [frames[1]])
    state = concatenate(states)
    for _ in range(12):
        read_back.clear()
        state, predictions = engine.step(state, frames, [0, 1])
        assert read_back == [(2, 10)], (
            "boxes, search areas, score and status of both, in one transfer"
        )
        assert len(predictions) == 2
    for value in (state, state.memory):
        tensors = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        assert {t.device.type for t in tensors.values() if isinstance(t, torch.Tensor)} == {"meta"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["imagenet_mobile", "dimp18"])
def test_the_host_waits_as_often_for_many_targets_as_for_one(name: str) -> None:
    net = TrackerNet(NETWORKS[name]) if name in NETWORKS else load_network(name)
    engine = TrackerEngine(fold(net, "cuda"), preset_named(name))
    frame = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    counts = []
    for targets in (1, 4, 16):
        state = concatenate(
            [engine.start(frame, (50.0, 60.0, 40.0, 30.0), f"target {k}") for k in range(targets)]
        )
        for _ in range(4):  # fills the caches of small tables
            state, _ = engine.step(state, [frame])
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                engine.step(state, [frame])
        finally:
            torch.cuda.set_sync_debug_mode("default")
        counts.append(sum("synchroniz" in str(warning.message) for warning in caught))
    assert counts[0] >= 1, "the read-back at the end of a frame is one"
    assert len(set(counts)) == 1, counts
