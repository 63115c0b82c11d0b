"""What an observer of the engine is called with. Without one nothing is computed for it."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Observer(Protocol):
    """Receives named intermediate values of each step, for all B targets at once."""

    def observe(self, name: str, value: Tensor) -> None:
        """`name` is one of, in the order of the calls:

        candidate_boxes (B, N, 4), in pixels of the search crop as (left edge, top edge, w, h), and
        candidate_energies (B, N), a pair a refinement step;
        search_crop (B, 3, n, n) RGB 0..255, the chosen crops; score_map (B, H', W'), their scores;
        windowed_score_map, the same times the window; sample_weights (B, S);
        filter_change (B,), relative, zero where the filter was not updated."""
