"""Without a GPU at hand: on the meta device every operation checks that its tensors lie together, and nothing can be read
back unseen. What is sent to the device is not seen here."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from ltr.models.folding import fold
from ltr.models.zoo import load_network
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.presets import preset_named
from pytracking.tracker.state import concatenate


@pytest.mark.parametrize("name", ["imagenet18", "imagenet_mobile"])
def test_a_step_stays_on_the_device_and_reads_back_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read_back: list[tuple[int, ...]] = []
    to_list = torch.Tensor.tolist

    def zeros(tensor: torch.Tensor) -> list:  # type: ignore[type-arg]
        if tensor.device.type != "meta":
            return to_list(tensor)
        read_back.append(tuple(tensor.shape))
        return np.zeros(tuple(tensor.shape)).tolist()

    monkeypatch.setattr(torch.Tensor, "tolist", zeros)
    engine = TrackerEngine(fold(load_network(name), "meta"), preset_named(name))
    frames = [np.zeros((200, 300, 3), np.uint8), np.zeros((100, 300, 3), np.uint8)]
    states = [engine.start(frame, (50.0, 60.0, 40.0, 30.0), f"target {k}") for k, frame in enumerate(frames)]
    states[1], _ = engine.step(states[1], [frames[1]])  # searches sizes, and learns, on other frames than its neighbour
    state = concatenate(states)
    for _ in range(12):
        read_back.clear()
        state, predictions = engine.step(state, frames, [0, 1])
        assert read_back == [(2, 10)], "boxes, search areas, score and status of both, in one transfer"
        assert len(predictions) == 2
    for value in (state, state.memory):
        tensors = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        assert {t.device.type for t in tensors.values() if isinstance(t, torch.Tensor)} == {"meta"}
