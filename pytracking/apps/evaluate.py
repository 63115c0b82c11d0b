"""Track the sequences of a benchmark and score them; what was finished before is not done again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from collections.abc import Sequence as SequenceOf
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

import torch

from ltr.errors import ConfigError, ResultError
from ltr.progress import counted
from ltr.signals import ending_of
from ltr.transfer import choose_device
from pytracking.apps.evaluate_vot import run_vot
from pytracking.apps.result_folders import (
    annotations_of,
    default_folder,
    destination_of,
    facts_of,
    files_of,
    start_of,
    stored_in,
)
from pytracking.apps.scoreboard import Scoreboard, check_scorable, protocol_named
from pytracking.apps.tracker_choice import TrackerChoice
from pytracking.debug.gate import Gate
from pytracking.debug.probe import Probe, Probes
from pytracking.debug.visdom_board import VisdomBoard
from pytracking.debug.visdom_client import Address, require_visdom
from pytracking.evaluation.cluster import track_on_cluster
from pytracking.evaluation.run_facts import RunFacts, read_facts, write_facts
from pytracking.evaluation.runner import Outcome, expected_frames, track_sequences
from pytracking.evaluation.trajectories import Trajectory, write_trajectory
from pytracking.evaluation.vot import EAO_FRAMES
from pytracking.evaluation.workers import track_in_processes
from pytracking.sequences.benchmarks import BENCHMARKS, default_protocol, open_benchmark
from pytracking.sequences.sequence import Sequence
from pytracking.sinks.run_folder import Destination, RunFolder, run_folder
from pytracking.sinks.run_inputs import check_inputs_kept
from pytracking.tracker.engine import TrackerEngine


@dataclass(frozen=True)
class EvaluateRequest:
    """What is tracked, how much of it at once, and where it goes."""

    benchmark: str
    """By name, or a folder of sequences."""
    names: SequenceOf[str] = ()
    """Of sequences; none for all."""
    data: Path | None = None
    """Where the benchmark lies, if not where paths.toml says."""
    protocol: str | None = None
    """How it is scored, if not by the benchmark's own protocol."""
    runs: int = 1
    """With so many seeds of the tracker."""
    batch: int = 1
    workers: int = 1
    threads: int = 2
    """Of each worker, that decode frames."""
    ray: bool = False
    """Workers are those of a cluster, by Ray."""
    output: Path | None = None
    overwrite: bool = False
    visdom: Address | None = None
    """Of a server that shows what the tracker sees, one sequence at a time."""


def run_evaluate(request: EvaluateRequest, choice: TrackerChoice) -> int:
    """Print scores as sequences are finished, then their means. The results of each seed go into a
    folder seed-N of `output`, a file a sequence, which is whole or not there. Returns the exit
    status: 1 where a sequence failed, 130 after Ctrl-C; what was finished is kept, and the same
    command goes on."""
    name = request.protocol or default_protocol(request.benchmark)
    if request.visdom:
        _check_visdom(request, name)
    protocol = None if name == "vot" else protocol_named(name)
    sequences = open_benchmark(request.benchmark, request.data, request.names)
    choices = [replace(choice, seed=choice.seed + run) for run in range(request.runs)]
    engine = choice.engine()
    facts = [facts_of(request.benchmark, c.network, engine, c.seed, request.batch) for c in choices]
    parent = _parent(request, choice, facts)
    if protocol is None and request.benchmark not in EAO_FRAMES:
        raise ConfigError(
            f"protocol vot scores {' and '.join(n for n in EAO_FRAMES if n in BENCHMARKS)}, not "
            f"{request.benchmark}"
        )
    if protocol is None:
        engines = [(own, c.engine()) for own, c in zip(facts, choices, strict=True)]
        return run_vot(request.benchmark, sequences, engines, parent, request.overwrite)
    check_scorable(protocol, sequences)
    board = Scoreboard(sequences, protocol, request.runs)
    files = files_of(sequences)
    destinations = [
        destination_of(parent / f"seed-{own.seed}", own, files, request.overwrite) for own in facts
    ]
    whole = Destination("--output", parent, ())
    check_inputs_kept([*annotations_of(sequences), *choice.inputs()], [whole, *destinations])
    try:
        with ExitStack() as stack:
            gate, seen = Gate(), list[Probe]()
            if request.visdom:
                seen.append(VisdomBoard(request.visdom, gate))
            probe = stack.enter_context(Probes(seen))
            stack.callback(board.end)  # before the probe says what it cost
            for own_choice, own, destination in zip(choices, facts, destinations, strict=True):
                with run_folder(destination) as run:
                    _run(request, own_choice, own, run, sequences, files, board, probe, gate)
    except (KeyboardInterrupt, ResultError) as error:
        if isinstance(error, ResultError) and not board.finished:
            raise
        status, why = (1, str(error)) if isinstance(error, ResultError) else ending_of(error)
        board.end()
        kept = f"kept what was finished in {parent}: {counted(board.finished, 'sequence')}"
        print(f"pytracking: {why}; {kept}; the same command goes on", file=sys.stderr)
        return status
    board.end()
    print("\n".join(board.means()))
    print(f"boxes lie in {parent}")
    for line in board.failures:
        print(f"pytracking: {line}", file=sys.stderr)
    return 1 if board.failures else 0


def _run(
    request: EvaluateRequest,
    choice: TrackerChoice,
    own: RunFacts,
    run: RunFolder,
    sequences: list[Sequence],
    files: dict[str, str],
    board: Scoreboard,
    probe: Probe,
    gate: Gate,
) -> None:
    """One seed: what lies there counts, the rest is tracked."""
    board.begin(own.seed)
    stored = {} if request.overwrite else stored_in(run.folder, sequences, files)
    for sequence in sequences:
        if sequence.name in stored:
            board.finish(sequence, stored[sequence.name], tracked=False)
    write_facts(run.folder, own)
    if request.overwrite:
        run.settle()  # before anything is tracked: what is there must be of these facts
    to_do = [sequence for sequence in sequences if sequence.name not in stored]
    for sequence, outcome in _tracked(request, choice, to_do, board, probe, gate):
        if isinstance(outcome, Trajectory):
            write_trajectory(run.folder / files[sequence.name], outcome)
            board.finish(sequence, outcome)
        else:
            board.fail(outcome)


def _tracked(
    request: EvaluateRequest,
    choice: TrackerChoice,
    sequences: list[Sequence],
    board: Scoreboard,
    probe: Probe,
    gate: Gate,
) -> Iterator[Outcome]:
    """In this process, or in several. Where much is tracked at once the longest begin, so that none
    is alone at the end."""
    if not sequences:
        return
    begins = start_of(request.benchmark)
    batch, threads = request.batch, request.threads
    if batch * request.workers > 1:
        sequences = sorted(sequences, key=expected_frames, reverse=True)
    if request.ray:
        yield from track_on_cluster(
            partial(_engine_on, choice),
            sequences,
            request.workers,
            batch,
            threads,
            board.stepped,
            begins,
        )
        return
    if request.workers == 1:
        engine = choice.engine()

        def stepped(frames: int) -> None:
            board.stepped(frames)
            gate.wait()

        yield from track_sequences(
            engine, sequences, batch, threads, stepped, begins=begins, probe=probe
        )
        return
    yield from track_in_processes(
        partial(_engine_on, choice),
        sequences,
        _devices(choice.device, request.workers),
        batch,
        threads,
        board.stepped,
        begins,
    )


def _check_visdom(request: EvaluateRequest, protocol: str) -> None:
    """Raises ConfigError where --visdom cannot show what is tracked."""
    require_visdom()
    if request.ray or request.batch > 1 or request.workers > 1:
        raise ConfigError(
            "--visdom shows one sequence at a time: leave out --batch, --workers and --ray"
        )
    if protocol == "vot":
        raise ConfigError(
            "--visdom does not show runs with restarts: leave it out, or give another --protocol"
        )


def _engine_on(choice: TrackerChoice, device: str) -> TrackerEngine:
    return replace(choice, device=device).engine()


def _devices(device: str, workers: int) -> list[str]:
    """A device for each worker: in turn all GPUs, where no number says which."""
    kind = str(choose_device(device))
    if kind == "cuda" or (kind == "cuda:0" and device == "auto"):
        return [f"cuda:{number % torch.cuda.device_count()}" for number in range(workers)]
    return [kind] * workers


def _parent(request: EvaluateRequest, choice: TrackerChoice, facts: list[RunFacts]) -> Path:
    """The folder of all seeds: the one that is named, or the first of NAME, NAME-2 and so on that
    holds results of the same tracker or none."""
    if request.output is not None:
        return request.output
    first = default_folder("evaluate", request.benchmark, choice.network)
    for number in count(1):
        folder = first.with_name(first.name + (f"-{number}" if number > 1 else ""))
        if request.overwrite or not _others(folder, facts[0]):
            return folder
    raise AssertionError("there is always another number")


def _others(parent: Path, own: RunFacts) -> bool:
    """Whether a folder holds what is not of this tracker, whatever its seed."""
    if not parent.is_dir():
        return False
    found = [read_facts(folder) for folder in sorted(parent.glob("seed-*"))]
    return any(f is None or own.differences(replace(f, seed=own.seed)) for f in found)
