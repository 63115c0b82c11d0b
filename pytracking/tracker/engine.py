"""The tracker's loop: B targets, one frame each, one pass.

crop -> trunk -> classifier features -> score maps of all rows -> best size -> place and status ->
box -> memory -> one read-back -> filter update. What differs between trackers are the rules that
the engine is given: a `Step` is what they see, an `Estimate` what they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from ltr.crops import crop
from ltr.errors import ConfigError
from ltr.geometry import (
    box_of,
    centre_size,
    kept_inside,
    middle_yx,
    moved_by,
    scale_limits,
    to_crop,
)
from ltr.images import Frame
from ltr.label_maps import hann_window
from ltr.models.tracking_network import Features, Taps, TrackingNetwork
from ltr.transfer import constant, upload
from pytracking.tracker.draws import Draws, checked_seed
from pytracking.tracker.filter_update import UpdatePolicy, iterations_due, learn_filters
from pytracking.tracker.first_frame import dropped_out, first_samples, first_view, first_window
from pytracking.tracker.localization import NOT_FOUND, Localizer, localize
from pytracking.tracker.memory import MemoryRule, first_memory, store, trusted_samples
from pytracking.tracker.observer import Observer, show
from pytracking.tracker.prediction import Box, Prediction, prediction_of
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.refinement import (
    BoxRule,
    as_searched,
    first_bias,
    fit_box,
    fitted_offset,
    random_numbers,
)
from pytracking.tracker.search_area import SearchRule, crop_window, last_location
from pytracking.tracker.size_search import SizeRule, best_rows, best_size, rows_to_search
from pytracking.tracker.state import TrackerState
from pytracking.tracker.step import Estimate, Report, Step, View


class TrackerEngine:
    """One network, one preset, one crop size; any number of targets, whose state it is handed and
    returns. The rules are pure functions, each documented at its type:

    search_rule: where targets are looked for; localizer: where a score map has them; size_rule: how
    large they are (by default the best size searched, or box ascent where the search follows it);
    box_rule: which box near the searched one is reported (by default itself, or box ascent);
    memory_rule: which samples are stored; update_policy: how long each filter is learned."""

    def __init__(
        self,
        net: TrackingNetwork,
        preset: TrackerPreset,
        seed: int = 0,
        *,
        search_rule: SearchRule = last_location,
        localizer: Localizer = localize,
        size_rule: SizeRule | None = None,
        box_rule: BoxRule | None = None,
        memory_rule: MemoryRule = trusted_samples,
        update_policy: UpdatePolicy = iterations_due,
    ) -> None:
        self.net = net
        self.preset = preset
        refines = preset.refinement.space != "none"
        if refines and not net.has_box_head:
            raise ConfigError(
                f"the preset refines boxes in the {preset.refinement.space!r} space, but the "
                "network has no box head: choose another network, or refinement.space=none"
            )
        if self.gives_spread and not net.has_proposals:
            raise ConfigError(
                "the preset samples boxes, but the network has no proposal head: choose another "
                "network, or refinement.method=ascent"
            )
        self.seed = checked_seed(seed)
        self.search_rule = search_rule
        self.localizer = localizer
        follows = preset.refinement.search_follows
        self.size_rule = size_rule or (fit_box if refines and follows else best_size)
        self.box_rule = box_rule or (as_searched if follows or not refines else fitted_offset)
        self.memory_rule = memory_rule
        self.update_policy = update_policy
        self.draws = partial(Draws, self.seed)

    @property
    def gives_spread(self) -> bool:
        """Whether predictions say how sure their boxes are."""
        refinement = self.preset.refinement
        return refinement.space != "none" and refinement.method != "ascent"

    @torch.inference_mode()
    def start(self, frame: Frame, box_xywh: Box, name: str = "target") -> TrackerState:
        """The state of one target after its first frame. `box_xywh` is taken as checked."""
        net, preset, side = self.net, self.preset, self.preset.search.crop_side
        setting, draws = preset.first_frame, self.draws(name)
        centre, size = centre_size(torch.tensor([box_xywh], dtype=torch.float32, device="cpu"))
        scale = size.prod(-1).sqrt() * preset.search.area / side
        limits = scale_limits(size, scale, frame.shape[:2], preset.size.min_side)
        view = first_view(centre, scale, frame.shape[:2], preset.search)
        box = to_crop(centre, size, view.centre_yx, view.scale, side)
        centre, size, scale, limits, box = (
            upload(t, net.device) for t in (centre, size, scale, limits, box)
        )

        window = first_window(view, frame.shape[:2], preset, net.device)
        patch = crop(self._upload([frame]), window)[0]  # (3, E, E)
        first = first_samples(patch, side, setting, draws, view.shift_yx)  # N crops
        corners = box[:, :2] + upload(first.shift_yx, net.device).flip(-1)
        boxes = torch.cat([corners, box[:, 2:].expand(len(corners), -1)], dim=1)  # (N, 4)
        features = net.features(first.crops)
        modulation, bias = self._box_head(features, boxes, draws)
        copies = dropped_out(features.classifier[0], setting, draws)
        samples = torch.cat([features.classifier, copies])[None]  # (1, N + copies, H, W, C)
        boxes = torch.cat([boxes, boxes[:1].expand(len(copies), -1)])[None]

        maps = net.sample_maps(middle_yx(boxes), side)  # (1, N + copies, T, H', W')
        weights = samples.new_full(samples.shape[:2], 1 / samples.shape[1])
        filters = net.first_filter(samples, boxes)  # (1, C, K, K)
        filters = net.learn_filter(filters, samples, maps, weights, setting.iterations)
        return TrackerState(
            names=(name,),
            frame_number=(1,),
            frames_lost=(0,),
            centre_yx=centre,
            size_hw=size,
            scale=scale,
            base_size_hw=size / scale[:, None],
            scale_limits=limits,
            filters=filters,
            modulation=modulation,
            refined_yx=torch.full_like(centre, torch.nan),
            bias_yxhw=bias,
            offset_yxhw=torch.zeros_like(bias),
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
        net, preset, side = self.net, self.preset, self.preset.search.crop_side
        frame_of = [0] * len(state.names) if frame_of is None else list(frame_of)
        sizes = tuple(frames[f].shape[:2] for f in frame_of)
        frame_hw = constant(sizes, net.device, torch.float32)  # (B, 2)
        if net.has_box_head and state.box_head is None:
            state = replace(state, box_head=net.conditioned(state.modulation))

        step = Step(
            net=net,
            preset=preset,
            state=state,
            frame_number=tuple(number + 1 for number in state.frame_number),
            view=self._view(state, self._upload(frames), frame_of, frame_hw),
            grid=net.score_grid(side),
            draws=self.draws,
            observer=observer,
        )
        view = step.view
        estimate = self.size_rule(step, self._locate(step, frame_hw))
        report = self.box_rule(step, estimate)

        box = to_crop(estimate.sample_yx, estimate.size_hw, view.centre_yx, view.scale, side)
        memory = store(
            state.memory,
            view.features.classifier,
            net.sample_maps(middle_yx(box), side),
            self.memory_rule(step, estimate),
            preset.first_frame.count,
            preset.memory,
        )
        predictions = self._read_back(view, estimate, report)
        iterations = self.update_policy(step.frame_number, predictions, preset.update)
        filters = learn_filters(net, state.filters, memory, iterations)
        if observer is not None:
            show(observer, view, state, memory, filters)
        counts = zip(state.frames_lost, predictions, strict=True)
        state = replace(
            state,
            frame_number=step.frame_number,
            frames_lost=tuple((n + 1) * (p.status == "not_found") for n, p in counts),
            centre_yx=estimate.centre_yx,
            size_hw=estimate.size_hw,
            scale=estimate.scale,
            filters=filters,
            refined_yx=estimate.refined_yx,
            offset_yxhw=report.offset_yxhw,
            memory=memory,
        )
        return state, predictions

    def _view(
        self, state: TrackerState, images: list[Tensor], frame_of: list[int], frame_hw: Tensor
    ) -> View:
        """Search all rows, and keep the one in which each target is found best."""
        net, search = self.net, self.preset.search
        rows = rows_to_search(state.frame_number, self.preset.size, net.device)
        centre, scale = (value[rows.target_of] for value in self.search_rule(state))  # (R, 2), (R,)
        window = crop_window(
            centre, scale * rows.ratio, search.crop_side, frame_hw[rows.target_of], search
        )
        crops = crop(images, window, [frame_of[target] for target in rows.targets])
        features = net.features(crops)
        filters, raw = state.filters[rows.target_of], self.preset.localization.raw_scores
        scores = net.scores(features.classifier, filters, raw)  # (R, H', W')
        view = View(
            centre_yx=window.centre_yx,
            scale=window.scale,
            ratio=rows.ratio if search.crop_window == "exact" else window.scale / scale,
            size_hw=window.size_hw,
            crops=crops,
            features=features,
            scores=scores,
            windowed_scores=self._windowed(scores),
        )
        if len(rows.targets) == len(state.names):
            return view
        return view.rows(best_rows(rows, view.windowed_scores.amax(dim=(1, 2))))

    def _locate(self, step: Step, frame_hw: Tensor) -> Estimate:
        """Where the score maps have the targets; sizes are those of the last frame."""
        state, view, setting = step.state, step.view, self.preset.localization
        cell = view.scale[:, None] * step.grid.stride  # (B, 1) frame pixels
        location = self.localizer(
            view.scores,
            view.windowed_scores,
            (state.centre_yx - view.centre_yx) / cell + step.grid.middle,
            state.size_hw / cell,
            setting,
        )
        peak = view.centre_yx + (location.cell_yx - step.grid.middle) * cell
        peak = kept_inside(peak, state.size_hw, frame_hw, setting.inside)
        peak = torch.where((location.status != NOT_FOUND)[:, None], peak, state.centre_yx)
        return Estimate(
            status=location.status,
            peak_yx=peak,
            sample_yx=peak,
            centre_yx=peak,
            refined_yx=state.refined_yx,
            size_hw=state.size_hw,
            scale=state.scale,
        )

    def _windowed(self, scores: Tensor) -> Tensor:
        setting, area = self.preset.localization, self.preset.search.area
        if not setting.hann_window:
            return scores
        side = scores.shape[-1]
        effective = int(side * (setting.hann_window_area or area) / area)
        return scores * hann_window(side, effective, self.net.device)

    def _box_head(
        self, features: Features, boxes_xywh: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Modulation (1, M), from the first sample or the mean of all upright ones, and bias (1, 4)
        on these."""
        net, setting, bias = self.net, self.preset.refinement, boxes_xywh.new_zeros(1, 4)
        if not net.has_box_head:
            return boxes_xywh.new_zeros(1, 0), bias
        upright = self.preset.first_frame.upright
        count, boxes = upright if setting.augmented else 1, boxes_xywh[:upright]
        taps, own = (Taps(*(t[:n] for t in features.taps)) for n in (upright, count))
        modulation = net.modulation(own, boxes[:count]).mean(0, keepdim=True)
        if setting.calibration and setting.space != "none":
            head = net.conditioned(modulation.expand(upright, -1))
            uniform = upload(random_numbers(draws, 1, setting), net.device)
            bias = first_bias(head, taps, boxes, uniform, self.preset)
        return modulation, bias

    def _upload(self, frames: Sequence[Frame]) -> list[Tensor]:
        return [upload(torch.from_numpy(frame), self.net.device) for frame in frames]

    def _read_back(self, view: View, estimate: Estimate, report: Report) -> list[Prediction]:
        """All that the host is told of a frame, in one transfer."""
        boxes = box_of(*moved_by(estimate.centre_yx, estimate.size_hw, report.offset_yxhw))
        areas = box_of(view.centre_yx, view.size_hw)
        score = view.scores.amax(dim=(1, 2))[:, None]
        columns = [boxes, areas, score, estimate.status[:, None]]
        if report.spread is not None:
            columns.append(report.spread.flatten(1))
        table = torch.cat(columns, dim=1).tolist()
        return [prediction_of(row, self.preset.output.not_found_box) for row in table]
