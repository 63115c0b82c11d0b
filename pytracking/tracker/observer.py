"""What an observer of the engine is called with. Without one nothing is computed for it."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ltr.models.tracking_network import BoxEnergies


class Observer(Protocol):
    """Receives named intermediate values of each step, for all B targets at once."""

    def observe(self, name: str, value: Tensor) -> None:
        """`name` is one of, in the order of the calls:

        candidate_boxes (B, N, 4), in pixels of the search crop as (left edge, top edge, w, h), and
        candidate_energies (B, N), a pair a refinement step;
        search_crop (B, 3, n, n) RGB 0..255, the chosen crops; score_map (B, H', W'), their scores;
        windowed_score_map, the same times the window; sample_weights (B, S);
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


def relative_change(before: Tensor, after: Tensor) -> Tensor:
    """(B,) norm of the difference of filters (B, C, K, K) over the norm of the former."""
    change = (after - before).flatten(1).norm(dim=1)
    return change / before.flatten(1).norm(dim=1).clamp(min=1e-12)
