"""Fitting the box: gradient ascent on the energy of several boxes at once, and what becomes of them
(ATOM, Danelljan et al. 2019, section 3.4; Gustafsson et al. 2020, section 4)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ltr.errors import ConfigError
from ltr.geometry import from_crop, to_crop
from ltr.models.box.ascent import ascend_in_pixels, ascend_relative, step_lengths
from ltr.models.tracking_network import BoxEnergies
from ltr.transfer import upload
from pytracking.tracker.localization import NOT_FOUND, UNCERTAIN
from pytracking.tracker.observer import Observer
from pytracking.tracker.preset_settings import Refinement
from pytracking.tracker.step import Estimate, Step


class Fit(NamedTuple):
    """The box of each target."""

    box_xywh: Tensor
    """(B, 4) pool format; of no meaning where all were rejected."""
    accepted: Tensor
    """(B,) whether any box was left."""


def fit_box(step: Step, estimate: Estimate) -> Estimate:
    """The size and place that the box head likes best near the place that the filter found.
    Raises ConfigError for a network without one."""
    state, view, setting = step.state, step.view, step.preset.refinement
    side = step.preset.search.crop_side
    if state.box_head is None:
        raise ConfigError("fit_box fits boxes, but the network has no box head: choose another")
    box = to_crop(estimate.peak_yx, state.size_hw, view.centre_yx, view.scale, side)  # (B, 4)
    targets = zip(state.names, step.frame_number, strict=True)
    uniform = [step.draws(name).boxes(k, setting.random_boxes) for name, k in targets]
    boxes = candidates(box, upload(torch.stack(uniform), box.device), setting)  # (B, N, 4)
    energies_of = shown_to(step.observer, state.box_head.energies_of(view.features.taps, boxes))
    fit = select_boxes(*ascend(energies_of, boxes, setting), setting)

    centre, size = from_crop(fit.box_xywh, view.centre_yx, view.scale, side)
    if setting.half_pixel_shift:
        centre = centre + view.scale[:, None] / 2
    found, accepted = estimate.status != NOT_FOUND, fit.accepted & (estimate.status != NOT_FOUND)
    sure = accepted if setting.size_when_uncertain else accepted & (estimate.status != UNCERTAIN)
    stays = estimate.peak_yx
    if setting.stale_place:
        stale = found[:, None] & state.refined_yx.isfinite()
        stays = torch.where(stale, state.refined_yx, stays)
    learned = (accepted & setting.learn_refined)[:, None]
    return estimate._replace(
        sample_yx=torch.where(learned, centre, estimate.peak_yx),
        centre_yx=torch.where(accepted[:, None], centre, stays),
        refined_yx=torch.where(accepted[:, None], centre, state.refined_yx),
        size_hw=torch.where(accepted[:, None], size, state.size_hw),
        scale=torch.where(sure, (size.prod(-1) / state.base_size_hw.prod(-1)).sqrt(), state.scale),
    )


def shown_to(observer: Observer | None, energies_of: BoxEnergies) -> BoxEnergies:
    """The same function, whose boxes and energies the observer is shown."""
    if observer is None:
        return energies_of

    def energies_shown(boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
        energies, gradient = energies_of(boxes_xywh)
        observer.observe("candidate_boxes", boxes_xywh)
        observer.observe("candidate_energies", energies)
        return energies, gradient

    return energies_shown


def candidates(box_xywh: Tensor, uniform: Tensor, setting: Refinement) -> Tensor:
    """The boxes to start from, (B, 1 + N, 4): `box_xywh` (B, 4) itself and random ones around it,
    from numbers of [0, 1), `uniform` (B, N, 4)."""
    corner, size = box_xywh[:, None].split(2, dim=-1)
    side = size.prod(-1, keepdim=True).sqrt()
    moved, grown = (uniform - 0.5).split(2, dim=-1)
    middle = corner + size / 2 + moved * (side * setting.jitter_position)
    least = size.amin(-1, keepdim=True) / 3
    sizes = torch.maximum(size + grown * (side * setting.jitter_size), least)
    return torch.cat([box_xywh[:, None], torch.cat([middle - sizes / 2, sizes], dim=-1)], dim=1)


def ascend(
    energies_of: BoxEnergies, boxes_xywh: Tensor, setting: Refinement
) -> tuple[Tensor, Tensor]:
    """Boxes (B, N, 4) after the ascent, and their energies (B, N) before its last step."""
    climb = ascend_relative if setting.space == "relative" else ascend_in_pixels
    steps = step_lengths(setting.step, setting.step_decay, setting.iterations)
    return climb(energies_of, boxes_xywh, steps)


def select_boxes(boxes_xywh: Tensor, energies: Tensor, setting: Refinement) -> Fit:
    """The mean of the best of boxes (B, N, 4), those of an extreme aspect and those that left all
    bounds left out."""
    corner, size = boxes_xywh.split(2, dim=-1)
    boxes = torch.cat([corner, size.clamp(min=1)], dim=-1)
    aspect = boxes[..., 2] / boxes[..., 3]
    kept = (
        (aspect < setting.max_aspect) & (aspect > 1 / setting.max_aspect) & boxes.isfinite().all(-1)
    )
    count = min(setting.average, boxes.shape[1])
    best = torch.where(kept, energies, -torch.inf).topk(count, dim=1).indices
    taken = kept.gather(1, best)[..., None]
    chosen = boxes.gather(1, best[..., None].expand(-1, -1, 4))
    mean = torch.where(taken, chosen, 0).sum(1) / taken.sum(1).clamp(min=1)
    return Fit(mean, kept.any(dim=1))
