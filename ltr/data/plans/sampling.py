"""Which frames of a track make a sample (DiMP, Bhat et al. 2019, section 4.3).

Only frames in which the target can be seen are drawn, with replacement. The first train frame is
the latest of them when frames are causal: its box is what the box head starts from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ltr.data.configuration import Sampling
from ltr.data.store import Track

GAP_GROWTH = 5
"""Frames by which the gap grows where too few are visible."""


class FrameChoice(NamedTuple):
    """Numbers of the frames to learn from and of those to judge by, in the order of drawing."""

    train: tuple[int, ...]
    test: tuple[int, ...]


def usable(track: Track, sampling: Sampling) -> bool:
    """Whether samples can be made of a track: any photograph of something visible, and videos that
    are long enough and show enough."""
    if track.still:
        return bool(track.visible[0])
    return (
        int(track.visible.sum()) >= sampling.min_visible
        and len(track.visible) >= sampling.min_frames
    )


def choose_frames(rng: Generator, track: Track, sampling: Sampling) -> FrameChoice:
    """The frames of one sample; a photograph is always its own only frame."""
    train, test = sampling.train_frames, sampling.test_frames
    if track.still:
        return FrameChoice((0,) * train, (0,) * test)
    choose = causal_frames if sampling.order == "causal" else interval_frames
    return choose(rng, track.visible, train, test, sampling.max_gap)


def causal_frames(
    rng: Generator, visible: NDArray[np.bool_], train: int, test: int, max_gap: int
) -> FrameChoice:
    """Test frames after the train frames: a base among all visible frames, further train frames at
    most `max_gap` before it, test frames as far behind. Where there are none, another base and a
    larger gap are tried.

    visible: (N,), at least one. Where no base has visible frames on both sides, frames come from
    `interval_frames`."""
    shown = np.flatnonzero(visible)
    bases = _within(shown, train - 1, len(visible) - test)
    possible = bases[(bases > shown[0]) | (train == 1)]
    if not (possible < shown[-1]).any():
        return interval_frames(rng, visible, train, test, max_gap)
    gap = max_gap
    while True:
        base = int(rng.choice(bases))
        before = _draw(rng, _within(shown, base - gap, base), train - 1)
        if before is None:
            gap += GAP_GROWTH
            continue
        after = _draw(rng, _within(shown, base + 1, base + gap), test)
        gap += GAP_GROWTH
        if after is not None:
            return FrameChoice((base, *before), after)


def interval_frames(
    rng: Generator, visible: NDArray[np.bool_], train: int, test: int, max_gap: int
) -> FrameChoice:
    """All frames less than `max_gap` from a base, one of the visible ones: (N,), at least one."""
    shown = np.flatnonzero(visible)
    base = int(rng.choice(shown))
    around = _within(shown, base - max_gap, base + max_gap)
    train_around, test_around = (rng.choice(around, count) for count in (train - 1, test))
    return FrameChoice((base, *train_around.tolist()), tuple(test_around.tolist()))


def _within(shown: NDArray[np.intp], low: int, high: int) -> NDArray[np.intp]:
    """Those of sorted numbers that lie in low..high - 1."""
    return shown[np.searchsorted(shown, low) : np.searchsorted(shown, high)]


def _draw(rng: Generator, numbers: NDArray[np.intp], count: int) -> tuple[int, ...] | None:
    """`count` of the numbers, with replacement; None where there are none to draw from."""
    if count == 0:
        return ()
    if len(numbers) == 0:
        return None
    return tuple(rng.choice(numbers, count).tolist())
