"""The samples of the first frame: one large patch, transformed and cut (DiMP, Bhat et al. 2019,
section 3.4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.crops import CropWindow
from ltr.transfer import constant, upload
from ltr.transforms import blur, cut, flip, rotate
from pytracking.tracker.draws import Draws
from pytracking.tracker.preset_settings import FirstFrame, Search, TrackerPreset
from pytracking.tracker.search_area import crop_window


class FirstView(NamedTuple):
    """What the first frame's samples are taken to show, whatever pixels their window is rounded
    to."""

    centre_yx: Tensor
    """(1, 2) frame pixels."""
    scale: Tensor
    """(1,) frame pixels per crop pixel."""
    shift_yx: tuple[float, float]
    """Crop pixels by which every sample is moved, down and right, to lie within the frame."""


class FirstSamples(NamedTuple):
    """N crops of one target, and by how much its centre was shifted in each."""

    crops: Tensor
    """(N, 3, n, n)."""
    shift_yx: Tensor
    """(N, 2) crop pixels, down and right; on the host."""


def first_view(
    centre_yx: Tensor, scale: Tensor, frame_hw: tuple[int, int], search: Search
) -> FirstView:
    """The view of a target at `centre_yx` (1, 2) and `scale` (1,).

    The published trackers round the centre, and move the view into the frame for the border
    `inside` alone."""
    if search.crop_window == "exact":
        return FirstView(centre_yx, scale, (0.0, 0.0))
    if search.border != "inside":
        return FirstView(centre_yx.round(), scale, (0.0, 0.0))
    side, frame = scale * search.crop_side, centre_yx.new_tensor(frame_hw)
    side = side / (side / frame).amax().clamp(1, search.max_scale_change)
    scale = side / search.crop_side
    above, below = -(centre_yx - (side - 1) / 2), centre_yx + side / 2 + 1 - frame
    down, right = ((below.clamp(min=0) - above.clamp(min=0)) / scale)[0].tolist()
    return FirstView(centre_yx.round(), scale, (down, right))


def first_window(
    view: FirstView, frame_hw: tuple[int, int], preset: TrackerPreset, device: torch.device
) -> CropWindow:
    """The window of the patch around `view`. It shows what lies around the target, beyond the
    frame's border if need be, whatever the preset does with borders later."""
    search = replace(preset.search, border="replicate")
    side = patch_side(search.crop_side, preset.first_frame.expansion)
    centre, scale = (upload(value, device) for value in (view.centre_yx, view.scale))
    return crop_window(centre, scale, side, constant((frame_hw,), device, torch.float32), search)


def patch_side(side: int, expansion: float) -> int:
    """Side of the large patch for crops of `side`; it is as odd, so that the centre stays one."""
    larger = math.trunc(side * expansion)
    return larger + (larger - side) % 2


def first_samples(
    patch: Tensor,
    side: int,
    setting: FirstFrame,
    draws: Draws,
    inside_yx: tuple[float, float] = (0.0, 0.0),
) -> FirstSamples:
    """All samples cut from `patch` (3, E, E): identity, shifts, flip, blurs, rotations, in this
    order; `inside_yx` is added to every shift."""
    transforms: list[Callable[[Tensor], Tensor]] = [
        *([flip] if setting.flip else []),
        *(lambda p, sigma=sigma: blur(p, sigma) for sigma in setting.blurs),
        *(lambda p, angle=angle: rotate(p, angle) for angle in setting.rotations),
    ]
    inside = torch.tensor(inside_yx, dtype=torch.float32, device="cpu")
    shifts = torch.tensor([(0.0, 0.0), *setting.shifts], dtype=torch.float64, device="cpu")
    fixed = (shifts * side / 2).trunc() + inside.trunc()
    drawn = (draws.shifts(len(transforms)) - 0.5) * side * setting.random_shift + inside
    shifts = torch.cat([fixed, drawn.trunc() * (setting.random_shift > 0)]).float()
    patches = [patch] * len(fixed) + [transform(patch) for transform in transforms]
    crops = [
        cut(p, side, (int(dy), int(dx)))
        for p, (dy, dx) in zip(patches, shifts.tolist(), strict=True)
    ]
    return FirstSamples(torch.stack(crops), shifts)


def dropped_out(sample: Tensor, setting: FirstFrame, draws: Draws) -> Tensor:
    """Copies of a sample's features (H, W, C) with channels left out and the others scaled up: (N,
    H, W, C)."""
    mask = draws.dropout(setting.dropout_copies, sample.shape[-1], setting.dropout)
    return sample * upload(mask / (1 - setting.dropout), sample.device)[:, None, None]
