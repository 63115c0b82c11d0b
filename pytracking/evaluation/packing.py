"""The archives that the servers of TrackingNet and GOT-10k take."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from ltr.errors import ResultError
from ltr.progress import counted
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.results import Result, Run

SERVERS = {"trackingnet": "trackingnet", "got10k": "got10k_test"}
"""The benchmark that each server scores."""
Faults = dict[str, list[str]]
"""What is wrong, a line each, by its kind."""


def trackingnet_files(
    runs: Sequence[Run], frames: Mapping[str, int | None]
) -> tuple[dict[str, str], Faults]:
    """NAME.txt at the top, `x,y,w,h` a frame with two decimals (the server rounds to whole
    pixels); and a line for all that is wrong.

    frames: the number of frames of each sequence, where it is known. Raises ResultError for more
    than one run, which the server does not take."""
    if len(runs) > 1:
        raise ResultError(f"{_several(runs)}, and the server takes one: give the folder of one")
    files, wrong = {}, defaultdict[str, list[str]](list)
    for name, count in frames.items():
        result = _checked(runs[0], name, count, wrong)
        if result is not None:
            files[f"{name}.txt"] = _lines(result.boxes_xywh, "%.2f")
    _check_names(runs, frames, wrong)
    return files, wrong


def got10k_files(
    runs: Sequence[Run], frames: Mapping[str, int | None]
) -> tuple[dict[str, str], Faults]:
    """NAME/NAME_001.txt, `x,y,w,h` a frame with three decimals, a file a run, and
    NAME/NAME_time.txt, the seconds of each frame, a column a run; and a line for all that is wrong.

    frames: as above. Raises ResultError for runs of several trackers."""
    if len({run.label for run in runs}) > 1:
        raise ResultError(f"{_several(runs)}: give the folder of one tracker")
    files, wrong = {}, defaultdict[str, list[str]](list)
    for name, count in frames.items():
        results = [_checked(run, name, count, wrong) for run in runs]
        found = [result for result in results if result is not None]
        times = [_checked_times(result, wrong) for result in found]
        for number, result in enumerate(found, 1):
            files[f"{name}/{name}_{number:03}.txt"] = _lines(result.boxes_xywh, "%.3f")
        if times and len({len(column) for column in times}) == 1:
            files[f"{name}/{name}_time.txt"] = _lines(np.stack(times, axis=1), "%.8f")
    _check_names(runs, frames, wrong)
    return files, wrong


def archive(files: Mapping[str, str]) -> bytes:
    """A zip archive; the same files give the same bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        for name in sorted(files):
            info = zipfile.ZipInfo(name)  # of 1980, whenever it is made
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system, info.external_attr = 3, 0o644 << 16  # an ordinary file of Unix
            out.writestr(info, files[name])
    return data.getvalue()


def _several(runs: Sequence[Run]) -> str:
    words = [" ".join(filter(None, (run.label, run.name))) for run in runs]
    return f"{runs[0].root} holds {len(runs)} runs, {words[0]} and {words[1]} among them"


def _checked(run: Run, name: str, frames: int | None, wrong: Faults) -> Result | None:
    """The result of a sequence; what is wrong with it is added to `wrong`."""
    try:
        result = run.read(name)
    except ResultError as error:
        wrong["text"].append(str(error))
        return None
    if result is None:
        which = f" of run {run.name}" if run.name else ""
        wrong["missing"].append(f"{run.root} has no result{which} of {name}")
        return None
    boxes = result.boxes_xywh
    if frames is not None and len(boxes) != frames:
        told = f"but the sequence {counted(frames, 'frame')}"
        wrong["boxes"].append(f"{result.path} has {len(boxes)} boxes, {told}")
    for row in np.flatnonzero(~np.isfinite(boxes).all(axis=1))[:1]:
        box = ",".join(f"{v:g}" for v in boxes[row])
        wrong["numbers"].append(f"{result.path}, line {row + 1}: {box} is not finite")
    return result


def _checked_times(result: Result, wrong: Faults) -> Array:
    """(M,) seconds; none where there are none."""
    path, count = result.path, len(result.boxes_xywh)
    if result.seconds is None:
        told = "no times beside it, which the server wants: NAME_time.txt"
        wrong["untimed"].append(f"{path} has {told}")
        return np.zeros(0)
    if len(result.seconds) != count:
        told = f"but the times of {counted(len(result.seconds), 'frame')}"
        wrong["times"].append(f"{path} has {count} boxes, {told}")
    bad = ~np.isfinite(result.seconds) | (result.seconds < 0)
    for row in np.flatnonzero(bad)[:1]:
        told = f"{result.seconds[row]:g} s, the time of frame {row + 1}, is none"
        wrong["seconds"].append(f"{path}: {told}")
    return result.seconds


def _check_names(runs: Sequence[Run], names: Mapping[str, int | None], wrong: Faults) -> None:
    """Where a result is missing: files that may be it, misspelled."""
    if all(name in run.readers for run in runs for name in names):
        return
    for path in dict.fromkeys(path for run in runs for path in run.others):
        wrong["names"].append(f"{path} is called after no sequence of the benchmark")


def _lines(table: Array, form: str) -> str:
    return "".join(",".join(form % v for v in row) + "\n" for row in table.tolist())
