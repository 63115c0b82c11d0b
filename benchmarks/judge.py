"""Judge networks or settings by mean success AUC over the validation sequences and training clips.

    python benchmarks/judge.py imagenet18 imagenet_mobile
    python benchmarks/judge.py imagenet18 "imagenet18 size.interval=1 search.area=4.5"
    python benchmarks/judge.py --all imagenet18 imagenet_mobile

A contender is a network, a name or a file, and settings that differ from those of its preset. It
tracks the 59 sequences that settings are chosen by: SHARED/data/val, 10, and those of
SHARED/data/train that judge_clips.txt names, 49; with `--all` every clip of that folder. One pass
from the first box rounded to whole pixels, on one thread of the CPU. Beside each mean stands its 95
% bootstrap interval; between contenders, that of their difference sequence by sequence.

Boxes are kept in OUTPUT/NETWORK-KEY/SEQUENCE.txt, the key being of the network's file and all
settings: a run that was interrupted goes on, a further contender costs only itself. The key knows
nothing of the code: where that changed the boxes, give another --output.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from itertools import combinations
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

from ltr.checkpoints import find_network, sha256_of
from ltr.files import safe_name
from ltr.settings import as_dict, with_assignments
from pytracking.api import Tracker, load_engine
from pytracking.apps.evaluate import chosen, track_sequence
from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.protocols import one_pass_auc
from pytracking.sequences.sequence import Sequence, find_sequences
from pytracking.tracker.engine import TrackerEngine

CLIPS = Path(__file__).with_name("judge_clips.txt")
WORST = 6
"""So many sequences are named under a mean."""


def sequences_of(shared: Path, every_clip: bool) -> list[Sequence]:
    """The validation sequences, then the training clips. Raises DataError where one is missing."""
    listed = [name for name in CLIPS.read_text().splitlines() if not name.startswith("#")]
    clips = chosen(find_sequences(shared / "data" / "train"), [] if every_clip else listed)
    return find_sequences(shared / "data" / "val") + clips


def engine_of(contender: str) -> tuple[TrackerEngine, str]:
    """The engine of a contender, and the name of its folder. Raises ConfigError or
    CheckpointError."""
    network, *assignments = contender.split()
    engine = load_engine(
        network, device="cpu", change=lambda preset: with_assignments(preset, assignments)
    )
    settings = json.dumps(as_dict(engine.preset), sort_keys=True)
    key = hashlib.sha256((sha256_of(find_network(network).path) + settings).encode())
    return engine, safe_name(f"{Path(network).stem}-{key.hexdigest()[:12]}")


def scores_of(contender: str, sequences: list[Sequence], output: Path) -> Array:
    """(N,) success AUC of a contender, one a sequence; those without a file of boxes are tracked
    first."""
    engine, name = engine_of(contender)
    folder = output / name
    folder.mkdir(parents=True, exist_ok=True)
    scores = []
    for sequence in sequences:
        path = folder / f"{sequence.name}.txt"
        if not path.is_file():
            start = perf_counter()
            # boxes come under their name when they are whole
            track_sequence(Tracker(engine), sequence, path.with_suffix(".running"))
            path.with_suffix(".running").replace(path)
            print(f"{contender}: {sequence.name}, {perf_counter() - start:.0f} s", flush=True)
        boxes = np.loadtxt(path, delimiter=",", usecols=range(4), ndmin=2)
        scores.append(one_pass_auc(boxes, sequence.boxes_xywh))
    return np.array(scores)


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
    parser.add_argument("--all", action="store_true", help="every training clip")
    parser.add_argument("contenders", nargs="+", metavar="'NETWORK [SETTING=VALUE ...]'")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sequences = sequences_of(arguments.shared, arguments.all)
    validation = len(find_sequences(arguments.shared / "data" / "val"))
    scores = {c: scores_of(c, sequences, arguments.output) for c in arguments.contenders}
    print(tables(scores, sequences, validation))


if __name__ == "__main__":
    main()
