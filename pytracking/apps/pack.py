"""Make the archive that a benchmark's server takes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ltr.errors import ResultError
from ltr.files import safe_name, write_bytes
from ltr.progress import counted
from pytracking.evaluation.packing import SERVERS, archive, got10k_files, trackingnet_files
from pytracking.evaluation.results import find_runs
from pytracking.sequences.benchmarks import BENCHMARKS, open_benchmark

SHOWN = 5
"""Lines on what is wrong, of each kind."""


def run_pack(
    server: str, results: Path, data: Path | None, output: Path | None, overwrite: bool
) -> int:
    """Write the archive of a SERVERS name from results, or say all that is wrong with them and
    return 2. Raises TrackingError."""
    frames = _frames(server, data)
    runs = find_runs(results, frames)
    path = output or Path(f"{safe_name(runs[0].label)}_{server}.zip")
    if path.exists():
        if os.path.realpath(path) == os.path.realpath(results):
            raise ResultError(f"{path} is what is packed: give another --output")
        if not overwrite:
            raise ResultError(f"{path} is there: give another --output, or --overwrite")
    make = trackingnet_files if server == "trackingnet" else got10k_files
    files, wrong = make(runs, frames)
    if wrong:
        for lines in wrong.values():
            for line in lines[:SHOWN]:
                print(f"pytracking: {line}", file=sys.stderr)
            if (more := len(lines) - SHOWN) > 0:
                print(f"pytracking: and {more} more of this kind", file=sys.stderr)
        count = sum(map(len, wrong.values()))
        verb = "is" if count == 1 else "are"
        told = f"{counted(count, 'thing')} {verb} wrong"
        print(f"pytracking: nothing is packed: {told}", file=sys.stderr)
        return 2
    write_bytes(path, archive(files), "archive")
    names = counted(len(frames), "sequence") + (f", {len(runs)} runs" if len(runs) > 1 else "")
    print(f"{path}: {names}, as {BENCHMARKS[SERVERS[server]].title} is submitted")
    if None in frames.values():
        print("line counts were not compared with the frames: --data DIR does that")
    return 0


def _frames(server: str, data: Path | None) -> dict[str, int | None]:
    """The number of frames of each sequence of the published list: as listed, else as they lie in
    `data`."""
    name = SERVERS[server]
    listed: dict[str, int | None] = {row.name: row.frames for row in BENCHMARKS[name].listed()}
    if data is None:
        return listed
    there = {s.name: len(s.frames) for s in open_benchmark(name, data)}
    return {sequence: frames or there.get(sequence) for sequence, frames in listed.items()}
