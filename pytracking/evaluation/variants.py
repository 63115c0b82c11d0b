"""Variants of a preset: a grid of values, or some of its points, tracked side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from math import prod
from time import perf_counter

import numpy as np

from ltr.errors import ConfigError
from ltr.geometry import checked_box
from pytracking.evaluation.frames_ahead import FramesAhead
from pytracking.evaluation.runner import AHEAD, frame_count
from pytracking.evaluation.trajectories import Trajectory
from pytracking.sequences.sequence import Sequence as Clip
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box, Prediction


def parse_values(text: str) -> tuple[str, tuple[str, ...]]:
    """`field=v1,v2` -> the field and its values; commas within brackets divide nothing. Raises
    ConfigError."""
    name, equals, values = text.partition("=")
    parts, depth = [""], 0
    for character in values:
        depth += {"[": 1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    parts = [part.strip() for part in parts]
    if not name or not equals or not all(parts) or len(set(parts)) < len(parts):
        raise ConfigError(
            f"--set {text!r} is no field=value,value..: give each value once, as in "
            "size.interval=2,3 or refinement.share=[0.6,0.7,0.5],[0.4,0.7,0.5]"
        )
    return name, tuple(parts)


def parse_grid(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The values of each field that is varied. Raises ConfigError, also for a field that comes
    twice."""
    values: dict[str, tuple[str, ...]] = {}
    for name, own in map(parse_values, texts):
        if name in values:
            raise ConfigError(f"--set {name} is there twice: give all its values at once, v1,v2")
        values[name] = own
    return values


def grid(values: Mapping[str, Sequence[str]], points: int | None, seed: int) -> list[list[str]]:
    """Every combination of the values of fields, as assignments; or `points` of these, drawn by the
    seed without repetition."""
    combinations = [
        [f"{name}={value}" for name, value in zip(values, own, strict=True)]
        for own in product(*values.values())
    ]
    if points is None or points >= prod(map(len, values.values())):
        return combinations
    drawn = np.random.default_rng(seed).permutation(len(combinations))[:points]
    return [combinations[number] for number in sorted(drawn)]


def track_together(
    engines: Sequence[TrackerEngine],
    clip: Clip,
    begins: Callable[[Clip], Box],
    threads: int = 2,
) -> list[Trajectory]:
    """One sequence by several engines, which share its decoded frames. Raises TrackingError where a
    frame or the first box cannot be used."""
    seconds: list[list[float]] = [[] for _ in engines]
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        frames = FramesAhead(pool, clip.frames, frame_count(clip), threads, AHEAD)
        try:
            frame = frames.frame()
            given = checked_box(begins(clip), frame.shape[:2])
            states, tracks = [], [list[Prediction]() for _ in engines]
            for engine, own in zip(engines, seconds, strict=True):
                begin = perf_counter()
                states.append(engine.start(frame, given, clip.name))
                engine.net.synchronize()
                own.append(perf_counter() - begin)
            for _ in range(1, len(frames)):
                frame = frames.frame()
                for number, engine in enumerate(engines):
                    begin = perf_counter()
                    states[number], (prediction,) = engine.step(states[number], [frame])
                    seconds[number].append(perf_counter() - begin)
                    tracks[number].append(prediction)
        finally:
            frames.close()
    return [Trajectory.of(given, track, own) for track, own in zip(tracks, seconds, strict=True)]
