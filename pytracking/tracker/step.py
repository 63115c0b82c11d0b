"""What one step sees, and what it makes of it: the values that the rules of a tracker pass on.

None is written to. The engine takes the last estimate into the state, once, at the step's end."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from ltr.models.tracking_network import Features, ScoreGrid, TrackingNetwork
from pytracking.tracker.draws import Draws
from pytracking.tracker.observer import Observer
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.state import TrackerState


class View(NamedTuple):
    """What each target is seen in: one row a target, or a size that is tried for one."""

    centre_yx: Tensor
    """(B, 2) frame pixels."""
    scale: Tensor
    """(B,) frame pixels per crop pixel."""
    ratio: Tensor
    """(B,) scale over the one that was searched at the last size."""
    size_hw: Tensor
    """(B, 2) frame pixels."""
    crops: Tensor
    """(B, 3, n, n), RGB 0..255."""
    features: Features
    scores: Tensor
    """(B, H', W')."""
    windowed_scores: Tensor
    """(B, H', W'), the scores times the Hann window."""

    def rows(self, chosen: Tensor) -> View:
        """The given rows of every tensor."""

        def select(value):  # type: ignore[no-untyped-def]
            return value[chosen] if isinstance(value, Tensor) else type(value)(*map(select, value))

        return select(self)


class Step(NamedTuple):
    """What a rule may look at."""

    net: TrackingNetwork
    preset: TrackerPreset
    state: TrackerState
    """As it was after the last frame."""
    frame_number: tuple[int, ...]
    """Of each target, in this frame; the first frame is 1."""
    view: View
    grid: ScoreGrid
    """Of the score maps of `view`."""
    draws: Callable[[str], Draws]
    """The random draws of a target, by name."""
    observer: Observer | None


class Estimate(NamedTuple):
    """What a step says of its B targets so far. Places are centres (B, 2) in frame pixels."""

    status: Tensor
    """(B,) the number of a status."""
    peak_yx: Tensor
    """Where the score map has the target; its last place where it was not found."""
    sample_yx: Tensor
    """Where the sample of this frame has the target."""
    centre_yx: Tensor
    """Where the next frame is searched; what is reported lies at an offset from it."""
    refined_yx: Tensor
    """The last place that the box head gave; nan before the first one."""
    size_hw: Tensor
    """(B, 2) frame pixels."""
    scale: Tensor
    """(B,) frame pixels per crop pixel, for the next frame."""
    spread: Tensor | None = None
    """Of the box, as in `Report`."""


class Report(NamedTuple):
    """What is told of the box of each target, and changes nothing else."""

    offset_yxhw: Tensor
    """(B, 4), at which it lies from the one that is searched, as of `ltr.geometry.offset_of`."""
    spread: Tensor | None = None
    """(B, 3, 4) frame pixels, as (x, y, w, h): standard deviations, and the ends of the credible
    interval of each number counted from the box; None where boxes are not sampled."""
