"""Real annotations and published results of the shared material, as numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from pytracking.evaluation.metrics import Array
from pytracking.evaluation.protocols import Truth

Boxes = dict[str, Array]


def numbers(text: bytes) -> Array:
    return np.fromstring(text.decode().replace(",", " "), sep=" ")


def boxes_of(archive: ZipFile, folder: str) -> Boxes:
    """(N, 4) boxes of each text file in a folder of an archive, by file name without suffix."""
    paths = [Path(name) for name in archive.namelist()]
    names = [path.stem for path in paths if str(path.parent) == folder and path.suffix == ".txt"]
    assert names, f"nothing in {folder}"
    return {name: numbers(archive.read(f"{folder}/{name}.txt")).reshape(-1, 4) for name in names}


def frozen(boxes: Boxes) -> Boxes:
    """The first box on every frame."""
    return {name: np.tile(rows[:1], (len(rows), 1)) for name, rows in boxes.items()}


class Benchmark:
    """Truth of each sequence, and results by the names of their trackers; those that say what a
    tracker cannot be worse or better than are made from the truth."""

    def __init__(self, truth: dict[str, Truth], results: dict[str, Boxes]) -> None:
        self.truth = truth
        annotated = {name: one.boxes_xywh for name, one in truth.items()}
        self.results = {"perfect": annotated, "frozen": frozen(annotated), **results}


def results_of(archive: ZipFile, trackers: Iterable[str]) -> dict[str, Boxes]:
    return {tracker: boxes_of(archive, f"results/{tracker}") for tracker in trackers}


def lasot(shared: Path) -> Benchmark:
    folder = shared / "data" / "benchmarks"
    with ZipFile(folder / "lasot_test_annos.zip") as archive:
        boxes = boxes_of(archive, "annos")
        absent = {name: numbers(archive.read(f"annos/absent/{name}.txt")) == 1 for name in boxes}
    results = {}
    for tracker in ("DiMP50", "ATOM"):
        with ZipFile(folder / f"lasot_results_{tracker}.zip") as archive:
            results[tracker] = boxes_of(archive, tracker)
    return Benchmark({name: Truth(boxes[name], absent[name]) for name in boxes}, results)


def otb100(shared: Path) -> Benchmark:
    """Tiger1 from its sixth frame on, as its results; its frozen box is the first of the file."""
    listed = json.loads((shared / "facts/lists/otb100.json").read_text())["sequences"]
    skipped = {sequence["name"]: sequence["init_omit"] for sequence in listed}
    with ZipFile(shared / "data/benchmarks/otb100.zip") as archive:
        boxes = boxes_of(archive, "annos")
        trackers = ("SRDCF", "Struck", "TLD", "ATOM", "MDNet", "SiamFC", "DaSiamRPN")
        results = results_of(archive, trackers)
    still = {name: rows[skipped[name] :] for name, rows in frozen(boxes).items()}
    truth = {name: Truth(rows[skipped[name] :]) for name, rows in boxes.items()}
    return Benchmark(truth, {**results, "frozen": still})


def matlab_curves(shared: Path) -> Any:
    with (
        ZipFile(shared / "data/benchmarks/otb100.zip") as archive,
        archive.open("matlab_curves.npz") as file,
    ):
        return dict(np.load(file))


def uav(shared: Path, name: str) -> Benchmark:
    """UAV123 or UAV20L."""
    with ZipFile(shared / "data/benchmarks/uav123.zip") as archive:
        boxes = boxes_of(archive, f"anno/{name}")
        results = results_of(archive, ("SiamFC", "SiamRPN") if name == "UAV123" else ())
    return Benchmark({key: Truth(rows) for key, rows in boxes.items()}, results)


def dtb70(shared: Path) -> Benchmark:
    with ZipFile(shared / "data/benchmarks/dtb70.zip") as archive:
        boxes = boxes_of(archive, "annos")
        results = results_of(archive, ("NanoTrackV3", "LightTrack", "SiamTPN"))
    return Benchmark({name: Truth(rows) for name, rows in boxes.items()}, results)


def trackingnet(shared: Path) -> Benchmark:
    with ZipFile(shared / "data/benchmarks/trackingnet_dummy.zip") as archive:
        boxes, submitted = boxes_of(archive, "GT"), boxes_of(archive, "submission")
    return Benchmark({name: Truth(rows) for name, rows in boxes.items()}, {"example": submitted})
