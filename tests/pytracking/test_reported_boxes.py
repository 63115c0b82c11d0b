"""The box head reports, the size search decides where is searched: on a network whose box head sees
the target as it is and answers with a known bias."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_tracking_network import RandomNetwork, frame, preset_of
from torch import Tensor

from ltr.errors import ConfigError
from ltr.geometry import middle_yx, moved_by
from ltr.models.backbone import Taps
from ltr.models.tracking_network import BoxEnergies
from pytracking import MultiTracker, Tracker
from pytracking.evaluation.metrics import overlap
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.preset_settings import Refinement, TrackerPreset
from pytracking.tracker.refinement import fitted_offset
from pytracking.tracker.snapshot import tensors_of
from pytracking.tracker.state import TrackerState

CELL, GREY, SLOPE = 8, 120.0, 1e-3
BIAS = (0.15, -0.2, math.log(1.3), math.log(0.8))
"""As (y, x) in sizes and the logarithms of (h, w)."""


class ColourHead:
    """Knows the target's colour, sees its box in the crop by the moments of what has that colour,
    and prefers the one that lies at an offset from it."""

    def __init__(self, colour: Tensor, offset: Tensor) -> None:
        self.colour, self.offset = colour, offset  # (B, 3), (4,)

    def energies_of(self, taps: Taps, boxes_xywh: Tensor) -> BoxEnergies:
        axis = (self.colour - GREY)[:, :, None, None]
        cover = ((taps.stride8 - GREY) * axis).sum(1) / axis.square().sum(1)  # (B, h, w)
        cover = torch.where(cover > 0.3, cover, 0.0)
        cells = CELL * (torch.arange(cover.shape[1]) + 0.5)
        places, sizes = [], []
        for line in (cover.sum(2), cover.sum(1)):  # along y, along x
            mass = line / line.sum(1, keepdim=True)
            place = (mass * cells).sum(1)
            variance = (mass * (cells - place[:, None]).square()).sum(1)
            places.append(place)
            sizes.append((12 * variance - CELL**2).clamp(min=1).sqrt())
        centre, size = torch.stack(places, 1), torch.stack(sizes, 1)
        centre, size = moved_by(centre, size, self.offset.expand(len(size), 4))
        summit = torch.cat([(centre - size / 2).flip(-1), size.flip(-1)], dim=1)[:, None]

        def energies(boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
            excess = boxes_xywh - summit
            return -SLOPE * excess.square().sum(-1) / 2, -SLOPE * excess

        return energies


class ColourNetwork(RandomNetwork):
    def __init__(self, offset: tuple[float, ...] = BIAS) -> None:
        super().__init__(has_box_head=True)
        self._offset = torch.tensor(offset)

    def state_shapes(self, crop_side: int) -> dict[str, tuple[int, ...]]:
        return {**super().state_shapes(crop_side), "modulation": (3,)}

    def modulation(self, taps: Taps, boxes_xywh: Tensor) -> Tensor:
        y, x = (middle_yx(boxes_xywh) / CELL).long().unbind(-1)
        return taps.stride8[torch.arange(len(y)), :, y, x]

    def conditioned(self, modulation: Tensor) -> Any:
        return ColourHead(modulation, self._offset)


def preset_with(**refinement: Any) -> TrackerPreset:
    """Ascent that arrives; the search alone decides, unless said otherwise."""
    setting = Refinement("relative", iterations=30, step=(0.15, 0.15), random_boxes=4)
    own = {"search_follows": False, "augmented": True, **refinement}
    preset = replace(preset_of(True), refinement=replace(setting, **own))
    return replace(preset, search=replace(preset.search, crop_side=224))


def tracked(
    preset: TrackerPreset, net: RandomNetwork | None = None, last: int = 5
) -> tuple[list[TrackerState], np.ndarray, np.ndarray]:
    """The states after each frame; reported and true boxes of all but the first."""
    engine = TrackerEngine(net or ColourNetwork(), preset)
    states, boxes = [engine.start(*frame(0)[:2])], []
    for number in range(1, last + 1):
        state, (prediction,) = engine.step(states[-1].copy(), [frame(number)[0]])
        states.append(state)
        boxes.append(prediction.box)
    return states, np.array(boxes), np.array([frame(n)[1] for n in range(1, last + 1)])


@pytest.mark.parametrize("search_follows", [False, True])
def test_the_bias_of_the_first_frame_is_taken_off(search_follows: bool) -> None:
    plain, boxes, truth = tracked(preset_with(search_follows=search_follows))
    assert not plain[0].bias_yxhw.any()
    assert overlap(boxes, truth).max() < 0.65
    states, boxes, truth = tracked(preset_with(search_follows=search_follows, calibration=0.7))
    torch.testing.assert_close(states[0].bias_yxhw, torch.tensor([BIAS]), atol=0.04, rtol=0)
    assert overlap(boxes, truth).min() > 0.85
    assert all(torch.equal(state.bias_yxhw, states[0].bias_yxhw) for state in states)


def test_the_bias_is_bounded() -> None:
    states, _, _ = tracked(preset_with(calibration=0.1), last=0)
    assert states[0].bias_yxhw[0].tolist() == pytest.approx([0.1, -0.1, 0.1, -0.1])


def test_a_head_that_rejects_all_has_no_bias() -> None:
    net = ColourNetwork((0.0, 0.0, 0.0, 3.0))
    states, _, _ = tracked(preset_with(calibration=2.0, max_aspect=1.01), net, last=0)
    assert not states[0].bias_yxhw.any()


def test_a_mirror_says_nothing_of_left_and_right() -> None:
    """Half of the samples: as the mean of both, the bias to the side would be halved or worse."""
    preset = preset_with(calibration=0.7)
    mirrored = replace(preset.first_frame, shifts=(), blurs=())
    states, _, _ = tracked(replace(preset, first_frame=mirrored), HandedNetwork(), last=0)
    torch.testing.assert_close(states[0].bias_yxhw, torch.tensor([BIAS]), atol=0.06, rtol=0)


class HandedNetwork(ColourNetwork):
    """Its bias hangs on the picture: in the last of several crops, the mirrored one, it is to the
    other side."""

    def conditioned(self, modulation: Tensor) -> Any:
        offset = self._offset.repeat(len(modulation), 1)
        offset[-1, 1] *= -1
        return ColourHead(modulation, offset)


@pytest.mark.parametrize("wild", [(3.0, -2.0, 1.5, 1.0), (0.0, 0.0, -2.0, -2.0)])
def test_what_is_searched_does_not_hang_on_the_head(wild: tuple[float, ...]) -> None:
    """Places, sizes, filters and samples are those of the size search, bit by bit."""
    searched, plain, truth = tracked(replace(preset_with(), refinement=Refinement()), last=8)
    states, boxes, _ = tracked(preset_with(), ColourNetwork(wild), last=8)
    own = {"bias_yxhw", "offset_yxhw"}
    for expected, state in zip(searched, states, strict=True):
        other = tensors_of(expected)
        same = {k: torch.equal(v, other[k]) for k, v in tensors_of(state).items() if k not in own}
        same["refined_yx"] = bool(state.refined_yx.isnan().all())
        assert all(same.values()), same
    assert overlap(plain, truth).min() > 0.35
    assert overlap(boxes, truth).mean() < 0.3


def test_the_share_lies_between_searched_and_fitted() -> None:
    whole, _, _ = tracked(preset_with(), last=1)
    states, _, _ = tracked(preset_with(share=(0.25, 0.5, 0.75)), last=1)
    y, x, h, w = whole[1].offset_yxhw[0]
    mean = (h + w) / 2
    sizes = [0.5 * mean + 0.75 * (side - mean) for side in (h, w)]
    expected = torch.stack([0.25 * y, 0.25 * x, *sizes])[None]
    torch.testing.assert_close(states[1].offset_yxhw, expected, atol=1e-5, rtol=1e-5)
    assert expected.abs().min() > 0.01
    _, none, _ = tracked(preset_with(share=(0.0, 0.0, 0.0)))
    _, searched, _ = tracked(replace(preset_with(), refinement=Refinement()))
    np.testing.assert_allclose(none, searched, atol=1e-4)


def test_a_search_that_follows_goes_its_share_of_the_way() -> None:
    """From the last size, so that the size is damped over time."""
    states, boxes, _ = tracked(preset_with(share=(0.4, 0.6, 0.6), search_follows=True), last=2)
    free, _, _ = tracked(preset_with(search_follows=True), last=1)
    way, whole = ((s[1].size_hw / s[0].size_hw).log() for s in (states, free))
    torch.testing.assert_close(way, 0.6 * whole, atol=1e-4, rtol=1e-4)
    assert not states[2].offset_yxhw.any()
    assert boxes[1][2:] == pytest.approx(states[2].size_hw[0].flip(0).tolist())


def test_the_last_box_is_reported_where_the_target_is_not_found() -> None:
    engine = TrackerEngine(ColourNetwork(), preset_with())
    state = engine.start(*frame(0)[:2])
    for number in (1, 2):
        state, (seen,) = engine.step(state, [frame(number)[0]])
    state, (hidden,) = engine.step(state, [np.full_like(frame(3)[0], 120)])
    assert (seen.status, hidden.status) == ("found", "not_found")
    assert hidden.box == pytest.approx(seen.box, abs=1e-3)
    assert state.offset_yxhw.abs().min() > 0.01


def test_many_targets_copies_and_files(tmp_path: Path) -> None:
    """Bias and offset are each target's own, and go wherever its state goes."""
    engine = TrackerEngine(ColourNetwork(), preset_with(calibration=0.7, share=(0.5, 0.7, 0.6)))
    both, alone = MultiTracker(engine), Tracker(engine, name="blue")
    pixels, red, blue = frame(0)
    both.add(pixels, red, "red")
    both.add(pixels, blue, "blue")
    alone.initialize(pixels, blue)
    for number in range(1, 5):
        together, own = both.track(frame(number)[0]), alone.track(frame(number)[0])
        np.testing.assert_allclose(together["blue"].box, own.box, atol=1e-2)
    both.save(tmp_path / "state.safetensors")
    kept, expected = both.snapshot(), both.track(frame(5)[0])
    assert kept.state.bias_yxhw.abs().min() > 0.1
    assert kept.state.offset_yxhw.abs().min() > 0
    for end in (kept, tmp_path / "state.safetensors"):
        resumed = MultiTracker(engine)
        resumed.resume(end)
        assert resumed.track(frame(5)[0]) == expected
        own = tensors_of(resumed.snapshot().state)
        assert torch.equal(own["bias_yxhw"], kept.state.bias_yxhw)
    both.remove("red")
    assert both.track(frame(6)[0])["blue"].box == pytest.approx(
        alone_after(alone, (5, 6)), abs=1e-2
    )


def alone_after(tracker: Tracker, numbers: tuple[int, ...]) -> tuple[float, ...]:
    return [tracker.track(frame(number)[0]).box for number in numbers][-1]


def test_defaults_are_those_of_the_published_trackers() -> None:
    setting = Refinement()
    own = {"search_follows", "share", "calibration"}
    assert own <= {field.name for field in fields(setting)}
    assert (setting.search_follows, setting.share, setting.calibration) == (True, (1, 1, 1), 0)


def test_a_box_is_not_fitted_without_a_box_head() -> None:
    engine = TrackerEngine(RandomNetwork(False), preset_of(False), box_rule=fitted_offset)
    with pytest.raises(ConfigError, match="the network has no box head"):
        engine.step(engine.start(*frame(0)[:2]), [frame(1)[0]])
