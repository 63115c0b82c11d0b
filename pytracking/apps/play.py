"""Render a sequence with the boxes of several trackers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ltr.errors import ResultError
from ltr.files import make_folder
from ltr.progress import with_progress
from pytracking.apps.report import runs_of
from pytracking.evaluation.metrics import Array, overlap
from pytracking.evaluation.results import Result
from pytracking.sequences.benchmarks import open_benchmark
from pytracking.sinks.labels import Offset
from pytracking.sinks.overlays import Mark, draw
from pytracking.sinks.palette import LINE_STYLES, TargetColours
from pytracking.sinks.video_writer import VideoWriter
from pytracking.tracker.prediction import Box


@dataclass(frozen=True)
class Part:
    """Which frames are shown, counted from 1, and how fast."""

    start: int = 1
    end: int | None = None
    frame_rate: float = 30.0


def run_play(
    benchmark: str,
    name: str,
    results: Sequence[str],
    data: Path | None,
    output: Path,
    overwrite: bool = False,
    part: Part | None = None,
) -> int:
    """Write a video of the sequence `name` with the true box, the box of each tracker's first run,
    and its overlap with the true one. Raises TrackingError."""
    part = part or Part()
    (sequence,) = open_benchmark(benchmark, data, [name])
    runs = {run.label: run for run in reversed(runs_of(results, [name]))}
    found = {label: run.readers[name]() for label, run in reversed(runs.items())}
    _check_free(output, overwrite, sequence.frames.path)
    truth = sequence.boxes_xywh
    overlaps = {label: _overlaps(result.boxes_xywh, truth) for label, result in found.items()}
    colours, offsets = TargetColours(), dict[str, Offset]()
    total = len(truth) if len(truth) > 1 else len(sequence.frames)
    if part.start > total:
        raise ResultError(f"{name} has {total} frames: give a lower --start than {part.start}")
    numbers = range(part.start - 1, min(total, part.end or total))
    frames = islice(sequence.frames, numbers.start, numbers.stop)
    make_folder(output.parent)
    with VideoWriter(output, part.frame_rate) as video:
        shown = with_progress(zip(numbers, frames, strict=False), len(numbers), name)
        for number, frame in shown:
            marks = [
                mark
                for label, result in found.items()
                for mark in _marks(label, result, overlaps[label], number, colours)
            ]
            caption = f"{name}   frame {number + 1}"
            video.write(draw(frame, marks, caption, _box(truth, number), offsets))
    names = ", ".join(
        f"{label} ({run.name})" if run.name else label for label, run in reversed(runs.items())
    )
    print(f"{output}: frames {numbers.start + 1} to {numbers.start + video.frames} with {names}")
    return 0


def _check_free(output: Path, overwrite: bool, frames: Path) -> None:
    if os.path.realpath(output) == os.path.realpath(frames):
        raise ResultError(f"{output} is the video of the sequence: give another --output")
    if output.exists() and not overwrite:
        raise ResultError(f"{output} is there: give another --output, or --overwrite")


def _overlaps(boxes: Array, truth: Array) -> Array:
    """(M,) NaN where there is no box or no true one."""
    count = min(len(boxes), len(truth))
    return overlap(boxes[:count], truth[:count])


def _marks(
    label: str, result: Result, overlaps: Array, number: int, colours: TargetColours
) -> list[Mark]:
    """The box of a tracker in frame `number`, from 0; none where it has none."""
    box = _box(result.boxes_xywh, number)
    if box is None:
        return []
    known = number < len(overlaps) and not np.isnan(overlaps[number])
    words = f"{label}  {overlaps[number]:.2f}" if known else label
    status = result.statuses[number] if number < len(result.statuses) else "found"
    pattern = LINE_STYLES.get(status, ())  # type: ignore[call-overload]
    return [Mark(label, box, colours[label], words, pattern)]


def _box(boxes: Array, number: int) -> Box | None:
    """A box that can be drawn."""
    if number >= len(boxes) or not np.isfinite(boxes[number]).all() or boxes[number, 2:].min() <= 0:
        return None
    x, y, w, h = boxes[number].tolist()
    return x, y, w, h
