"""Variants of a preset over the sequences of a benchmark, and the table that says which is best."""

from __future__ import annotations

import sys
from collections.abc import Sequence as SequenceOf
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ltr.errors import ConfigError, DataError, TrackingError
from ltr.files import safe_name
from ltr.progress import counted, with_progress
from ltr.settings import with_assignments
from ltr.signals import ending_of
from pytracking.apps.result_folders import (
    annotations_of,
    default_folder,
    destination_of,
    facts_of,
    files_of,
    start_of,
    stored_in,
)
from pytracking.apps.scoreboard import check_scorable, is_annotated, protocol_named, ranking, scored
from pytracking.apps.tracker_choice import TrackerChoice
from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.protocols import Protocol
from pytracking.evaluation.run_facts import write_facts
from pytracking.evaluation.scoring import weights_of
from pytracking.evaluation.trajectories import Trajectory, write_trajectory
from pytracking.evaluation.variants import grid, parse_grid, track_together
from pytracking.sequences.benchmarks import default_protocol, open_benchmark
from pytracking.sequences.sequence import Sequence
from pytracking.sinks.run_folder import RunFolder, run_folder
from pytracking.sinks.run_inputs import check_inputs_kept
from pytracking.tracker.engine import TrackerEngine


@dataclass(frozen=True)
class TuneRequest:
    """What is tried on what, and where results go."""

    benchmark: str
    """By name, or a folder of sequences."""
    names: SequenceOf[str]
    """Of sequences; none for all."""
    values: SequenceOf[str]
    """`field=value,value..` each."""
    points: int | None = None
    """So many of all combinations, drawn at random; None for all."""
    data: Path | None = None
    protocol: str | None = None
    threads: int = 2
    output: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class Variant:
    """A tracker that is tried."""

    label: str
    engine: TrackerEngine
    run: RunFolder
    stored: dict[str, Trajectory]


def run_tune(request: TuneRequest, choice: TrackerChoice) -> int:
    """Track every sequence with the preset as it is and with each variant, which share the decoded
    frames, and print the table, best first. Each has a folder of results below `output`, as
    `evaluate` writes them: what was finished is not done again. Returns the exit status: 1 where a
    sequence failed, 130 after Ctrl-C."""
    values = parse_grid(request.values)
    name = request.protocol or default_protocol(request.benchmark)
    if name == "vot":
        raise ConfigError(
            "variants are not run through VOT's experiment with restarts: give --protocol otb, "
            "which scores the boxes of one pass"
        )
    protocol = protocol_named(name)
    sequences = open_benchmark(request.benchmark, request.data, request.names)
    for sequence in sequences:
        if not is_annotated(sequence):
            raise DataError(
                f"{sequence.annotation} has the box of the first frame alone, so variants cannot "
                "be compared on it: tune on sequences that are annotated"
            )
    check_scorable(protocol, sequences)
    files = files_of(sequences)
    whole = choice.engine()
    points = grid(values, request.points, choice.seed)
    engines = _engines(whole, points)
    parent = request.output or default_folder("tune", request.benchmark, choice.network)
    facts = {
        label: facts_of(request.benchmark, choice.network, engine, choice.seed)
        for label, engine in engines.items()
    }
    destinations = {
        label: destination_of(parent / _folder(label), own, files, request.overwrite)
        for label, own in facts.items()
    }
    check_inputs_kept([*annotations_of(sequences), *choice.inputs()], [*destinations.values()])
    failures: list[str] = []
    with ExitStack() as stack:
        variants = []
        for label, engine in engines.items():
            run = stack.enter_context(run_folder(destinations[label]))
            stored = {} if request.overwrite else stored_in(run.folder, sequences, files)
            write_facts(run.folder, facts[label])
            if request.overwrite:
                run.settle()
            variants.append(Variant(label, engine, run, stored))
        try:
            for sequence in with_progress(sequences, len(sequences), "sequences"):
                _track(request, sequence, files[sequence.name], variants, failures)
        except KeyboardInterrupt as error:
            status, word = ending_of(error)
            kept = f"what was finished is kept in {parent}, and the same command goes on"
            print(f"pytracking: {word}; {kept}", file=sys.stderr)
            return status
    done = [s for s in sequences if all(s.name in variant.stored for variant in variants)]
    if done:
        print("\n".join(_table(variants, done, protocol)))
        print(f"boxes lie in {parent}")
    for line in failures:
        print(f"pytracking: {line}", file=sys.stderr)
    return 1 if failures else 0


def _engines(whole: TrackerEngine, points: list[list[str]]) -> dict[str, TrackerEngine]:
    """The preset as it is and its variants, by what they change; they share the network. What
    changes nothing is left out. Raises ConfigError for an unknown field or a wrong value."""
    engines = {"as it is": whole}
    for point in points:
        preset = with_assignments(whole.preset, point)
        if all(preset != engine.preset for engine in engines.values()):
            engines[" ".join(point)] = TrackerEngine(whole.net, preset, whole.seed)
    return engines


def _folder(label: str) -> str:
    return safe_name(label.replace(" ", "_"))


def _track(
    request: TuneRequest,
    sequence: Sequence,
    file: str,
    variants: list[Variant],
    failures: list[str],
) -> None:
    """One sequence with the variants that have not tracked it yet."""
    left = [variant for variant in variants if sequence.name not in variant.stored]
    if not left:
        return
    engines = [variant.engine for variant in left]
    try:
        tracks = track_together(engines, sequence, start_of(request.benchmark), request.threads)
    except TrackingError as error:
        failures.append(f"sequence {sequence.name}: {error}")
        return
    for variant, trajectory in zip(left, tracks, strict=True):
        write_trajectory(variant.run.folder / file, trajectory)
        variant.stored[sequence.name] = trajectory


def _table(variants: list[Variant], sequences: list[Sequence], protocol: Protocol) -> list[str]:
    """Lines: score with its interval, the difference from the preset as it is, and how many
    sequences are better."""
    scores = {
        v.label: [scored(protocol, v.stored[s.name].boxes_xywh, s) for s in sequences]
        for v in variants
    }
    means = {label: ranking(protocol, own)[1] for label, own in scores.items()}
    values = {
        label: np.array([ranking(protocol, [one])[1] for one in own])
        for label, own in scores.items()
    }
    weights = weights_of(protocol, scores[variants[0].label])
    first = variants[0].label
    width = max(map(len, scores))
    lines = []
    for label in sorted(means, key=lambda label: -means[label]):
        text = f"{label:<{width}}  {means[label]:.3f} {_interval(values[label], weights)}"
        if label != first:
            gains = values[label] - values[first]
            text += (
                f"  {means[label] - means[first]:+.3f} {_interval(gains, weights)}  better on "
                f"{int((gains > 0).sum())} of {len(gains)}"
            )
        lines.append(text)
    name = protocol.readings[0].name
    lines.append(f"{name} by protocol {protocol.name} over {counted(len(sequences), 'sequence')}")
    return lines


def _interval(values: Array, weights: Array) -> str:
    if len(values) == 1:
        return "(one sequence)"
    low, high = bootstrap_interval(values, weights=weights)
    return f"(95 % {low:.3f} to {high:.3f})"
