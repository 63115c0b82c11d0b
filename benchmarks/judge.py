"""Judge networks or settings by mean success AUC over the validation sequences and training clips.

    python benchmarks/judge.py imagenet18 imagenet_mobile
    python benchmarks/judge.py imagenet18 "imagenet18 size.interval=1 search.area=4.5"
    python benchmarks/judge.py --all imagenet18 imagenet_mobile
    python benchmarks/judge.py --held-out --seeds 3 run/networks/epoch-0012.safetensors

A contender is a network, a name or a file, and settings that differ from those of its preset. It
tracks the 59 sequences that training-free networks were chosen by: SHARED/data/val, 10, and those
of SHARED/data/train that judge_clips.txt names, 49; with `--held-out` val and the 26 clips that
clips.json leaves out of training, by which trained networks are chosen; with `--all` val and every
clip. One pass from the first box rounded to whole pixels, on one thread of the CPU, the mean over
the tracker's seeds 0 to `--seeds` - 1. Beside each mean stands its 95 % bootstrap interval over
sequences; between contenders, that of their difference sequence by sequence.

Boxes are kept in OUTPUT/NETWORK/KEY/SEQUENCE.txt, the key being of the network, all settings and
the seed: a run that was interrupted goes on, a further contender or seed costs only itself. The
key knows nothing of the code: where that changed the boxes, give another --output.
"""

from __future__ import annotations

import argparse
import os
from itertools import combinations
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np
import torch

from ltr.data.names import read_left_out
from ltr.files import safe_name
from ltr.settings import with_assignments
from pytracking.api import Tracker, load_engine
from pytracking.apps.evaluate import chosen
from pytracking.apps.kept_boxes import kept_auc
from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.evaluation.metrics import Array
from pytracking.sequences.sequence import Sequence, find_sequences
from pytracking.tracker.engine import TrackerEngine

CLIPS = Path(__file__).with_name("judge_clips.txt")
Clips = Literal["listed", "held out", "all"]
WORST = 6
"""So many sequences are named under a mean."""


def sequences_of(shared: Path, clips: Clips) -> list[Sequence]:
    """The validation sequences, then the training clips. Raises DataError where one is missing."""
    train, names = shared / "data" / "train", []
    if clips == "listed":
        names = [n for n in CLIPS.read_text().splitlines() if not n.startswith("#")]
    elif clips == "held out":
        names = sorted(read_left_out(train / "clips.json"))
    return find_sequences(shared / "data" / "val") + chosen(find_sequences(train), names)


def engine_of(contender: str, seed: int) -> TrackerEngine:
    """The engine of a contender. Raises ConfigError or CheckpointError."""
    network, *assignments = contender.split()
    return load_engine(network, None, "cpu", seed, lambda p: with_assignments(p, assignments))


def scores_of(contender: str, sequences: list[Sequence], output: Path, seeds: int) -> Array:
    """(N,) success AUC of a contender, one a sequence, in the mean over seeds; those without a file
    of boxes are tracked first."""
    folder = output / safe_name(Path(contender.split()[0]).stem)
    scores = np.empty((seeds, len(sequences)))
    for seed in range(seeds):
        engine = engine_of(contender, seed)
        for k, sequence in enumerate(sequences):
            start = perf_counter()
            scores[seed, k] = kept_auc(Tracker(engine), sequence, folder)
            if (seconds := perf_counter() - start) > 1:
                print(f"{contender}, seed {seed}: {sequence.name}, {seconds:.0f} s", flush=True)
    return scores.mean(axis=0)


def mean_cells(values: Array) -> str:
    """Mean and interval of values, as two cells of a Markdown table."""
    low, high = bootstrap_interval(values)
    return f"**{values.mean():.3f}** | {low:.3f} to {high:.3f}"


def tables(scores: dict[str, Array], sequences: list[Sequence], validation: int) -> str:
    """Means of all, of the first `validation` sequences and of the clips; differences between
    contenders."""
    groups = {
        f"val and clips ({len(sequences)})": slice(None),
        f"val ({validation})": slice(validation),
        f"clips ({len(sequences) - validation})": slice(validation, None),
    }
    lines = ["| network | sequences | mean | 95 % | worst |", "|---|---|---|---|---|"]
    for contender, values in scores.items():
        for group, part in groups.items():
            names = [s.name for s in sequences[part]]
            worst = ", ".join(
                f"{names[i]} {values[part][i]:.2f}" for i in np.argsort(values[part])[:WORST]
            )
            lines.append(f"| {contender} | {group} | {mean_cells(values[part])} | {worst} |")
    if len(scores) > 1:
        lines += [
            "",
            "| difference | sequences | mean | 95 % | better on |",
            "|---|---|---|---|---|",
        ]
    for a, b in combinations(scores, 2):
        for group, part in groups.items():
            difference = scores[a][part] - scores[b][part]
            count = f"{(difference > 0).sum()} of {len(difference)}"
            lines.append(f"| {a} - {b} | {group} | {mean_cells(difference)} | {count} |")
    return "\n".join(lines)


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
    parser.add_argument("contenders", nargs="+", metavar="'NETWORK [SETTING=VALUE ...]'")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error(f"--seeds is {arguments.seeds}: give 1 or more")
    torch.set_num_threads(1)
    sequences = sequences_of(arguments.shared, arguments.clips)
    validation = len(find_sequences(arguments.shared / "data" / "val"))
    scores = {
        c: scores_of(c, sequences, arguments.output, arguments.seeds) for c in arguments.contenders
    }
    print(tables(scores, sequences, validation))


if __name__ == "__main__":
    main()
