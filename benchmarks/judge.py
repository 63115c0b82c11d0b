"""Judge networks or settings by mean success AUC over the validation sequences and training clips.

    python benchmarks/judge.py imagenet18 imagenet_mobile
    python benchmarks/judge.py imagenet18 "imagenet18 size.interval=1 search.area=4.5"
    python benchmarks/judge.py --all imagenet18 imagenet_mobile
    python benchmarks/judge.py --held-out --seeds 3 run/networks/epoch-0012.safetensors
    python benchmarks/judge.py run/networks/epoch-0012.safetensors --held-out --jobs 2
        --vary refinement.iterations 5 10
        --vary refinement.share "[0.4, 0.5, 0.5]" "[0.6, 0.8, 0.5]"

A contender is a network, a name or a file, and settings that differ from those of its preset, as
words of a shell. With `--vary` each is followed by its variants with all combinations of these
values; those that its preset has anyway, or another contender, are left out. It tracks the 59
sequences that training-free networks were chosen by: SHARED/data/val, 10, and those of
SHARED/data/train that judge_clips.txt names, 49; with `--held-out` val and the 26 clips that
clips.json leaves out of training, by which trained networks are chosen; with `--all` val and every
clip. One pass from the first box rounded to whole pixels, on one thread of the CPU, in each of
`--jobs` processes, the mean over the tracker's seeds 0 to `--seeds` - 1. Beside each mean stands
its 95 % bootstrap interval over sequences; of all but the first contender, that of the difference
from the first sequence by sequence.

Boxes are kept in OUTPUT/NETWORK/KEY/SEQUENCE.txt, the key being of the network, all settings and
the seed: a run that was interrupted goes on, a further contender or seed costs only itself. The
key knows nothing of the code: where that changed the boxes, give another --output.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Literal, NamedTuple

import numpy as np
import torch
from score_tables import comparison, worst_sequences

from ltr.data.names import read_left_out
from ltr.files import safe_name
from ltr.settings import with_assignments
from pytracking.api import load_engine
from pytracking.apps.kept_boxes import kept_auc, key_of
from pytracking.evaluation.metrics import Array
from pytracking.sequences.sequence import Sequence, chosen, find_sequences
from pytracking.tracker.engine import TrackerEngine

CLIPS = Path(__file__).with_name("judge_clips.txt")
Clips = Literal["listed", "held out", "all"]


class Task(NamedTuple):
    """A sequence to be tracked by a contender with a seed, and where its boxes are kept."""

    contender: str
    seed: int
    sequence: Sequence
    output: Path


def sequences_of(shared: Path, clips: Clips) -> list[Sequence]:
    """The validation sequences, then the training clips. Raises DataError where one is missing."""
    train, names = shared / "data" / "train", []
    if clips == "listed":
        names = [n for n in CLIPS.read_text().splitlines() if not n.startswith("#")]
    elif clips == "held out":
        names = sorted(read_left_out(train / "clips.json"))
    return find_sequences(shared / "data" / "val") + chosen(find_sequences(train), names)


@lru_cache(maxsize=1)
def engine_of(contender: str, seed: int) -> TrackerEngine:
    """The engine of a contender. Raises ConfigError or CheckpointError."""
    network, *assignments = shlex.split(contender)
    return load_engine(network, None, "cpu", seed, lambda p: with_assignments(p, assignments))


def variants(contenders: Iterable[str], values: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Contenders, each followed by those with all combinations of `values` by setting, without
    those that track as one before. Raises what `engine_of` does."""
    grid = [
        " ".join(shlex.quote(f"{name}={value}") for name, value in zip(values, row, strict=True))
        for row in product(*values.values())
    ]
    met: set[tuple[str, str]] = set()
    for contender in contenders:
        for variant in (contender, *(f"{contender} {more}" for more in grid if more)):
            track_as = (_network(variant), key_of(engine_of(variant, 0)))
            if track_as not in met:
                met.add(track_as)
                yield variant


def _network(contender: str) -> str:
    return safe_name(Path(shlex.split(contender)[0]).stem)


def scores_of(
    contenders: Iterable[str], sequences: list[Sequence], output: Path, seeds: int, jobs: int = 1
) -> dict[str, Array]:
    """(N,) success AUC of each of different contenders, one a sequence, in the mean over seeds;
    those without a file of boxes are tracked first, in `jobs` processes."""
    names = list(contenders)
    tasks = [
        Task(name, seed, sequence, output)
        for name, seed, sequence in product(names, range(seeds), sequences)
    ]
    if jobs == 1:
        scores = np.array([score(task) for task in tasks])
    else:
        with ProcessPoolExecutor(jobs, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
            scores = np.array(list(pool.map(score, tasks)))
    means = scores.reshape(len(names), seeds, len(sequences)).mean(axis=1)
    return dict(zip(names, means, strict=True))


def score(task: Task) -> float:
    """Success AUC of a task, whose boxes are made where they are not there."""
    start = perf_counter()
    engine = engine_of(task.contender, task.seed)
    auc = kept_auc(engine, task.sequence, task.output / _network(task.contender))
    if (seconds := perf_counter() - start) > 1:
        of = f"{task.contender}, seed {task.seed}: {task.sequence.name}"
        print(f"{of} {auc:.3f}, {seconds:.0f} s", flush=True)
    return auc


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("TRACKING_SHARED", "../shared"))
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--output", type=Path, default=Path("outputs/judge"))
    clips = parser.add_mutually_exclusive_group()
    clips.add_argument("--all", dest="clips", action="store_const", const="all")
    clips.add_argument("--held-out", dest="clips", action="store_const", const="held out")
    parser.set_defaults(clips="listed")
    parser.add_argument("--seeds", type=int, default=1, help="of the tracker")
    parser.add_argument("--jobs", type=int, default=1, help="processes of one thread")
    parser.add_argument(
        "--vary", nargs="+", action="append", default=[], metavar=("SETTING", "VALUE")
    )
    parser.add_argument("contenders", nargs="+", metavar="'NETWORK [SETTING=VALUE ...]'")
    arguments = parser.parse_args()
    for option in ("seeds", "jobs"):
        if getattr(arguments, option) < 1:
            parser.error(f"--{option} is {getattr(arguments, option)}: give 1 or more")
    for setting, *values in arguments.vary:
        if not values:
            parser.error(f"--vary {setting}: give values")
    torch.set_num_threads(1)
    sequences = sequences_of(arguments.shared, arguments.clips)
    validation = len(find_sequences(arguments.shared / "data" / "val"))
    contenders = variants(
        arguments.contenders, {setting: values for setting, *values in arguments.vary}
    )
    scores = scores_of(contenders, sequences, arguments.output, arguments.seeds, arguments.jobs)
    print(comparison(scores, validation))
    print()
    print(worst_sequences(scores, [s.name for s in sequences]))


if __name__ == "__main__":
    main()
