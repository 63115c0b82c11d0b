"""Sequences tracked alone, in batches and by several processes: the same boxes, but where two maxima
are all but tied."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from ltr.data.annotated import Frames
from ltr.errors import TrackingError
from ltr.images import Frame
from pytracking.api import load_engine
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.runner import rounded_start, track_sequences
from pytracking.evaluation.trajectories import Trajectory
from pytracking.evaluation.workers import track_in_processes
from pytracking.sequences.sequence import Sequence, find_sequences
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.localization import Location, localize
from pytracking.tracker.size_search import Rows, best_rows


@dataclass(frozen=True)
class FirstFrames:
    """The first frames of others."""

    of: Frames
    count: int

    @property
    def path(self) -> Path:
        return self.of.path

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Frame]:
        return map(self.of.frame, range(self.count))

    def frame(self, number: int) -> Frame:
        return self.of.frame(number)


def engine_on(device: str) -> TrackerEngine:
    return load_engine("imagenet_mobile", device=device)


def first_frames(sequence: Sequence, count: int) -> Sequence:
    frames = FirstFrames(sequence.frames, count)
    return replace(sequence, frames=frames, boxes_xywh=sequence.boxes_xywh[:count])


def boxes_of(outcome: Trajectory | TrackingError) -> Array:
    assert isinstance(outcome, Trajectory), outcome
    return outcome.boxes_xywh


APART = 0.05
"""Pixels by which boxes may differ, for batches round differently."""
MARGIN = 1e-3
"""Two maxima this close may change places by that, and all that follows with them."""


class KeptScores:
    """An observer that keeps the last score map."""

    def observe(self, name: str, value: Tensor) -> None:
        if name == "windowed_score_map":
            self.scores = value


def margin(engine: TrackerEngine, clip: Sequence, frame: int) -> float:
    """By how much the maximum that decides frame `frame`, from 0, exceeds the second best: over the
    cells of the score map, or over the sizes searched, whichever is closer."""
    sizes: list[Tensor] = []

    def kept(rows: Rows, score: Tensor) -> Tensor:
        sizes.append(score * rows.penalty)
        return best_rows(rows, score)

    seen = KeptScores()
    state = engine.start(clip.frames.frame(0), rounded_start(clip), clip.name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytracking.tracker.engine.best_rows", kept)
        for number in range(1, frame + 1):
            sizes.clear()
            state, _ = engine.step(state, [clip.frames.frame(number)], observer=seen)
    bests = [v.flatten().topk(2).values for v in (seen.scores, *sizes)]
    return min(float(first - second) for first, second in bests)


def check_alike(engine: TrackerEngine, clip: Sequence, alone: Array, other: Array) -> None:
    """Fails where boxes differ, unless it begins with an arg-max that was all but a tie; tells of
    either with the margin."""
    apart = np.abs(other - alone).max(axis=1)
    if apart.max() <= APART:
        return
    frame = int((apart > APART).argmax())
    by = margin(engine, clip, frame)
    told = f"{clip.name}, frame {frame + 1}: {apart[frame]:.3f} px apart, arg-max by {by:.2g}"
    assert by <= MARGIN, told
    print(told)


@pytest.mark.slow
def test_batches_and_processes_give_the_same_boxes(
    shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """60 frames of each of five sequences: alone, four at once, and by two processes."""
    clips = [first_frames(s, 60) for s in find_sequences(shared / "data" / "val")[:5]]
    engine = engine_on("cpu")
    alone = {s.name: boxes_of(outcome) for s, outcome in track_sequences(engine, clips)}
    at_once = track_sequences(engine, clips, batch=4)
    spread = track_in_processes(engine_on, clips, ["cpu", "cpu"])
    for outcomes in (at_once, spread):
        compared = 0
        for clip, outcome in outcomes:
            boxes = boxes_of(outcome)
            assert len(boxes) == 60
            with capsys.disabled():
                check_alike(engine, clip, alone[clip.name], boxes)
            compared += 1
        assert compared == 5


def test_an_arg_max_that_flips_is_judged_by_its_margin(
    shared: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A localizer takes the second best cell in frame 4, where the best one is clear."""
    (skiing,) = find_sequences(shared / "data" / "val", ["Skiing"])
    clip, calls = first_frames(skiing, 6), 0

    def second_best(scores: Tensor, windowed: Tensor, *others: Any) -> Location:
        nonlocal calls
        calls += 1
        if calls == 3:
            windowed = windowed.clone()
            windowed.view(-1)[windowed.argmax()] = -1.0
        return localize(scores, windowed, *others)

    engine = engine_on("cpu")
    flipped = TrackerEngine(engine.net, engine.preset, localizer=second_best)
    ((_, alone),), ((_, other),) = (list(track_sequences(e, [clip])) for e in (engine, flipped))
    by = margin(engine, clip, 3)
    assert by > 10 * MARGIN
    check_alike(engine, clip, boxes_of(alone), boxes_of(alone) + 0.9 * APART)
    told = rf"Skiing, frame 4: \d+\.\d{{3}} px apart, arg-max by {by:.2g}"
    with pytest.raises(AssertionError, match=told):
        check_alike(engine, clip, boxes_of(alone), boxes_of(other))
    monkeypatch.setattr(sys.modules[__name__], "MARGIN", 1.1 * by)
    check_alike(engine, clip, boxes_of(alone), boxes_of(other))
    assert re.fullmatch(told, capsys.readouterr().out.strip())
