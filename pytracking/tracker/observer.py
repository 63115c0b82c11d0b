"""What an observer of the engine is called with. Without one nothing is computed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from ltr.models.tracking_network import BoxEnergies

if TYPE_CHECKING:
    from pytracking.tracker.state import SampleMemory, TrackerState
    from pytracking.tracker.step import View


class Observer(Protocol):
    """Receives named intermediate values of each step, for all B targets at once."""

    def observe(self, name: str, value: Tensor) -> None:
        """`name` is one of, in the order of the calls:

        candidate_boxes (B, N, 4), in pixels of the search crop as (left edge, top edge, w, h), and
        candidate_energies (B, N), a pair a refinement step; of boxes that are sampled the
        logarithm of what weighs them, energy and proposal by their shares;
        search_crop (B, 3, n, n) RGB 0..255, the chosen crops; score_map (B, H', W'), their scores;
        windowed_score_map, the same times the window;
        stored_slot (B,), where in memory the sample of this frame lies now, -1 where it was not
        stored; sample_weights (B, S); filter_norm (B,), after the step;
        filter_change (B,), relative, zero where the filter was not updated."""


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


def show(
    observer: Observer, view: View, before: TrackerState, memory: SampleMemory, filters: Tensor
) -> None:
    """Tell the observer of a step that led from the state `before` to this memory and filters."""
    stored = memory.count > before.memory.count
    observer.observe("search_crop", view.crops)
    observer.observe("score_map", view.scores)
    observer.observe("windowed_score_map", view.windowed_scores)
    observer.observe("stored_slot", torch.where(stored, memory.previous, -1))
    observer.observe("sample_weights", memory.weights)
    observer.observe("filter_norm", filters.flatten(1).norm(dim=1))
    observer.observe("filter_change", relative_change(before.filters, filters))


def relative_change(before: Tensor, after: Tensor) -> Tensor:
    """(B,) norm of the difference of filters (B, C, K, K) over the norm of the former."""
    change = (after - before).flatten(1).norm(dim=1)
    return change / before.flatten(1).norm(dim=1).clamp(min=1e-12)
