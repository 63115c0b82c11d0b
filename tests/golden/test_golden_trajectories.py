"""Ten trajectories of the published trackers, frame by frame, by the rule of README.md section 7 there: three run free,
seven with the place and size put back to the stored ones after every frame. The engine runs the folded networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reference_nets import DEVICES, reference_net
from reference_presets import preset_of

from ltr.images import Frame
from ltr.models.folding import fold
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import STATUSES
from pytracking.tracker.presets import PRESETS
from pytracking.tracker.state import TrackerState

FREE = ("dimp18_det_integer", "dimp18_det_float", "prdimp18_det_float")
PUT_BACK = (
    "dimp18_full_float",
    "dimp50_det_float",
    "prdimp18_full_float",
    "prdimp50_det_float",
    "super_dimp_det_integer",
    "super_dimp_det_float",
    "super_dimp_simple_det_float",
)
FLAGS = {
    "normal": "found",
    "hard_negative": "hard_negative",
    "uncertain": "uncertain",
    "not_found": "not_found",
}


class RecordedDraws:
    """The draws that the reference made, in its order."""

    def __init__(self, data: Any) -> None:
        values = data["draws"] if "draws" in data.files else np.zeros(0, np.float32)
        entries = json.loads(str(data["draws_json"])) if "draws_json" in data.files else []
        arrays = [
            (e["kind"], values[e["offset"] : e["offset"] + e["count"]].reshape(e["shape"]))
            for e in entries
        ]
        self._shifts = [a for kind, a in arrays if kind == "uniform" and a.shape == (2,)]
        self._masks = [a for kind, a in arrays if kind == "dropout_keep_mask"]
        boxes = iter([a for kind, a in arrays if kind == "uniform" and a.shape[-1] == 4])
        # only frames that were refined drew boxes
        self._boxes = {
            k + 2: next(boxes)
            for k, flag in enumerate(data["flag"])
            if str(flag) != "not_found" and self._shifts
        }

    def shifts(self, count: int) -> torch.Tensor:
        if not self._shifts:
            return torch.full((count, 2), 0.5)
        assert count == len(self._shifts)
        return torch.from_numpy(np.stack(self._shifts))

    def dropout(self, count: int, channels: int, share: float) -> torch.Tensor:
        return torch.from_numpy(self._masks[0]) if count else torch.zeros(0, channels)

    def boxes(self, frame: int, count: int) -> torch.Tensor:
        return (
            torch.from_numpy(self._boxes[frame])
            if frame in self._boxes
            else torch.full((count, 4), 0.5)
        )


def frames_of(golden: Callable[[str], Any]) -> list[Frame]:
    import cv2

    video = golden("video_synth.npz")
    stream, offsets = video["png_bytes"], video["png_offsets"]
    images = [cv2.imdecode(stream[a:b], cv2.IMREAD_COLOR) for a, b in pairwise(offsets)]
    return [np.ascontiguousarray(image[..., ::-1]) for image in images]


def put_back(state: TrackerState, data: Any, k: int) -> TrackerState:
    """Place, size and scale as stored after frame k; filter and memory run on."""
    device = state.scale.device
    place = torch.from_numpy(data["pos"][k : k + 1]).float().to(device)
    known = str(data["flag"][k]) != "not_found"
    return replace(
        state,
        centre_yx=place,
        size_hw=torch.from_numpy(data["target_sz"][k : k + 1]).float().to(device),
        scale=torch.from_numpy(data["target_scale"][k : k + 1]).float().to(device).view(1),
        refined_yx=place if known else state.refined_yx,
    )


def tracked(
    name: str, golden: Callable[[str], Any], shared: Path, device: str
) -> tuple[np.ndarray, list[str], list[float], Any]:
    """Boxes, statuses and scores of the 29 frames after the first."""
    data = golden(f"traj_{name}.npz")
    network = name.rsplit("_", 2)[0]
    net = fold(reference_net(network, shared / "reference"), device)
    engine = TrackerEngine(
        net, preset_of(json.loads(str(data["params"])), network, name.rsplit("_", 1)[1])
    )
    recorded = RecordedDraws(data)
    engine.draws = lambda _: recorded  # type: ignore[assignment, return-value]
    frames = frames_of(golden)
    state = engine.start(frames[0], tuple(data["init_bbox"].tolist()))
    check_first_frame(state, data)
    boxes, statuses, scores = [], [], []
    for k, frame in enumerate(frames[1:]):
        before = state
        state, (prediction,) = engine.step(state, [frame])
        if prediction.status == FLAGS[str(data["flag"][k])]:
            check_learning(before, state, data, k)
        boxes.append(prediction.box)
        statuses.append(prediction.status)
        scores.append(prediction.score)
        if name in PUT_BACK:
            state = put_back(state, data, k)
    weights = state.memory.weights[0].cpu().numpy()
    np.testing.assert_allclose(weights, data["sample_weights"][-1], atol=1e-5, rtol=0)

    return np.array(boxes), statuses, scores, data


def check_first_frame(state: TrackerState, data: Any) -> None:
    for value, key in (
        (state.centre_yx[0], "init_pos"),
        (state.size_hw[0], "init_target_sz"),
        (state.scale[0], "init_target_scale"),
    ):
        np.testing.assert_allclose(value.cpu(), data[key], rtol=1e-6)
    scale = np.abs(data["init_filter"]).max()
    np.testing.assert_allclose(state.filters.cpu(), data["init_filter"], atol=2e-3 * scale)
    halves = state.modulation[0].cpu().split(256)
    for k, half in enumerate(halves):
        np.testing.assert_allclose(
            half,
            data[f"init_modulation_{k}"],
            atol=1e-4 * np.abs(data[f"init_modulation_{k}"]).max(),
        )
    norms = (
        state.memory.samples[0, : len(data["init_feat_norm_per_sample"])]
        .flatten(1)
        .norm(dim=1)
        .cpu()
    )
    np.testing.assert_allclose(norms, data["init_feat_norm_per_sample"], rtol=1e-4)
    first = state.memory.samples[0, 0, ..., :8].permute(2, 0, 1).cpu()
    np.testing.assert_allclose(
        first, data["init_feat_sample0_ch0_7"], atol=3e-4 * first.abs().max().item()
    )


def check_learning(before: TrackerState, after: TrackerState, data: Any, k: int) -> None:
    """Whether and where the sample was stored, and whether the filter was learned."""
    slot = int(data["replaced_index"][k])
    assert int(after.memory.previous) == (slot if slot >= 0 else int(before.memory.previous)), (
        f"frame {k + 1}"
    )
    assert int(after.memory.count) - int(before.memory.count) == (slot >= 0)
    learned = bool((after.filters != before.filters).any())
    assert learned == bool(data["filter_changed"][k]), f"frame {k + 1}"


def check_statuses(statuses: list[str], data: Any, name: str) -> None:
    expected = [FLAGS[str(flag)] for flag in data["flag"]]
    assert set(expected) <= set(STATUSES)
    different = [k + 1 for k, (a, b) in enumerate(zip(statuses, expected, strict=True)) if a != b]
    # section 7 there: frame 15 of this one lies 1e-4 from the not-found threshold
    allowed = {15} if name == "super_dimp_det_float" else set()
    assert set(different) <= allowed, f"statuses differ in frames {different}"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", FREE)
def test_free(name: str, device: str, golden, shared) -> None:  # type: ignore[no-untyped-def]
    boxes, statuses, scores, data = tracked(name, golden, shared, device)
    check_statuses(statuses, data, name)
    np.testing.assert_allclose(boxes, data["box"], atol=1e-3 if device == "cpu" else 0.05, rtol=0)
    np.testing.assert_allclose(
        scores, data["max_score"], atol=1e-4 if device == "cpu" else 1e-3, rtol=0
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name.endswith("full_float") else pytest.mark.slow)
        for name in PUT_BACK
    ],
)
def test_put_back_after_every_frame(name: str, device: str, golden, shared) -> None:  # type: ignore[no-untyped-def]
    boxes, statuses, scores, data = tracked(name, golden, shared, device)
    check_statuses(statuses, data, name)
    np.testing.assert_allclose(
        scores, data["max_score"], atol=5e-4 if device == "cpu" else 5e-3, rtol=0
    )
    differences = np.abs(boxes - data["box"]).max(axis=1)
    assert differences.max() < 0.25, f"worst in frame {differences.argmax() + 1}"
    assert (differences < 1e-3).sum() >= 24


@pytest.mark.parametrize("name", ["dimp18", "prdimp18"])
def test_presets_are_those_of_the_reference(name: str, golden) -> None:  # type: ignore[no-untyped-def]
    """The untouched presets of the reference's files, but for the rounding of the crop."""
    params = json.loads(str(golden(f"traj_{name}_full_float.npz")["params"]))
    assert preset_of(params, name, "integer") == PRESETS[name]


@pytest.mark.parametrize(
    "name",
    [
        "dimp50_det_float",
        "prdimp50_det_float",
        "super_dimp_det_integer",
        "super_dimp_simple_det_float",
    ],
)
def test_presets_are_those_of_the_reference_but_for_chance(name: str, golden) -> None:  # type: ignore[no-untyped-def]
    network = name.rsplit("_", 2)[0]
    read = preset_of(json.loads(str(golden(f"traj_{name}.npz")["params"])), network, "integer")
    preset = PRESETS[network]
    first = replace(preset.first_frame, dropout_copies=0, random_shift=0.0)
    assert read == replace(
        preset, first_frame=first, refinement=replace(preset.refinement, random_boxes=0)
    )
