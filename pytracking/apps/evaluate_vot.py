"""VOT's supervised experiment: a tracker that fails is started again; scored as two toolkits do."""

from __future__ import annotations

import sys
from collections.abc import Sequence as SequenceOf
from pathlib import Path

from ltr.data.layouts.vot import Region, bounding_boxes
from ltr.errors import DataError, TrackingError
from ltr.images import Frame
from ltr.progress import StatusLine, counted
from ltr.signals import ending_of
from pytracking.api import Tracker
from pytracking.apps.result_folders import destination_of
from pytracking.evaluation.run_facts import RunFacts, write_facts
from pytracking.evaluation.vot import (
    EAO_FRAMES,
    SupervisedRun,
    supervised_run,
    supervised_scores,
)
from pytracking.evaluation.vot_overlap import Toolkit
from pytracking.evaluation.vot_run import read_result, result_path, run_supervised, write_result
from pytracking.sequences.sequence import Sequence
from pytracking.sinks.run_folder import run_folder
from pytracking.tracker.engine import TrackerEngine

TOOLKITS: tuple[Toolkit, ...] = ("pysot", "votchallenge")


def run_vot(
    benchmark: str,
    sequences: SequenceOf[Sequence],
    engines: SequenceOf[tuple[RunFacts, TrackerEngine]],
    parent: Path,
    overwrite: bool,
) -> int:
    """One repetition a seed, each in `parent`/seed-N/results/NETWORK/baseline as the toolkits keep
    them; what is there is not tracked again. Prints the failures of each sequence, then accuracy,
    robustness and EAO. Returns the exit status."""
    repetitions: dict[str, list[list[Region]]] = {s.name: [] for s in sequences}
    failures: list[str] = []
    width = max(len(s.name) for s in sequences)
    try:
        for facts, engine in engines:
            folder = parent / f"seed-{facts.seed}"
            with run_folder(destination_of(folder, facts, {}, overwrite)):
                write_facts(folder, facts)
                paths = [result_path(folder, Path(facts.network).stem, s.name) for s in sequences]
                for path in paths if overwrite else ():
                    path.unlink(missing_ok=True)  # what is there must be of these facts
                for sequence, path in zip(sequences, paths, strict=True):
                    try:
                        rows = _rows(sequence, engine, path)
                    except TrackingError as error:
                        failures.append(f"sequence {sequence.name}: {error}")
                        continue
                    repetitions[sequence.name].append(rows)
                    lost = sum(len(row) == 1 and row[0] == 2 for row in rows)
                    print(f"{sequence.name:<{width}}  {counted(lost, 'failure')}", flush=True)
    except KeyboardInterrupt as error:
        status, word = ending_of(error)
        kept = f"what was finished is kept in {parent}, and the same command goes on"
        print(f"pytracking: {word}; {kept}", file=sys.stderr)
        return status
    whole = [s for s in sequences if len(repetitions[s.name]) == len(engines)]
    for toolkit in TOOLKITS if whole else ():
        runs = [[_compared(s, rows, toolkit) for rows in repetitions[s.name]] for s in whole]
        scores = supervised_scores(runs, EAO_FRAMES[benchmark], toolkit)
        print(
            f"{toolkit:<12}  A {scores.accuracy:.4f}  R {scores.robustness:.4f}  EAO "
            f"{scores.eao:.4f}  {scores.failures:.2f} failures, {counted(len(whole), 'sequence')}"
        )
    print(f"results lie in {parent}")
    for line in failures:
        print(f"pytracking: {line}", file=sys.stderr)
    return 1 if failures else 0


def _rows(sequence: Sequence, engine: TrackerEngine, path: Path) -> list[Region]:
    regions = _regions(sequence)
    if path.is_file():
        return read_result(path, len(regions))
    tracker, line, frames = Tracker(engine, name=sequence.name), StatusLine(), 0

    def initialize(frame: Frame, region: Region) -> None:
        x, y, w, h = map(float, bounding_boxes([region])[0])
        tracker.initialize(frame, (x, y, w, h))

    def track(frame: Frame) -> tuple[float, float, float, float]:
        nonlocal frames
        frames += 1
        line.tell(f"{sequence.name}: {counted(frames, 'frame')}")
        return tracker.track(frame).box

    rows = run_supervised(sequence.frames, regions, initialize, track)
    line.end()
    write_result(path, rows)
    return rows


def _compared(sequence: Sequence, rows: list[Region], toolkit: Toolkit) -> SupervisedRun:
    height, width = sequence.frames.frame(0).shape[:2]
    return supervised_run(rows, _regions(sequence), (width, height), toolkit)


def _regions(sequence: Sequence) -> SequenceOf[Region]:
    if sequence.regions is None:
        raise DataError(
            f"sequence {sequence.name} has no regions: protocol vot scores vot2018 and vot2019"
        )
    return sequence.regions
