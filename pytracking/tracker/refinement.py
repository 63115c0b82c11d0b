"""Fitting the box: gradient ascent on the energy of several boxes at once, and what becomes of them
(ATOM, Danelljan et al. 2019, section 3.4; Gustafsson et al. 2020, section 4). The search follows
the fitted box (`fit_box`, a size rule), or it is only reported (`fitted_offset`, a box rule)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.errors import ConfigError
from ltr.geometry import from_crop, middle_yx, moved_back, moved_by, offset_of, share_of, to_crop
from ltr.models.box.ascent import (
    Fit,
    ascend,
    candidates,
    select_boxes,
    step_lengths,
)
from ltr.models.box.sampling import sample_boxes
from ltr.models.tracking_network import ConditionedHead, Taps
from ltr.transfer import upload
from pytracking.tracker.draws import Draws
from pytracking.tracker.localization import NOT_FOUND, UNCERTAIN
from pytracking.tracker.observer import Observer, shown_to
from pytracking.tracker.preset_settings import Refinement, TrackerPreset
from pytracking.tracker.step import Estimate, Report, Step

BoxRule = Callable[[Step, Estimate], Report]
"""What is searched and learned from -> the box that is reported, at an offset from it; pure. What
is searched cannot hang on it."""


class Fitted(NamedTuple):
    """The fitted box of each target, in the frame."""

    centre_yx: Tensor
    """(B, 2)"""
    size_hw: Tensor
    """(B, 2)"""
    accepted: Tensor
    """(B,) whether the target was found and any box accepted."""
    spread: Tensor | None
    """As in `Report`."""


def as_searched(step: Step, estimate: Estimate) -> Report:
    """No offset: the box that is searched is reported."""
    return Report(torch.zeros_like(step.state.offset_yxhw), estimate.spread)


def fitted_offset(step: Step, estimate: Estimate) -> Report:
    """The box that the head likes best near the searched one; the last offset where the target was
    not found or all boxes were rejected. Raises ConfigError for a network without a box head."""
    searched = estimate.centre_yx, estimate.size_hw
    fitted = _fitted(step, estimate, *searched)
    offset = offset_of(fitted.centre_yx, fitted.size_hw, *searched)
    offset = torch.where(fitted.accepted[:, None], offset, step.state.offset_yxhw)
    return Report(offset, fitted.spread)


def fit_box(step: Step, estimate: Estimate) -> Estimate:
    """The size and place that the box head likes best near the place that the filter found.
    Raises ConfigError for a network without one."""
    state, setting = step.state, step.preset.refinement
    fitted = _fitted(step, estimate, estimate.peak_yx, state.size_hw)
    centre, size, accepted = fitted.centre_yx, fitted.size_hw, fitted.accepted
    sure = accepted if setting.size_when_uncertain else accepted & (estimate.status != UNCERTAIN)
    stays = estimate.peak_yx
    if setting.stale_place:
        stale = (estimate.status != NOT_FOUND)[:, None] & state.refined_yx.isfinite()
        stays = torch.where(stale, state.refined_yx, stays)
    learned = (accepted & setting.learn_refined)[:, None]
    return estimate._replace(
        sample_yx=torch.where(learned, centre, estimate.peak_yx),
        centre_yx=torch.where(accepted[:, None], centre, stays),
        refined_yx=torch.where(accepted[:, None], centre, state.refined_yx),
        size_hw=torch.where(accepted[:, None], size, state.size_hw),
        scale=torch.where(sure, (size.prod(-1) / state.base_size_hw.prod(-1)).sqrt(), state.scale),
        spread=fitted.spread,
    )


def first_bias(
    head: ConditionedHead, taps: Taps, boxes_xywh: Tensor, uniform: Tensor, preset: TrackerPreset
) -> Tensor:
    """(1, 4) the offset of what the box head makes of the given box to that box: the median over N
    upright samples of the first frame, 0 where it rejects all.

    head: of the target, N times; boxes_xywh: (N, 4); uniform: (n, .), `random_numbers`."""
    uniform = uniform.expand(len(boxes_xywh), -1, -1)
    fit = _fit(head, taps, boxes_xywh, uniform, preset.refinement)
    fitted, given = ((middle_yx(box), box[:, 2:].flip(-1)) for box in (fit.box_xywh, boxes_xywh))
    offset = offset_of(*fitted, *given)
    if preset.first_frame.flip:  # a mirror says nothing of left and right
        offset[1 + len(preset.first_frame.shifts), 1] = torch.nan
    offset = torch.where(fit.accepted[:, None], offset, torch.nan)
    most = preset.refinement.calibration
    return offset.nanquantile(0.5, dim=0, keepdim=True).nan_to_num(0.0).clamp(-most, most)


def random_numbers(draws: Draws, frame_number: int, setting: Refinement) -> Tensor:
    """(n, 4) numbers of [0, 1) that `candidates` takes, or (M, 5) that `sample_boxes` takes."""
    if setting.method == "ascent":
        return draws.boxes(frame_number, setting.random_boxes)
    return draws.samples(frame_number, setting.samples)


def _fitted(step: Step, estimate: Estimate, centre_yx: Tensor, size_hw: Tensor) -> Fitted:
    """Boxes fitted near those given, less their bias, by their share."""
    state, view, setting = step.state, step.view, step.preset.refinement
    if state.box_head is None:
        raise ConfigError("boxes are to be fitted, but the network has no box head: choose another")
    window = view.centre_yx, view.scale, step.preset.search.crop_side
    box = to_crop(centre_yx, size_hw, *window)  # (B, 4)
    targets = zip(state.names, step.frame_number, strict=True)
    drawn = [random_numbers(step.draws(name), k, setting) for name, k in targets]
    uniform = upload(torch.stack(drawn), box.device)
    fit = _fit(state.box_head, view.features.taps, box, uniform, setting, step.observer)
    centre, size = from_crop(fit.box_xywh, *window)
    if setting.half_pixel_shift:
        centre = centre + view.scale[:, None] / 2
    if setting.calibration:
        centre, size = moved_back(centre, size, state.bias_yxhw)
    if setting.share != (1, 1, 1):
        near = centre_yx, size_hw
        offset = share_of(offset_of(centre, size, *near), *setting.share)
        centre, size = moved_by(*near, offset)
    spread = None if fit.spread is None else fit.spread * view.scale[:, None, None]
    return Fitted(centre, size, fit.accepted & (estimate.status != NOT_FOUND), spread)


def _fit(
    head: ConditionedHead,
    taps: Taps,
    box_xywh: Tensor,
    uniform: Tensor,
    setting: Refinement,
    observer: Observer | None = None,
) -> Fit:
    steps = step_lengths(setting.step, setting.step_decay, setting.iterations)
    if setting.method == "ascent":
        boxes = candidates(box_xywh, uniform, setting.jitter_position, setting.jitter_size)
        energies_of = shown_to(observer, head.energies_of(taps, boxes))
        boxes, energies = ascend(energies_of, boxes, setting.space, steps)
        return select_boxes(boxes, energies, setting.average, setting.max_aspect)
    proposals = head.proposals_of(taps, box_xywh)
    sampled = sample_boxes(proposals, box_xywh, uniform, setting.energy_share)
    if observer is not None:
        observer.observe("candidate_boxes", sampled.boxes_xywh)
        observer.observe("candidate_energies", sampled.sample.scores)
    boxes = sampled.mean_xywh[:, None]
    if setting.method == "sampling_ascent":
        boxes, _ = ascend(shown_to(observer, proposals.energies), boxes, setting.space, steps)
    fit = select_boxes(boxes, torch.zeros_like(boxes[..., 0]), 1, setting.max_aspect)
    return fit._replace(spread=sampled.spread())
