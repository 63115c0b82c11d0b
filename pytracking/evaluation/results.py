"""Results in, as trackers leave them: ours, and the layouts of other programs.

A file says of which sequence it is by its name, so layouts need not be told apart:

    seed-N/NAME.txt, with evaluation.json     ours, a line x,y,w,h,score,status,seconds a frame
    PARAMETERS_NNN/NAME.txt, NAME_time.txt    the older framework, tabs or commas
    NAME/NAME_NNN.txt, NAME_time.txt          the GOT-10k toolkit
    NAME.txt                                  OTB's and others', commas, tabs or blanks
    one json                                  {NAME: [[x, y, w, h], ...]}

all but the last in a folder or a zip archive, at any depth."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ltr.box_files import parse_rows
from ltr.errors import DataError, ResultError
from ltr.files import safe_name
from ltr.paths import read_regular
from ltr.progress import counted
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.result_tree import ResultTree, open_tree
from pytracking.evaluation.trajectories import parse_trajectory
from pytracking.tracker.prediction import STATUSES

FARTHEST = 1e12
"""Pixels: trackers that diverge are scored, numbers that are not finite are refused."""
PREFIXES = re.compile(r"(uav|nfs|tpl)_")
"""What the older framework puts in front of the names of three benchmarks."""
TIMES, SCORES = "_time", "_object_presence_scores"
BOX = "box x,y,w,h"


class Result(NamedTuple):
    """One tracker's boxes in one sequence, as read."""

    path: Path
    boxes_xywh: Array
    """(M, 4): as many as the file has; NaN, zero and negative sizes included."""
    seconds: Array | None = None
    """(M,) what each frame took, where that is known."""
    scores: Array | None = None
    """(M,) NaN in the first frame."""
    statuses: tuple[str, ...] = ()
    """M of them, or none."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run of one tracker over sequences."""

    label: str
    """The tracker; its runs share it."""
    name: str
    """Of the run, as its folder says it; empty where there is but one."""
    root: Path
    """What it was found in."""
    readers: Mapping[str, Callable[[], Result]]
    """By the names of the benchmark, in its order; files are read when they are asked for."""
    paths: Mapping[str, Path]
    """Where each lies, by the same names."""
    others: tuple[Path, ...] = ()
    """What lies beside them and has the name of no sequence."""

    def read(self, sequence: str) -> Result | None:
        """The result of a sequence; None where there is none. Raises ResultError with the line that
        is wrong."""
        reader = self.readers.get(sequence)
        return None if reader is None else reader()


def find_runs(path: Path, names: Collection[str], label: str = "") -> list[Run]:
    """The runs in a folder, a zip archive or a json file that hold results of the sequences
    `names`, by label and name. label: what the tracker is called, else as its folder.

    Raises ResultError for what cannot be read, and where most names of files are of no such
    sequence: those are results of another benchmark."""
    if path.suffix.lower() == ".json":
        return [_json_run(path, names, label)]
    tree = open_tree(path)
    found = _Found(tree, _Names(names))
    runs = found.runs(label or _root_label(path), bool(label))
    if not runs:
        raise _foreign(path, found.of_best(), names)
    order = list(names)
    return [
        replace(run, readers={n: run.readers[n] for n in order if n in run.readers}) for run in runs
    ]


class _Names:
    """Which sequence a file or folder is called after."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = {safe_name(name): name for name in names}
        loose: dict[str, list[str]] = defaultdict(list)
        for name in self._exact.values():
            loose[_loose(name)].append(name)
        # names that differ by case alone, as those of videos may, are not taken for each other
        self._loose = {key: group[0] for key, group in loose.items() if len(group) == 1}

    def find(self, word: str) -> str | None:
        return self._exact.get(word) or self._loose.get(_loose(word))


def _loose(name: str) -> str:
    """Programs spell the same sequence Jogging.1, jogging-1 and Jogging_1."""
    return PREFIXES.sub("", re.sub(r"[^\w]", "_", name).lower(), count=1)


class _Files(NamedTuple):
    """The files of one folder by sequence."""

    boxes: dict[str, dict[str, str]]
    """By the number of the repetition, empty where files have none."""
    times: dict[str, str]
    scores: dict[str, str]
    others: set[str]
    """The names of files of no sequence."""

    def share(self, sequences: int) -> float:
        """How much of what could be of the benchmark is."""
        ours = len({sequence for files in self.boxes.values() for sequence in files})
        return ours / max(1, min(sequences, ours + len(self.others)))


class _Found:
    """What a tree holds, by folder."""

    def __init__(self, tree: ResultTree, names: _Names) -> None:
        self._tree, self._names = tree, names
        self._count = len(names._exact)
        self.folders: dict[str, _Files] = defaultdict(lambda: _Files({}, {}, {}, set()))
        for name in tree.names:
            if name.lower().endswith(".txt"):
                self._sort(name)

    def _sort(self, name: str) -> None:
        folder, _, file = name.rpartition("/")
        stem = file[:-4]
        find = self._names.find
        if sequence := find(stem):
            self._add(folder, "", sequence, name)
            return
        for ending, kind in ((TIMES, "times"), (SCORES, "scores")):
            if stem.endswith(ending) and (sequence := find(stem[: -len(ending)])):
                getattr(self.folders[self._above(folder, sequence)], kind)[sequence] = name
                return
        numbered = re.fullmatch(r"(.+)_(\d{3,})", stem)
        if numbered and (sequence := find(numbered[1])):
            self._add(self._above(folder, sequence), numbered[2], sequence, name)
            return
        self.folders[folder].others.add(name)

    def _above(self, folder: str, sequence: str) -> str:
        """The folder of a run: that of the file, unless it is called after the sequence."""
        above, _, last = folder.rpartition("/")
        return above if self._names.find(last) == sequence else folder

    def _add(self, folder: str, repetition: str, sequence: str, name: str) -> None:
        files = self.folders[folder].boxes.setdefault(repetition, {})
        if sequence in files:
            raise ResultError(
                f"{self._tree.path(name)} and {self._tree.path(files[sequence])} are both results "
                f"of {sequence}: remove one of them"
            )
        files[sequence] = name

    def of_best(self) -> _Files:
        return max(
            self.folders.values(),
            key=lambda files: (files.share(self._count), len(files.others)),
            default=_Files({}, {}, {}, set()),
        )

    def runs(self, root: str, named: bool) -> list[Run]:
        runs = []
        for folder, files in sorted(self.folders.items()):
            if files.share(self._count) < 0.5:
                continue
            tracker, run = _tracker_and_run(folder)
            label = f"{root} {tracker}" if named and tracker else tracker or root
            for column, (repetition, boxes) in enumerate(sorted(files.boxes.items())):
                name = "/".join(filter(None, (run, repetition if len(files.boxes) > 1 else "")))
                readers = {
                    sequence: partial(
                        _read,
                        self._tree,
                        file,
                        files.times.get(sequence),
                        files.scores.get(sequence),
                        column,
                    )
                    for sequence, file in boxes.items()
                }
                others = tuple(map(self._tree.path, sorted(files.others)))
                paths = {sequence: self._tree.path(file) for sequence, file in boxes.items()}
                runs.append(Run(label, name, self._tree.root, readers, paths, others))
        labels = {run.label for run in runs}
        if named and len(labels) == 1:
            runs = [replace(run, label=root) for run in runs]
        return runs


def _tracker_and_run(folder: str) -> tuple[str, str]:
    """ "a/seed-1" -> "a", "seed-1"; "a/b_003" -> "a/b", "003"; VOT's "a/baseline" -> "a", "";
    others -> themselves, ""."""
    above, _, last = folder.rpartition("/")
    if last == "baseline":
        return above, ""
    if re.fullmatch(r"seed-\d+", last):
        return above, last
    if numbered := re.fullmatch(r"(.+)_(\d{3})", last):
        return "/".join(filter(None, (above, numbered[1]))), numbered[2]
    return folder, ""


def _root_label(path: Path) -> str:
    """A folder is called after its tracker; one of a single seed lies in one that is."""
    place = path.resolve()
    if re.fullmatch(r"seed-\d+", place.name):
        return f"{place.parent.name} {place.name}"
    return (place.name if place.is_dir() else place.stem) or str(place)


def _foreign(path: Path, files: _Files, names: Collection[str]) -> ResultError:
    ours = {sequence for run in files.boxes.values() for sequence in run}
    if not ours and not files.others:
        return ResultError(f"{path} holds no results: there is no NAME.txt in it")
    missing = next(name for name in names if name not in ours)
    if len(names) == 1:
        other = Path(min(files.others)).stem
        return ResultError(f"{path} holds no result of {missing!r}, but of {other!r} and the like")
    return ResultError(
        f"{path} holds results of another benchmark: {len(ours)} of its "
        f"{len(ours) + len(files.others)} names are among the {counted(len(names), 'sequence')}, "
        f"which are called {missing!r}, not {Path(min(files.others)).stem!r}"
    )


def _read(
    tree: ResultTree, name: str, times: str | None, scores: str | None, column: int
) -> Result:
    path, text = tree.path(name), tree.text(name)
    first = text.split("\n", 1)[0].strip().split(",")
    if len(first) == 7 and first[5] == "init":
        ours = parse_trajectory(text, path)
        return Result(path, ours.boxes_xywh, ours.seconds, ours.scores, ours.statuses)
    if len(first) == 6 and first[5] == "init":  # what `track` writes
        rows, statuses = _without_status(text, path)
        table = _numbers(rows, path, 5, "box x,y,w,h,score,status")
        return Result(path, table[:, :4], None, table[:, 4], statuses)
    boxes = _numbers(text, path, 4, BOX)
    return Result(
        path,
        boxes,
        None if times is None else _column(tree, times, "time in seconds", column),
        None if scores is None else _column(tree, scores, "score", column),
    )


def _numbers(text: str, path: Path, columns: int, what: str) -> Array:
    try:
        return parse_rows(text, path, columns, what, FARTHEST)
    except DataError as error:
        raise ResultError(str(error)) from None


def _without_status(text: str, path: Path) -> tuple[str, tuple[str, ...]]:
    rows, statuses = [], []
    for number, line in enumerate(text.rstrip().splitlines(), 1):
        row, _, status = line.rpartition(",")
        if status not in STATUSES and (number > 1 or status != "init"):
            raise ResultError(f"{path}, line {number}: {line.strip()[:60]!r} has no status")
        rows.append(row)
        statuses.append(status)
    return "\n".join(rows), tuple(statuses)


def _column(tree: ResultTree, name: str, what: str, column: int) -> Array:
    """One number a frame; of a file with a column a repetition, that one, or the last."""
    text = tree.text(name)
    columns = len(text.split("\n", 1)[0].replace(",", " ").split())
    table = _numbers(text, tree.path(name), max(1, columns), what)
    return np.ascontiguousarray(table[:, min(column, table.shape[1] - 1)])


def _json_run(path: Path, names: Collection[str], label: str) -> Run:
    try:
        content = json.loads(read_regular(path))
        if not isinstance(content, dict):
            raise ValueError("it is no object of results by name")
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise ResultError(f"cannot read results {path}: {why}") from None
    known = _Names(names)
    files = _Files({"": {}}, {}, {}, set())
    for name in content:
        if (sequence := known.find(name)) is None:
            files.others.add(name)
        else:
            files.boxes[""][sequence] = name
    if files.share(len(names)) < 0.5:
        raise _foreign(path, files, names)
    readers = {
        sequence: partial(_json_boxes, path, files.boxes[""][sequence], content)
        for sequence in names
        if sequence in files.boxes[""]
    }
    return Run(label or _root_label(path), "", path, readers, dict.fromkeys(readers, path))


def _json_boxes(path: Path, name: str, content: Mapping[str, object]) -> Result:
    try:
        boxes = np.array(content[name], dtype=float)
    except (TypeError, ValueError):  # text, and rows of different lengths
        boxes = np.zeros(0)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or (np.abs(boxes) > FARTHEST).any():
        raise ResultError(f"{path}, {name!r}: it is no list of boxes [x, y, w, h]")
    return Result(path, boxes)
