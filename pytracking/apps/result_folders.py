"""Folders of results: what lies in them, what of it is finished, and what they came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ltr.checkpoints import find_network, sha256_of
from ltr.errors import DataError, ResultError, TrackingError
from ltr.files import safe_name
from pytracking import __version__
from pytracking.evaluation.run_facts import FACTS, RunFacts, read_facts
from pytracking.evaluation.runner import annotated_start, frame_count, rounded_start
from pytracking.evaluation.trajectories import Trajectory, read_trajectory
from pytracking.sequences.benchmarks import BENCHMARKS
from pytracking.sequences.sequence import Sequence
from pytracking.sinks.run_folder import Destination
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box


def facts_of(
    benchmark: str, network: str, engine: TrackerEngine, seed: int, batch: int = 1
) -> RunFacts:
    """What a run is of. Raises ConfigError or CheckpointError where there is no such network."""
    return RunFacts(
        # a folder of sequences by its whole path
        benchmark=benchmark if benchmark in BENCHMARKS else str(Path(benchmark).absolute()),
        network=network,
        sha256=sha256_of(find_network(network).path),
        seed=seed,
        preset=engine.preset,
        version=__version__,
        device=str(engine.net.device),
        batch=batch,
    )


def default_folder(command: str, benchmark: str, network: str) -> Path:
    """outputs/COMMAND/BENCHMARK/NETWORK."""
    return (
        Path("outputs") / command / safe_name(Path(benchmark).name or "here") / Path(network).stem
    )


def start_of(benchmark: str) -> Callable[[Sequence], Box]:
    """What gives the first box: benchmarks as they annotate it, of a plain folder it is rounded."""
    return annotated_start if benchmark in BENCHMARKS else rounded_start


def files_of(sequences: Iterable[Sequence]) -> dict[str, str]:
    """The file of each sequence's results, by its name. Raises DataError where two would be one."""
    files = {sequence.name: f"{safe_name(sequence.name)}.txt" for sequence in sequences}
    met: dict[str, str] = {}
    for name, file in files.items():
        if (other := met.setdefault(file.lower(), name)) != name:
            raise DataError(f"results of {other!r} and {name!r} would be one file: rename one")
    return files


def stored_in(
    folder: Path, sequences: Iterable[Sequence], files: Mapping[str, str]
) -> dict[str, Trajectory]:
    """What was finished before. What cannot be read, or has another length, is tracked again."""
    stored = {}
    for sequence in sequences:
        path = folder / files[sequence.name]
        with suppress(TrackingError):
            trajectory = read_trajectory(path) if path.is_file() else None
            if trajectory and len(trajectory.scores) == frame_count(sequence):
                stored[sequence.name] = trajectory
    return stored


def destination_of(
    folder: Path, facts: RunFacts, files: Mapping[str, str], overwrite: bool
) -> Destination:
    """Where a run's files go: results of the same tracker may be there. Raises ResultError where
    others are, unless they are to be overwritten."""
    there = read_facts(folder) if folder.is_dir() and not overwrite else None
    if there and (differences := facts.differences(there)):
        raise ResultError(
            f"{folder} holds results of another tracker ({'; '.join(differences[:3])}): give "
            "another --output, or --overwrite to replace them"
        )
    names = [FACTS, *files.values()]
    return Destination("--output", folder, names, overwrite=overwrite or there is not None)


def annotations_of(sequences: Iterable[Sequence]) -> list[tuple[str, Path]]:
    """The files and folders that no result may lie among, as `check_inputs_kept` takes them."""
    places = []
    for sequence in sequences:
        frames = sequence.frames.path
        places += [sequence.annotation, frames, frames / "img", frames.parent]
    return [("the annotations", place) for place in dict.fromkeys(places)]
