"""Where a target is looked for: the window of a frame that its crop shows."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ltr.crops import CropWindow, exact_window
from ltr.published_windows import published_window
from pytracking.tracker.preset_settings import Search
from pytracking.tracker.state import TrackerState

SearchRule = Callable[[TrackerState], tuple[Tensor, Tensor]]
"""State after the last frame -> centres (B, 2), frame pixels, and scales (B,), frame pixels per
crop pixel, that are searched in the next one; pure. It may look at `state.frames_lost`."""


def last_location(state: TrackerState) -> tuple[Tensor, Tensor]:
    """Every target is looked for where and as large as it was last, found again or not."""
    return state.centre_yx, state.scale


def crop_window(
    centre_yx: Tensor, scale: Tensor, side: int, frame_hw: Tensor, search: Search
) -> CropWindow:
    """Windows of `side` crop pixels around centres (R, 2) at scales (R,); frame sizes (R, 2)."""
    size = (scale * side)[:, None].expand(-1, 2)
    if search.crop_window == "exact":
        return exact_window(centre_yx, size, (side, side))
    rules = (search.crop_window, search.border, search.max_scale_change)
    return published_window(centre_yx, size, (side, side), frame_hw, *rules)
