"""Whether a change left the tracker's boxes as they were, bit for bit, on the CPU.

    python benchmarks/same_boxes.py --before COMMIT [--frames 60]
    python benchmarks/same_boxes.py --write FILE [--frames 60]
    python benchmarks/same_boxes.py --compare OLD NEW

Tracks the validation sequences of SHARED/data/val with both training-free networks, and the ten
golden trajectories of SHARED/reference with the reference's networks and draws; one thread.
`--before` does so in a checkout of COMMIT, which must hold this program, and here, and compares;
`--frames` stops each validation sequence early. Exit status 1 where a box, score or status differs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = ("imagenet_mobile", "imagenet18")
COLUMNS = ("x", "y", "w", "h", "score", "status")


def validation_tracks(shared: Path, most: int | None) -> Iterator[tuple[str, np.ndarray]]:
    """Name and (frames, 6) table of each validation sequence and bundled network."""
    from pytracking import Tracker
    from pytracking.evaluation.protocols import first_box
    from pytracking.sequences.sequence import find_sequences
    from pytracking.tracker.prediction import STATUSES

    for network in NETWORKS:
        tracker = Tracker.load(network, device="cpu")
        for sequence in find_sequences(shared / "data" / "val"):
            rows = []
            for number, frame in enumerate(sequence.frames, 1):
                if number == 1:
                    tracker.initialize(frame, first_box(sequence.boxes_xywh))
                else:
                    p = tracker.track(frame)
                    rows.append((*p.box, p.score, STATUSES.index(p.status)))
                if number == most:
                    break
            yield f"{network} {sequence.name}", np.array(rows)


def golden_tracks(shared: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Name and (29, 6) table of each golden trajectory, run as its test runs it."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "golden"), str(ROOT / "benchmarks")]
    from test_golden_trajectories import FREE, PUT_BACK, tracked

    from pytracking.tracker.prediction import STATUSES

    def golden(name: str) -> Any:
        return np.load(shared / "reference" / name)

    for name in (*FREE, *PUT_BACK):
        boxes, statuses, scores, _ = tracked(name, golden, shared, "cpu")
        columns = [np.array(scores), np.array([STATUSES.index(s) for s in statuses])]  # type: ignore[arg-type]
        yield f"trajectory {name}", np.column_stack([boxes, *columns])


def write(file: Path, shared: Path, most: int | None) -> None:
    """Track everything and write the tables, one array a run."""
    torch.set_num_threads(1)
    tables = {}
    for runs in (validation_tracks(shared, most), golden_tracks(shared)):
        for name, table in runs:
            tables[name] = table
            print(f"{name}: {len(table)} frames", flush=True)
    np.savez(file, **tables)  # type: ignore[arg-type]


def compare(old: Path, new: Path) -> bool:
    """Print the first difference of each run; whether there is none."""
    before, after = np.load(old), np.load(new)
    same = True
    for name in sorted(set(before.files) | set(after.files)):
        if name not in before.files or name not in after.files:
            print(f"{name}: only in {old if name in before.files else new}")
            same = False
            continue
        a, b = before[name], after[name]
        if a.shape != b.shape:
            print(f"{name}: {len(a)} frames before, {len(b)} after")
            same = False
        elif different := np.argwhere(a != b).tolist():
            row, column = different[0]
            most = np.abs(a - b).max(axis=0)
            print(
                f"{name}: first differs on frame {row + 2}, {COLUMNS[column]} was "
                f"{a[row, column]!r}, is {b[row, column]!r}; most by column {most}"
            )
            same = False
    frames = sum(len(before[name]) for name in before.files)
    print(f"{len(before.files)} runs, {frames} frames: " + ("bit-equal" if same else "DIFFERENT"))
    return same


def against(commit: str, shared: Path, most: int | None) -> bool:
    """Write both tables, the older one by the program of a checkout of `commit`, and compare."""
    with TemporaryDirectory() as folder:
        tree, old, new = Path(folder) / "tree", Path(folder) / "old.npz", Path(folder) / "new.npz"
        add = ["git", "-C", str(ROOT), "worktree", "add", "--quiet", "--detach", str(tree), commit]
        subprocess.run(add, check=True)
        try:
            for checkout, file in ((tree, old), (ROOT, new)):
                command = [sys.executable, str(checkout / "benchmarks" / "same_boxes.py")]
                command += ["--write", str(file), "--shared", str(shared.resolve())]
                command += [] if most is None else ["--frames", str(most)]
                environment = {**os.environ, "PYTHONPATH": str(checkout)}
                subprocess.run(command, check=True, cwd=checkout, env=environment)
        finally:
            remove = ["git", "-C", str(ROOT), "worktree", "remove", "--force", str(tree)]
            subprocess.run(remove, check=True)
        return compare(old, new)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("TRACKING_SHARED", "../shared"))
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--frames", type=int, help="of each validation sequence, at most")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--before", metavar="COMMIT")
    what.add_argument("--write", type=Path, metavar="FILE")
    what.add_argument("--compare", type=Path, nargs=2, metavar=("OLD", "NEW"))
    chosen = parser.parse_args()
    if chosen.write:
        write(chosen.write, chosen.shared, chosen.frames)
        return
    same = (
        compare(*chosen.compare)
        if chosen.compare
        else against(chosen.before, chosen.shared, chosen.frames)
    )
    raise SystemExit(0 if same else 1)


if __name__ == "__main__":
    main()
