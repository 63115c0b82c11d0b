"""What scoring costs: LaSOT's test set of one tracker, and of many, on one core.

    python benchmarks/scoring_speed.py [--trackers 20] [--shared DIR]

The real annotations and the published result of DiMP50, 280 sequences and 685,360 frames, are laid
out in a temporary folder, without pictures. Processor times of one thread: reading the annotations,
reading the results, scoring them by protocol `lasot` alone; then a comparison of so many trackers,
each that result, from the files to the scores, with the greatest memory that the process had.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from time import process_time

from pytracking.evaluation.comparison import Subject, compare
from pytracking.evaluation.protocols import PROTOCOLS, Truth
from pytracking.evaluation.results import find_runs
from pytracking.evaluation.scoring import score, summary
from pytracking.sequences.benchmarks import open_benchmark

LASOT = PROTOCOLS["lasot"]


def lay_out(shared: Path, root: Path) -> None:
    """LaSOT's annotations in their own layout, and the result."""
    folder = shared / "data" / "benchmarks"
    with zipfile.ZipFile(folder / "lasot_test_annos.zip") as archive:
        names = [Path(n).stem for n in archive.namelist() if n.startswith("annos/absent/")]
        for name in names:
            own = root / "data" / name.rpartition("-")[0] / name
            own.mkdir(parents=True)
            (own / "groundtruth.txt").write_bytes(archive.read(f"annos/{name}.txt"))
            flags = archive.read(f"annos/absent/{name}.txt").decode().split()
            (own / "full_occlusion.txt").write_text(",".join(flags))
            (own / "out_of_view.txt").write_text(",".join("0" * len(flags)))
    with zipfile.ZipFile(folder / "lasot_results_DiMP50.zip") as archive:
        archive.extractall(root / "results")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("TRACKING_SHARED", "../shared"))
    parser.add_argument("--trackers", type=int, default=20)
    parser.add_argument("--shared", type=Path, default=shared)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lay_out(given.shared, Path(folder))
        begin = process_time()
        sequences = open_benchmark("lasot", Path(folder) / "data")
        subjects = [Subject(s.name, Truth(s.boxes_xywh, s.absent)) for s in sequences]
        annotations = process_time() - begin
        begin = process_time()
        (run,) = find_runs(Path(folder) / "results", [s.name for s in sequences])
        boxes = {s.name: run.read(s.name).boxes_xywh for s in subjects}
        results = process_time() - begin
        begin = process_time()
        scores = [score(LASOT, boxes[s.name], s.truth, s.name) for s in subjects]
        total = summary(LASOT, scores)
        scoring = process_time() - begin
        del boxes, scores
        begin = process_time()
        runs = [replace(run, label=f"tracker {k}") for k in range(given.trackers)]
        compare("LaSOT, test", LASOT, subjects, runs)
        many = process_time() - begin
    frames = sum(len(s.boxes_xywh) for s in sequences)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(sequences)} sequences, {frames} frames, AUC {total.scores['AUC']:.6f}")
    print(f"annotations {annotations:.2f} s, results {results:.2f} s, scoring {scoring:.2f} s")
    print(f"{given.trackers} trackers {many:.1f} s more, {memory:.0f} MB at most")


if __name__ == "__main__":
    main()
