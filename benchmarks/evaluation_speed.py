"""Frames a second of an evaluation, by batch and processes, and where the time goes.

    python benchmarks/evaluation_speed.py [FOLDER] [--net NAME] [--device cpu] [--batch 1 4 16]
        [--workers 1 2] [--threads 2] [--names NAME ...]

FOLDER is of sequences, SHARED/data/val unless given. Each line is one evaluation of all, from
the first frame decoded to the last one tracked, engines made beforehand but those of several
processes, whose start counts. decode is processor time of the decoding threads, wait the time that
the tracker stood still for frames, both as shares of the whole; the rest is tracking, of which the
last column is the part on the first frames. On CUDA the larger of decode / threads and track says
what limits.
"""

from __future__ import annotations

import argparse
import os
import platform
from functools import partial
from pathlib import Path
from time import perf_counter

import torch

from ltr.transfer import choose_device
from pytracking.api import load_engine
from pytracking.evaluation.runner import Spent, track_sequences
from pytracking.evaluation.trajectories import Trajectory
from pytracking.evaluation.workers import track_in_processes
from pytracking.sequences.sequence import Sequence, chosen, find_sequences
from pytracking.tracker.engine import TrackerEngine


def engine_on(network: str, device: str) -> TrackerEngine:
    return load_engine(network, device=device)


def in_one_process(
    engine: TrackerEngine, sequences: list[Sequence], batch: int, threads: int
) -> str:
    """A line of the table."""
    spent, first = Spent(), 0.0
    begin = perf_counter()
    for _, outcome in track_sequences(engine, sequences, batch, threads, spent=spent):
        assert isinstance(outcome, Trajectory), outcome
        first += outcome.seconds[0]
    took = perf_counter() - begin
    frames = sum(len(s.boxes_xywh) for s in sequences)
    shares = (spent.decoding / took, spent.waiting / took, spent.tracking / took, first / took)
    words = " | ".join(f"{share:.1%}" for share in shares)
    return f"| {engine.net.device} | 1 | {batch} | {frames / took:.1f} | {words} |"


def in_processes(
    network: str, device: str, sequences: list[Sequence], workers: int, batch: int, threads: int
) -> str:
    """A line of the table."""
    begin = perf_counter()
    devices = [device] * workers
    if device == "cuda":
        devices = [f"cuda:{k % torch.cuda.device_count()}" for k in range(workers)]
    outcomes = track_in_processes(partial(engine_on, network), sequences, devices, batch, threads)
    assert all(isinstance(outcome, Trajectory) for _, outcome in outcomes)
    took = perf_counter() - begin
    frames = sum(len(s.boxes_xywh) for s in sequences)
    return f"| {device} | {workers} | {batch} | {frames / took:.1f} | | | | |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("TRACKING_SHARED", "../shared"))
    parser.add_argument("folder", nargs="?", type=Path, default=shared / "data" / "val")
    parser.add_argument("--net", default="imagenet_mobile")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 4, 16])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--names", nargs="+", default=[])
    given = parser.parse_args()
    device = str(choose_device(given.device))
    sequences = chosen(find_sequences(given.folder), given.names)
    frames = sum(len(s.boxes_xywh) for s in sequences)
    name = torch.cuda.get_device_name() if device != "cpu" else platform.processor() or "CPU"
    print(
        f"{given.net}, {len(sequences)} sequences of {given.folder.name}, {frames} frames, "
        f"{given.threads} decoding threads; {name}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads of torch\n"
    )
    print("| device | processes | batch | frames/s | decode | wait | track | first frames |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for workers in given.workers:
        for batch in given.batch:
            if workers == 1:
                engine = engine_on(given.net, device)
                line = in_one_process(engine, sequences, batch, given.threads)
            else:
                line = in_processes(given.net, device, sequences, workers, batch, given.threads)
            print(line, flush=True)


if __name__ == "__main__":
    main()
