"""Results in again, as a table: every format that a run writes."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ltr.errors import ConfigError, ResultError
from ltr.paths import as_path, read_regular
from pytracking.sinks.result_formats import COLUMNS, TIMED_COLUMNS
from pytracking.tracker.prediction import STATUSES, Box

if TYPE_CHECKING:
    import pandas

UNNAMED = "target"
"""The name of a single target whose file tells none."""
Record = tuple[int, str, float, float, float, float, float, str | None]
"""The COLUMNS of one row; score nan and status None where a format has none."""


def read_results(path: str | os.PathLike[str]) -> pandas.DataFrame:
    """The table of a results file, with the columns frame, target, x, y, w, h, score, status, one
    row a target and frame.

    Reads boxes.txt, results.csv, a recording's boxes.csv, results.jsonl, mot.txt and NAME_001.txt;
    what it is shows in its first line. Frames count from 1: in csv, json and mot these are the
    numbers of the source, in the others the lines. Boxes are in frame pixels, the top-left pixel
    being 0,0, those of MOT as well. What a format lacks is missing in the table: score and status
    in GOT-10k, status and names in MOT. Raises ResultError with the line that is wrong, ConfigError
    where pandas is missing."""
    try:
        import pandas
    except ImportError:
        raise ConfigError(
            "read_results gives a pandas table, and pandas is not installed: pip install pandas "
            "(the extra tables)"
        ) from None
    path = as_path(path, "results file", ResultError)
    try:
        lines = read_regular(path).decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ResultError(f"cannot read results {path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ResultError(
            f"{path} holds no results: it is no text; give boxes.txt, results.csv, results.jsonl, "
            "mot.txt or NAME_001.txt"
        ) from None
    return pandas.DataFrame(_records(path, lines), columns=list(COLUMNS))


def _records(path: Path, lines: list[str]) -> list[Record]:
    if not lines:
        raise ResultError(f"results {path} are empty: track something first")
    record = _reader_of(path, lines[0])
    if record is None:
        raise ResultError(
            f"{path} holds no results: {lines[0].strip()[:60]!r} is no first line of boxes.txt, "
            "csv, json, mot or got10k"
        )
    begin = 1 if record is _csv_record else 0
    records = []
    for number, line in enumerate(lines[begin:], begin + 1):
        try:
            records.append(record(number, line))
        except (ValueError, KeyError, TypeError, csv.Error):
            raise ResultError(
                f"{path}, line {number}: {line.strip()[:60]!r} is not like the lines before it"
            ) from None
    return records


def _reader_of(path: Path, first: str) -> Callable[[int, str], Record] | None:
    """What reads the lines of a file (their number, the line), by its first line."""
    parts = first.split(",")
    if tuple(parts) in (COLUMNS, TIMED_COLUMNS):
        return _csv_record
    if first.startswith("{"):
        return _json_record
    if len(parts) == 10 and parts[-3:] == ["-1", "-1", "-1"]:
        return _mot_record
    if len(parts) == 6 and parts[-1] == "init":
        named = re.fullmatch(r"boxes_(.+)", path.stem)
        name = named[1] if named else UNNAMED
        return lambda number, line: _boxes_record(number, name, line)
    if len(parts) == 4:
        return _got10k_record
    return None


def _csv_record(number: int, line: str) -> Record:
    (row,) = csv.reader([line], strict=True)
    frame, target, x, y, w, h, score, status, *_ = row
    return int(frame), target, *_box(x, y, w, h), float(score or "nan"), _status(status)


def _json_record(number: int, line: str) -> Record:
    row = json.loads(line)
    score = math.nan if row["score"] is None else float(row["score"])
    return int(row["frame"]), str(row["target"]), *_box(*row["box"]), score, _status(row["status"])


def _mot_record(number: int, line: str) -> Record:
    frame, target, x, y, w, h, score, *_ = line.split(",")
    left, top, width, height = _box(x, y, w, h)
    return int(frame), str(int(target)), left - 1, top - 1, width, height, float(score), None


def _boxes_record(number: int, name: str, line: str) -> Record:
    x, y, w, h, score, status = line.split(",")
    return number, name, *_box(x, y, w, h), float(score), _status(status)


def _got10k_record(number: int, line: str) -> Record:
    return number, UNNAMED, *_box(*line.split(",")), math.nan, None


def _box(x: str | float, y: str | float, w: str | float, h: str | float) -> Box:
    return float(x), float(y), float(w), float(h)


def _status(word: str) -> str:
    if word != "init" and word not in STATUSES:
        raise ValueError(word)
    return word
