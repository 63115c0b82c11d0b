"""The tracker's loop: B targets, one frame each, one pass.

crop -> trunk -> classifier features -> score maps of all rows -> best size -> place and status ->
box -> memory -> one read-back -> filter update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.crops import Window, crop, exact_window, published_window
from ltr.errors import ConfigError
from ltr.geometry import box_of, centre_size, from_crop, kept_inside, to_crop
from ltr.images import Frame
from ltr.models.backbone import Taps
from ltr.models.classifier.linear_filter import apply_filter
from ltr.models.folding import InferenceNet
from ltr.models.stride import STRIDE
from ltr.transfer import constant, upload
from pytracking.tracker.draws import Draws
from pytracking.tracker.filter_update import UpdatePolicy, iterations_due, update_filters
from pytracking.tracker.first_frame import dropped_out, first_samples, first_view, patch_side
from pytracking.tracker.localization import (
    FOUND,
    HARD_NEGATIVE,
    NOT_FOUND,
    UNCERTAIN,
    hann_window,
    localize,
)
from pytracking.tracker.memory import first_memory, store
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import STATUSES, Box, Prediction
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.refinement import ascend, candidates, select_boxes
from pytracking.tracker.size_search import best_rows, rows_to_search, scale_limits
from pytracking.tracker.state import TrackerState


class View(NamedTuple):
    """What each target is seen in: one row a target."""

    centre_yx: Tensor
    """(B, 2) frame pixels."""
    scale: Tensor
    """(B,) frame pixels per crop pixel."""
    ratio: Tensor
    """(B,) scale over the target's last one."""
    size_hw: Tensor
    """(B, 2) frame pixels."""
    crops: Tensor
    """(B, 3, n, n), RGB 0..255."""
    stride8: Tensor
    stride16: Tensor
    """The trunk's taps, (B, C8, n/8, n/8) and (B, C16, n/16, n/16)."""
    features: Tensor
    """(B, H, W, C)."""
    scores: Tensor
    """(B, H', W')."""
    weighed: Tensor
    """The scores times the window."""


class TrackerEngine:
    """One network, one preset, one crop size; any number of targets, whose state it is handed and
    returns.

    update_policy: decides after each frame by how many descent steps each filter is learned."""

    def __init__(
        self,
        net: InferenceNet,
        preset: TrackerPreset,
        seed: int = 0,
        update_policy: UpdatePolicy = iterations_due,
    ) -> None:
        if preset.refinement.space != "none" and net.box_head is None:
            raise ConfigError(
                f"the preset refines boxes in the {preset.refinement.space!r} space, but the "
                "network has no box head: "
                "choose another network, or refinement.space=none"
            )
        self.net = net
        self.preset = preset
        self.seed = seed
        self.update_policy = update_policy
        self.draws = partial(Draws, seed)

    @torch.inference_mode()
    def start(self, frame: Frame, box_xywh: Box, name: str = "target") -> TrackerState:
        """The state of one target after its first frame. `box_xywh` is taken as checked."""
        net, preset, side, draws = (
            self.net,
            self.preset,
            self.preset.search.crop_side,
            self.draws(name),
        )
        centre, size = centre_size(torch.tensor([box_xywh], dtype=torch.float32))
        scale = size.prod(-1).sqrt() * preset.search.area / side
        limits = scale_limits(size, scale, frame.shape[:2], preset.size.min_side)
        view = first_view(centre, scale, frame.shape[:2], preset.search)
        box = to_crop(centre, size, view.centre_yx, view.scale, side)
        centre, size, scale, limits, box = (
            upload(t, net.device) for t in (centre, size, scale, limits, box)
        )

        image = self._upload([frame])
        window = self._window(
            upload(view.centre_yx, net.device),
            upload(view.scale, net.device),
            patch_side(side, preset.first_frame.expansion),
            constant((frame.shape[:2],), net.device, torch.float32),
            first=True,
        )
        made = first_samples(crop(image, window)[0], side, preset.first_frame, draws, view.shift_yx)
        boxes = torch.cat(
            [
                box[:, :2] + upload(made.shift_yx, net.device).flip(-1),
                box[:, 2:].expand(len(made.crops), -1),
            ],
            1,
        )
        taps = net.trunk(made.crops)
        samples = net.classify(taps.stride16)
        modulation = self._modulation(taps, boxes)
        samples = torch.cat([samples, dropped_out(samples[0], preset.first_frame, draws)])[None]
        boxes = torch.cat([boxes, boxes[:1].expand(preset.first_frame.dropout_copies, -1)])[None]

        maps = self._sample_maps(boxes[..., :2] + boxes[..., 2:] / 2, samples)
        weights = samples.new_full(samples.shape[:2], 1 / samples.shape[1])
        filters = net.initial_filter(samples, boxes)
        filters = net.learn_filter(filters, samples, maps, weights, preset.first_frame.iterations)
        return TrackerState(
            names=(name,),
            frame=(1,),
            centre_yx=centre,
            size_hw=size,
            scale=scale,
            base_size_hw=size / scale[:, None],
            scale_limits=limits,
            filters=filters,
            modulation=modulation,
            refined_yx=torch.full_like(centre, torch.nan),
            memory=first_memory(samples, maps, preset.memory.size),
        )

    @torch.inference_mode()
    def step(
        self,
        state: TrackerState,
        frames: Sequence[Frame],
        frame_of: Sequence[int] | None = None,
        observer: Observer | None = None,
    ) -> tuple[TrackerState, list[Prediction]]:
        """Track all B targets of `state` one frame further.

        frames: the different frames; frame_of: for each target the index of its own (default: all
        see frame 0). Returns the new state and a prediction a target. The memory of `state` is
        written in place: keep `state.copy()` to go back."""
        preset, images = self.preset, self._upload(frames)
        frame_of = [0] * len(state.names) if frame_of is None else list(frame_of)
        frame_hw = constant(
            tuple(frames[f].shape[:2] for f in frame_of), self.net.device, torch.float32
        )
        state = replace(state, frame=tuple(number + 1 for number in state.frame))

        view = self._look(state, images, frame_of, frame_hw)
        middle = (view.scores.shape[-1] - 1) / 2
        cell = view.scale[:, None] * STRIDE
        last = (state.centre_yx - view.centre_yx) / cell + middle
        place = localize(view.scores, view.weighed, last, state.size_hw / cell, preset.localization)
        found = place.status != NOT_FOUND
        centre = view.centre_yx + (place.cell_yx - middle) * cell
        centre = kept_inside(centre, state.size_hw, frame_hw, preset.localization.inside)
        state = replace(state, centre_yx=torch.where(found[:, None], centre, state.centre_yx))
        resize = self._follow_size if preset.refinement.space == "none" else self._fit_box
        state = resize(state, view, place.status, observer)
        state = self._remember(state, view, place.status)
        refined = found[:, None] & state.refined_yx.isfinite()
        state = replace(state, centre_yx=torch.where(refined, state.refined_yx, state.centre_yx))

        predictions = self._read_back(state, view, place.status)
        previous = state.filters
        state = update_filters(
            self.net, state, self.update_policy(state.frame, predictions, preset.update)
        )
        if observer is not None:
            observer.observe("search_crop", view.crops)
            observer.observe("score_map", view.scores)
            observer.observe("weighed_score_map", view.weighed)
            observer.observe("sample_weights", state.memory.weights)
            change = (state.filters - previous).flatten(1).norm(dim=1) / previous.flatten(1).norm(
                dim=1
            ).clamp(min=1e-12)
            observer.observe("filter_change", change)
        return state, predictions

    def _look(
        self, state: TrackerState, images: list[Tensor], frame_of: list[int], frame_hw: Tensor
    ) -> View:
        """Search all rows, and keep the one in which each target is found best."""
        preset, setting = self.preset, self.preset.localization
        rows = rows_to_search(state.frame, preset.size, self.net.device)
        window = self._window(
            state.centre_yx[rows.target_of],
            state.scale[rows.target_of] * rows.ratio,
            preset.search.crop_side,
            frame_hw[rows.target_of],
        )
        crops = crop(images, window, [frame_of[target] for target in rows.targets])
        taps = self.net.trunk(crops)
        features = self.net.classify(taps.stride16)
        raw = apply_filter(features[:, None], state.filters[rows.target_of])[:, 0]
        scores = raw if setting.raw_scores else self.net.scores(raw)
        weighed = scores * self._hann(scores.shape[-1]) if setting.window else scores
        rounded = preset.search.crop_window != "exact"
        parts: tuple[Tensor, ...] = (
            window.centre_yx,
            window.scale,
            window.scale / state.scale[rows.target_of] if rounded else rows.ratio,
            window.size_hw,
            crops,
            *taps,
            features,
            scores,
            weighed,
        )
        if len(rows.targets) > len(state.names):
            chosen = best_rows(rows, weighed.amax(dim=(1, 2)))
            parts = tuple(part[chosen] for part in parts)
        return View(*parts)

    def _follow_size(
        self, state: TrackerState, view: View, status: Tensor, observer: Observer | None
    ) -> TrackerState:
        """The size that the target was found best in."""
        scale = state.scale * view.ratio**self.preset.size.follow
        scale = torch.where(
            status != NOT_FOUND, scale.clamp(*state.scale_limits.unbind(1)), state.scale
        )
        return replace(state, scale=scale, size_hw=state.base_size_hw * scale[:, None])

    def _fit_box(
        self, state: TrackerState, view: View, status: Tensor, observer: Observer | None
    ) -> TrackerState:
        """The size and place that the box head likes best near the place that the filter found."""
        head, setting, side = (
            self.net.box_head,
            self.preset.refinement,
            self.preset.search.crop_side,
        )
        assert head is not None
        box = to_crop(state.centre_yx, state.size_hw, view.centre_yx, view.scale, side)
        drawn = [
            self.draws(n).boxes(f, setting.random_boxes)
            for n, f in zip(state.names, state.frame, strict=True)
        ]
        boxes = candidates(box, upload(torch.stack(drawn), box.device), setting)
        conditioned = head.conditioned(state.modulation)
        energies_of = conditioned.energies_of(Taps(view.stride8, view.stride16), boxes)
        boxes, energies = ascend(energies_of, boxes, setting, observer)
        fitted = select_boxes(boxes, energies, setting)
        centre, size = from_crop(fitted.box_xywh, view.centre_yx, view.scale, side)
        if setting.half_pixel_shift:
            centre = centre + view.scale[:, None] / 2
        accepted = fitted.accepted & (status != NOT_FOUND)
        fallback = state.refined_yx if setting.stale_place else state.centre_yx
        rescaled = accepted if setting.size_when_uncertain else accepted & (status != UNCERTAIN)
        scale = (size.prod(-1) / state.base_size_hw.prod(-1)).sqrt()
        learned = accepted & setting.learn_refined
        return replace(
            state,
            centre_yx=torch.where(learned[:, None], centre, state.centre_yx),
            size_hw=torch.where(accepted[:, None], size, state.size_hw),
            scale=torch.where(rescaled, scale, state.scale),
            refined_yx=torch.where(accepted[:, None], centre, fallback),
        )

    def _remember(self, state: TrackerState, view: View, status: Tensor) -> TrackerState:
        """Store the samples of those targets whose frame can be trusted."""
        setting, side = self.preset.memory, self.preset.search.crop_side
        box = to_crop(state.centre_yx, state.size_hw, view.centre_yx, view.scale, side)
        hard = status == HARD_NEGATIVE
        due = constant(
            tuple(number % setting.interval == 0 for number in state.frame), box.device, torch.bool
        )
        memory = store(
            state.memory,
            view.features,
            self._sample_maps(box[:, :2] + box[:, 2:] / 2, view.features),
            ((status == FOUND) & due) | hard,
            torch.where(hard, setting.hard_negative_rate, setting.learning_rate),
            self.preset.first_frame.count,
            setting,
        )
        return replace(state, memory=memory)

    def _window(
        self, centre: Tensor, scale: Tensor, side: int, frame_hw: Tensor, first: bool = False
    ) -> Window:
        """The windows of `side` crop pixels around centres (R, 2) at scales (R,), in frames of
        sizes (R, 2). The first frame's always shows what lies around the target, beyond the border
        if need be."""
        size, search = (scale * side)[:, None].expand(-1, 2), self.preset.search
        if search.crop_window == "exact":
            return exact_window(centre, size, (side, side))
        border = "replicate" if first else search.border
        return published_window(
            centre,
            size,
            (side, side),
            frame_hw,
            search.crop_window,
            border,
            search.max_scale_change,
        )

    def _sample_maps(self, middle_xy: Tensor, features: Tensor) -> Tensor:
        """What samples (..., H, W, C) with the target's middle at crop pixels (..., 2) ask of the
        filter."""
        odd = self.net.config.filter_size % 2
        size = (features.shape[-3] + 1 - odd, features.shape[-2] + 1 - odd)
        cell_yx = middle_xy.flip(-1) / STRIDE - odd / 2
        return self.net.sample_maps(cell_yx, size)

    def _modulation(self, taps: Taps, boxes: Tensor) -> Tensor:
        """The target's modulation (1, M), from the first sample or the mean of all but the rotated
        ones."""
        if self.net.box_head is None:
            return boxes.new_zeros(1, 0)
        setting = self.preset.first_frame
        count = (
            1 + len(setting.shifts) + setting.flip + len(setting.blurs)
            if self.preset.refinement.augmented
            else 1
        )
        return self.net.box_head.modulation(
            Taps(*(tap[:count] for tap in taps)), boxes[:count]
        ).mean(0, keepdim=True)

    def _hann(self, size: int) -> Tensor:
        area = self.preset.localization.window_area or self.preset.search.area
        return hann_window(size, int(size * area / self.preset.search.area), self.net.device)

    def _upload(self, frames: Sequence[Frame]) -> list[Tensor]:
        return [upload(torch.from_numpy(frame), self.net.device) for frame in frames]

    def _read_back(self, state: TrackerState, view: View, status: Tensor) -> list[Prediction]:
        """All that the host is told of a frame, in one transfer."""
        boxes = box_of(state.centre_yx, state.size_hw)
        areas = box_of(view.centre_yx, view.size_hw)
        score = view.scores.amax(dim=(1, 2))
        table = torch.cat([boxes, areas, score[:, None], status[:, None]], dim=1).tolist()
        predictions = [
            Prediction(tuple(r[:4]), r[8], STATUSES[int(r[9])], tuple(r[4:8])) for r in table
        ]
        if self.preset.output.not_found_box:
            nowhere: Box = (-1.0, -1.0, -1.0, -1.0)
            predictions = [
                replace(p, box=nowhere) if p.status == "not_found" else p for p in predictions
            ]
        return predictions
