"""OpenCV's trackers over the sequences of a benchmark, for the comparison in `pytracking report`.

    python benchmarks/opencv_trackers.py BENCHMARK [--data DIR] [--output DIR] [--names NAME ...]
        [--only kcf kcf_0 csrt mil nano] [--nano BACKBONE.onnx HEAD.onnx]

KCF and CSRT are in opencv-contrib-python alone (or its headless build), which takes the place of
opencv-python: give them an environment of their own. `kcf` has its own threshold
of detection, below which it never moves again, `kcf_0` has 0. NanoTrack's networks are given as
files. Each runs from the first box, rounded to whole pixels, on one thread; where an update fails
the last box stands. Boxes and times lie in OUTPUT/TRACKER/NAME.txt and NAME_time.txt; what is there
is not tracked again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import cv2
import numpy as np

from ltr.errors import TrackingError
from ltr.files import make_folder, safe_name, write_text
from pytracking.evaluation.protocols import first_box
from pytracking.sequences.benchmarks import open_benchmark
from pytracking.sequences.sequence import Sequence


def kcf(threshold: float | None = None) -> Any:
    """KCF, with its own threshold of detection or another."""
    parameters = cv2.TrackerKCF.Params()  # type: ignore[attr-defined]
    if threshold is not None:
        parameters.detect_thresh = threshold
    return cv2.TrackerKCF.create(parameters)  # type: ignore[attr-defined]


def nano(backbone: str, head: str) -> Any:
    """NanoTrack with the networks of two files."""
    parameters = cv2.TrackerNano.Params()
    parameters.backbone, parameters.neckhead = backbone, head
    return cv2.TrackerNano.create(parameters)


def tracked(make: Callable[[], Any], sequence: Sequence) -> tuple[np.ndarray, list[float]]:
    """(N, 4) boxes, and the seconds of each frame."""
    tracker, boxes, seconds = make(), [np.array(first_box(sequence.boxes_xywh))], []
    for number, frame in enumerate(sequence.frames):
        image = np.ascontiguousarray(frame[:, :, ::-1])
        begin = perf_counter()
        if number == 0:
            tracker.init(image, tuple(map(int, boxes[0])))
        else:
            found, box = tracker.update(image)
            boxes.append(np.array(box, float) if found else boxes[-1])
        seconds.append(perf_counter() - begin)
    return np.array(boxes), seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("benchmark", metavar="BENCHMARK", help="by name, or a folder")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--output", type=Path, default=Path("outputs/opencv"))
    parser.add_argument("--names", nargs="+", default=[])
    parser.add_argument("--nano", nargs=2, metavar=("BACKBONE", "HEAD"))
    parser.add_argument(
        "--only", nargs="+", choices=["kcf", "kcf_0", "csrt", "mil", "nano"], default=[]
    )
    given = parser.parse_args()
    cv2.setNumThreads(1)
    makers: dict[str, Callable[[], Any]] = {"mil": lambda: cv2.TrackerMIL.create()}
    if hasattr(cv2, "TrackerKCF"):
        makers |= {"kcf": kcf, "kcf_0": partial(kcf, 0.0)}
        makers["csrt"] = lambda: cv2.TrackerCSRT.create()  # type: ignore[attr-defined]
    if given.nano:
        makers["nano"] = partial(nano, *given.nano)
    for name in given.only or makers:
        if name not in makers:
            raise SystemExit(
                f"opencv_trackers: no {name} here: KCF and CSRT need opencv-contrib-python, "
                "nano the files of --nano"
            )
        run(name, makers[name], given)


def run(name: str, make: Callable[[], Any], given: argparse.Namespace) -> None:
    """Every sequence that has no file yet."""
    make_folder(folder := given.output / name)
    for sequence in open_benchmark(given.benchmark, given.data, given.names):
        path = folder / f"{safe_name(sequence.name)}.txt"
        if path.is_file():
            continue
        boxes, seconds = tracked(make, sequence)
        times = "".join(f"{value:.6f}\n" for value in seconds)
        write_text(path.with_name(f"{path.stem}_time.txt"), times, "times")
        lines = "".join(",".join(f"{v:.2f}" for v in box) + "\n" for box in boxes)
        write_text(path, lines, "boxes")
        print(f"{name}: {sequence.name}, {len(boxes) / sum(seconds):.0f} frames/s", flush=True)


if __name__ == "__main__":
    try:
        main()
    except TrackingError as error:
        raise SystemExit(f"opencv_trackers: {error}") from None
