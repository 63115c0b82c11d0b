"""The engine runs whatever offers `TrackingNetwork`: here a network of random features, which learns
its filter in one step by least squares and fits boxes to the size of the first one."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ltr.ebm.mixture import MixtureDensity
from ltr.errors import ConfigError
from ltr.images import Frame
from ltr.label_maps import gaussian
from ltr.models.backbone import Taps
from ltr.models.tracking_network import (
    BoxEnergies,
    BoxProposals,
    Features,
    ScoreGrid,
    TrackingNetwork,
)
from pytracking import MultiTracker, Tracker
from pytracking.evaluation.metrics import overlap
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box
from pytracking.tracker.preset_settings import Refinement, TrackerPreset
from pytracking.tracker.refinement import fit_box
from pytracking.tracker.snapshot import shapes_of, tensors_of

STRIDE, CHANNELS, SIGMA, SHARPNESS = 16, 8, 0.7, 1e4


class RandomBoxHead:
    """Boxes fit the better the nearer their size is to that of the first one."""

    def __init__(self, sizes: Tensor) -> None:
        self.sizes = sizes  # (B, 2), crop pixels as (w, h)

    def energies_of(self, taps: Taps, boxes_xywh: Tensor) -> BoxEnergies:
        def energies(boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
            excess = boxes_xywh[..., 2:] - self.sizes[:, None]  # (B, N, 2)
            gradient = torch.cat([torch.zeros_like(excess), -2 * excess / SHARPNESS], dim=-1)
            return -excess.square().sum(-1) / SHARPNESS, gradient

        return energies

    def proposals_of(self, taps: Taps, first_xywh: Tensor) -> BoxProposals:
        energies = self.energies_of(taps, first_xywh[:, None])
        shape = (len(first_xywh), 2, 4)
        sigmas = torch.tensor([0.01, 0.05])[:, None].expand(shape)
        density = MixtureDensity(torch.zeros(shape[:2]), torch.zeros(shape), sigmas.log())
        return BoxProposals(density, lambda boxes: energies(boxes)[0], energies)


class RandomNetwork:
    """Means of each cell's pixels, mixed by random numbers; a filter of one cell."""

    device = torch.device("cpu")

    def __init__(self, has_box_head: bool) -> None:
        self.has_box_head = self.has_proposals = has_box_head
        self.fingerprint = f"random features, {has_box_head}"
        generator = torch.Generator().manual_seed(0)
        self._mix = torch.randn(3, CHANNELS, generator=generator) / 100
        self._shift = torch.randn(CHANNELS, generator=generator)

    def synchronize(self) -> None:
        pass

    def score_grid(self, crop_side: int) -> ScoreGrid:
        return ScoreGrid(side=crop_side // STRIDE, stride=STRIDE, shift=0.5)

    def state_shapes(self, crop_side: int) -> dict[str, tuple[int, ...]]:
        side = crop_side // STRIDE
        return {
            "filter": (CHANNELS, 1, 1),
            "modulation": (2 if self.has_box_head else 0,),
            "sample": (side, side, CHANNELS),
            "maps": (1, side, side),
        }

    def features(self, crops: Tensor) -> Features:
        taps = Taps(F.avg_pool2d(crops, STRIDE // 2), F.avg_pool2d(crops, STRIDE))
        return Features(
            taps, torch.relu(taps.stride16.permute(0, 2, 3, 1) @ self._mix + self._shift)
        )

    def scores(self, classifier: Tensor, filters: Tensor, raw: bool = False) -> Tensor:
        return torch.einsum("rhwc,rcuv->rhw", classifier, filters)

    def sample_maps(self, middle_yx: Tensor, crop_side: int) -> Tensor:
        grid = self.score_grid(crop_side)
        label = gaussian(grid.cell_of(middle_yx), SIGMA, (grid.side, grid.side))
        return label[..., None, :, :]

    def first_filter(self, samples: Tensor, boxes_xywh: Tensor) -> Tensor:
        return samples.new_zeros(len(samples), CHANNELS, 1, 1)

    def learn_filter(
        self, filters: Tensor, samples: Tensor, maps: Tensor, weights: Tensor, iterations: int
    ) -> Tensor:
        if not iterations:
            return filters
        weighted = samples * weights[:, :, None, None, None]
        products = torch.einsum("bshwc,bshwd->bcd", weighted, samples)
        products = products + 1e-4 * torch.eye(CHANNELS)
        answers = torch.einsum("bshwc,bshw->bc", weighted, maps[:, :, 0])
        return torch.linalg.solve(products, answers)[:, :, None, None]

    def modulation(self, taps: Taps, boxes_xywh: Tensor) -> Tensor:
        assert self.has_box_head
        return boxes_xywh[:, 2:]

    def conditioned(self, modulation: Tensor) -> RandomBoxHead:
        assert self.has_box_head
        return RandomBoxHead(modulation)


def network(has_box_head: bool) -> TrackingNetwork:
    return RandomNetwork(has_box_head)


def preset_of(has_box_head: bool, space: str = "relative") -> TrackerPreset:
    preset = TrackerPreset()
    localization = replace(preset.localization, not_found_threshold=0.1, uncertain_threshold=0.1)
    refinement = Refinement(space=space if has_box_head else "none")  # type: ignore[arg-type]
    return replace(preset, localization=localization, refinement=refinement)


def frame(number: int) -> tuple[Frame, Box, Box]:
    """A red and a blue square that move over noise, with their boxes."""
    pixels = np.random.default_rng(number).integers(80, 160, (240, 320, 3), dtype=np.uint8)
    red, blue = (60 + 5 * number, 70 + 3 * number), (230 - 4 * number, 150)
    for (x, y), colour in ((red, (220, 30, 30)), (blue, (30, 60, 220))):
        pixels[y : y + 40, x : x + 40] = colour
    return pixels, (red[0], red[1], 40, 40), (blue[0], blue[1], 40, 40)


def test_it_offers_the_interface_and_no_more() -> None:
    def members(cls: type) -> set[str]:
        return {name for name in vars(cls) if not name.startswith("_")}

    own = {name for name in vars(RandomNetwork(True)) if not name.startswith("_")}
    assert members(RandomNetwork) | own == members(TrackingNetwork)
    for name in members(TrackingNetwork):
        demanded, offered = vars(TrackingNetwork)[name], vars(RandomNetwork).get(name)
        if inspect.isfunction(demanded):
            assert list(inspect.signature(demanded).parameters) == list(
                inspect.signature(offered).parameters  # type: ignore[arg-type]
            ), name


@pytest.mark.parametrize(
    ("has_box_head", "space"), [(False, "none"), (True, "relative"), (True, "default")]
)
def test_a_target_is_tracked(has_box_head: bool, space: str) -> None:
    engine = TrackerEngine(network(has_box_head), preset_of(has_box_head, space))
    pixels, box, _ = frame(0)
    state = engine.start(pixels, box)
    expected = shapes_of(engine, 1)
    boxes, truth = [], []
    for number in range(1, 16):
        pixels, box, _ = frame(number)
        state, (prediction,) = engine.step(state, [pixels])
        assert prediction.status == "found"
        assert {name: tuple(t.shape) for name, t in tensors_of(state).items()} == expected
        boxes.append(prediction.box)
        truth.append(box)
    found = overlap(np.array(boxes), np.array(truth))
    assert found.min() > 0.35, "within a cell or so"
    assert found.mean() > 0.6


@pytest.mark.parametrize("has_box_head", [False, True])
def test_several_targets_and_snapshots_in_files(has_box_head: bool, tmp_path: Path) -> None:
    def engine() -> TrackerEngine:
        return TrackerEngine(network(has_box_head), preset_of(has_box_head))

    tracker, alone = MultiTracker(engine()), Tracker(engine(), name="blue")
    pixels, red, blue = frame(0)
    tracker.add(pixels, red, "red")
    tracker.add(pixels, blue, "blue")
    alone.initialize(pixels, blue)
    for number in range(1, 9):
        together, own = tracker.track(frame(number)[0]), alone.track(frame(number)[0])
        np.testing.assert_allclose(together["blue"].box, own.box, atol=1e-2)
    tracker.save(tmp_path / "state.safetensors")
    resumed = MultiTracker(engine())
    resumed.resume(tmp_path / "state.safetensors")
    for number in range(9, 12):
        assert resumed.track(frame(number)[0]) == tracker.track(frame(number)[0])


def test_boxes_are_not_fitted_without_a_box_head() -> None:
    with pytest.raises(ConfigError, match="the network has no box head"):
        TrackerEngine(network(False), preset_of(True))
    engine = TrackerEngine(network(False), preset_of(False), size_rule=fit_box)
    state = engine.start(*frame(0)[:2])
    with pytest.raises(ConfigError, match="the network has no box head"):
        engine.step(state, [frame(1)[0]])
