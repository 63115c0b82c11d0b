"""Track again what a folder of results says it was tracked with, and compare the boxes."""

from __future__ import annotations

import sys
from collections.abc import Sequence as SequenceOf
from pathlib import Path

import numpy as np

from ltr.checkpoints import find_network, sha256_of
from ltr.errors import ConfigError, ResultError, TrackingError
from ltr.files import safe_name
from ltr.progress import StatusLine, counted
from pytracking.api import load_engine
from pytracking.apps.result_folders import start_of
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.run_facts import FACTS, RunFacts, read_facts
from pytracking.evaluation.runner import track_sequences
from pytracking.evaluation.trajectories import read_trajectory
from pytracking.sequences.benchmarks import BENCHMARKS, open_benchmark
from pytracking.sequences.sequence import Sequence
from pytracking.tracker.engine import TrackerEngine

SAME = 0.05
"""Pixels by which other kernels and batches may move a number of a box."""


def run_reproduce(
    results: Path, names: SequenceOf[str], data: Path | None, device: str, batch: int
) -> int:
    """Print for each sequence of a folder of results, or of all its seeds, whether its boxes come
    out again, and where not. Returns the exit status: 1 where any differs or cannot be tracked."""
    return max([_again(folder, names, data, device, batch) for folder in _runs(results)])


def _again(folder: Path, names: SequenceOf[str], data: Path | None, device: str, batch: int) -> int:
    """One run; 1 where anything differs or cannot be tracked."""
    facts = read_facts(folder)
    assert facts is not None
    engine = _engine(facts, device)
    sequences = _sequences(folder, facts, names, data)
    if not sequences:
        raise ResultError(
            f"{folder} holds no boxes of {facts.benchmark} in one pass: of VOT's experiment "
            "with restarts none can be compared"
        )
    stored = {s.name: read_trajectory(_file(folder, s)).boxes_xywh for s in sequences}
    print(f"{folder}: {facts.network} on {facts.benchmark}, seed {facts.seed}", flush=True)
    line, status, tracked = StatusLine(), 0, 0
    total = sum(map(len, stored.values()))

    def stepped(frames: int) -> None:
        nonlocal tracked
        tracked += frames
        line.tell(f"{tracked} of {counted(total, 'frame')}")

    begins = start_of(facts.benchmark)
    tracks = track_sequences(engine, sequences, batch, stepped=stepped, begins=begins)
    for sequence, outcome in tracks:
        line.end()
        if isinstance(outcome, TrackingError):
            print(f"pytracking: {outcome}", file=sys.stderr)
            status = 1
            continue
        words = difference(stored[sequence.name], outcome.boxes_xywh)
        print(f"  {sequence.name}  {words or 'the same'}", flush=True)
        status |= bool(words)
    return status


def difference(stored: Array, again: Array) -> str:
    """In what two (N, 4) results differ by more than SAME pixels; empty where in nothing."""
    if len(stored) != len(again):
        return f"{len(again)} frames, {len(stored)} were stored"
    apart = np.abs(stored - again).max(axis=1)
    if not (apart > SAME).any():
        return ""
    first, worst = int((apart > SAME).argmax()), int(apart.argmax())
    return (
        f"differs from frame {first + 1} of {len(again)} on, most in frame {worst + 1}: "
        f"{apart[worst]:.2f} pixels"
    )


def _runs(results: Path) -> list[Path]:
    """The folder itself, or those of its seeds or variants. Raises ResultError where there is
    none."""
    folders = [results, *sorted(p for p in results.glob("*") if p.is_dir())]
    runs = [folder for folder in folders if (folder / FACTS).is_file()]
    if not runs:
        raise ResultError(
            f"{results} holds no results of ours: give a folder that `pytracking evaluate` wrote"
        )
    return runs


def _sequences(
    folder: Path, facts: RunFacts, names: SequenceOf[str], data: Path | None
) -> list[Sequence]:
    """Those of the names, or all of which there are results. Of a benchmark only they need lie on
    the disk. Raises DataError."""
    if names:
        return open_benchmark(facts.benchmark, data, names)
    stems = [path.stem for path in sorted(folder.glob("*.txt"))]
    found = open_benchmark(facts.benchmark, data, stems if facts.benchmark in BENCHMARKS else ())
    return [sequence for sequence in found if _file(folder, sequence).is_file()]


def _engine(facts: RunFacts, device: str) -> TrackerEngine:
    """Raises ConfigError where the network is another one by now."""
    digest = sha256_of(find_network(facts.network).path)
    if digest != facts.sha256:
        raise ConfigError(
            f"network {facts.network} has sha256 {digest[:12]}.. here, but the results are of "
            f"{facts.sha256[:12]}..: fetch that file"
        )
    return load_engine(facts.network, facts.preset, device, facts.seed)


def _file(folder: Path, sequence: Sequence) -> Path:
    return folder / f"{safe_name(sequence.name)}.txt"
