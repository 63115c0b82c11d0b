"""The tracker's loop: B targets, one frame each, one pass.

crop -> trunk -> classifier features -> score maps of all rows -> best size -> peak -> memory -> one read-back ->
filter update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor

from ltr.crops import Window, crop, exact_window, published_window
from ltr.geometry import box_of, centre_size
from ltr.images import Frame
from ltr.label_maps import gaussian
from ltr.models.classifier.linear_filter import apply_filter
from ltr.models.folding import InferenceNet
from ltr.models.tracker_net import STRIDE
from pytracking.tracker.draws import Draws
from pytracking.tracker.first_frame import first_samples, patch_side
from pytracking.tracker.localization import find_peak
from pytracking.tracker.memory import first_memory, store
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import Box, Prediction
from pytracking.tracker.presets import TrackerPreset
from pytracking.tracker.size_search import best_rows, rows_to_search, scale_limits
from pytracking.tracker.state import TrackerState, select


class TrackerEngine:
    """One network, one preset, one crop size; any number of targets, whose state it is handed and returns."""

    def __init__(self, net: InferenceNet, preset: TrackerPreset, seed: int = 0) -> None:
        self.net = net
        self.preset = preset
        self.seed = seed

    @torch.inference_mode()
    def start(self, frame: Frame, box_xywh: Box, name: str = "target") -> TrackerState:
        """The state of one target after its first frame. `box_xywh` is taken as checked."""
        net, preset, side = self.net, self.preset, self.preset.search.crop_side
        centre, size = centre_size(torch.tensor([box_xywh], dtype=torch.float32, device=net.device))
        scale = size.prod(-1).sqrt() * preset.search.area / side
        expanded = patch_side(side, preset.first_frame.expansion)
        image = self._upload([frame])
        window = self._window(centre, scale, expanded, image, [0])
        patch = crop(image, window)[0]
        crops, shift = first_samples(patch, side, preset.first_frame, Draws(self.seed, name))
        samples = net.classifier_features(crops)[None]

        target = (samples.shape[2] / 2) + shift / STRIDE + (centre - window.centre_yx) / scale[:, None] / STRIDE
        labels = self._label(target, samples)[None]
        weights = samples.new_full(samples.shape[:2], 1 / samples.shape[1])
        filters = net.initial_filter(samples)
        filters = net.learn_filter(filters, samples, labels, weights, preset.first_frame.iterations)
        return TrackerState(
            names=(name,),
            frame=(1,),
            centre_yx=centre,
            size_hw=size,
            scale=scale,
            base_size_hw=size / scale[:, None],
            scale_limits=scale_limits(size, scale, frame.shape[:2], preset.size.min_side),
            filters=filters,
            memory=first_memory(samples, labels, preset.memory.size),
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

        frames: the different frames; frame_of: for each target the index of its own (default: all see frame 0).
        Returns the new state and a prediction a target. The memory of `state` is written in place: keep
        `state.copy()` to go back."""
        preset, images = self.preset, self._upload(frames)
        frame_of = [0] * len(state.names) if frame_of is None else list(frame_of)
        state = replace(state, frame=tuple(number + 1 for number in state.frame))

        rows = rows_to_search(state.frame, preset.size, self.net.device)
        frame_of_row = [frame_of[target] for target in rows.targets]
        window = self._window(
            state.centre_yx[rows.target_of],
            state.scale[rows.target_of] * rows.ratio,
            preset.search.crop_side,
            images,
            frame_of_row,
        )
        crops = crop(images, window, frame_of_row)
        features = self.net.classifier_features(crops)
        scores = apply_filter(features[:, None], state.filters[rows.target_of])[:, 0]
        chosen = best_rows(rows, scores.amax(dim=(1, 2)))

        peak = find_peak(scores[chosen])
        found = peak.score >= preset.localization.not_found_threshold
        from_middle = peak.cell_yx - (scores.shape[-1] - 1) / 2
        moved = window.centre_yx[chosen] + from_middle * STRIDE * window.scale[chosen, None]
        scale = state.scale * rows.ratio[chosen] ** preset.size.follow
        scale = torch.where(found, scale.clamp(*state.scale_limits.unbind(1)), state.scale)
        state = replace(
            state,
            centre_yx=torch.where(found[:, None], moved, state.centre_yx),
            scale=scale,
            size_hw=state.base_size_hw * scale[:, None],
            memory=store(
                state.memory,
                features[chosen],
                self._label(peak.cell_yx, features),
                found & (peak.score > preset.memory.store_threshold),
                preset.memory.learning_rate,
                preset.first_frame.count,
                preset.memory.first_samples_weight,
            ),
        )
        predictions = self._read_back(state, peak.score, found, window, chosen)
        previous = state.filters
        state = self._update_filters(state)
        if observer is not None:
            observer.observe("search_crop", crops[chosen])
            observer.observe("score_map", scores[chosen])
            observer.observe("sample_weights", state.memory.weights)
            observer.observe(
                "filter_change", (state.filters - previous).flatten(1).norm(dim=1) / previous.flatten(1).norm(dim=1)
            )
        return state, predictions

    def _update_filters(self, state: TrackerState) -> TrackerState:
        """Learn the filters of those targets anew whose frame is due, from their own memories."""
        update = self.preset.update
        due = [b for b, number in enumerate(state.frame) if (number - 1) % update.interval == 0]
        if not due:
            return state
        part = state if len(due) == len(state.frame) else select(state, due)
        memory = part.memory
        filters = self.net.learn_filter(part.filters, memory.samples, memory.labels, memory.weights, update.iterations)
        if part is not state:
            filters = state.filters.index_copy(0, torch.tensor(due, device=filters.device), filters)
        return replace(state, filters=filters)

    def _window(self, centre: Tensor, scale: Tensor, side: int, images: list[Tensor], frame_of: list[int]) -> Window:
        """The windows of `side` crop pixels around centres (R, 2) at scales (R,)."""
        size = (scale * side)[:, None].expand(-1, 2)
        if self.preset.search.crop_window == "exact":
            return exact_window(centre, size, (side, side))
        frame_hw = _sizes(tuple(images[f].shape[:2] for f in frame_of), centre.device)
        return published_window(centre, size, (side, side), frame_hw, self.preset.search.crop_window)

    def _label(self, cell_yx: Tensor, features: Tensor) -> Tensor:
        """Label maps (..., H', W') with their peak at `cell_yx` (..., 2)."""
        extra = (self.net.config.filter_size + 1) % 2
        size = (features.shape[-3] + extra, features.shape[-2] + extra)
        return gaussian(cell_yx, self.preset.classifier.label_sigma, size)

    def _upload(self, frames: Sequence[Frame]) -> list[Tensor]:
        return [torch.from_numpy(frame).to(self.net.device) for frame in frames]

    @staticmethod
    def _read_back(
        state: TrackerState, score: Tensor, found: Tensor, window: Window, chosen: Tensor
    ) -> list[Prediction]:
        """All that the host is told of a frame, in one transfer."""
        boxes = box_of(state.centre_yx, state.size_hw)
        areas = box_of(window.centre_yx[chosen], window.size_hw[chosen])
        table = torch.cat([boxes, areas, score[:, None], found[:, None]], dim=1).tolist()
        return [
            Prediction(tuple(row[:4]), row[8], "found" if row[9] else "not_found", tuple(row[4:8])) for row in table
        ]


@lru_cache(maxsize=64)
def _sizes(shapes: tuple[tuple[int, int], ...], device: torch.device) -> Tensor:
    """(N, 2) sizes of frames; cached, so that the host does not send the same numbers at every step."""
    return torch.tensor(shapes, device=device)
