"""Results in the formats of other programs: what a line of each holds."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ltr.errors import BoxError
from ltr.files import safe_name
from pytracking.tracker.prediction import Box, Prediction, Spread

COLUMNS = ("frame", "target", "x", "y", "w", "h", "score", "status")
"""Of csv files, and of the table that `read_results` gives."""
TIMED_COLUMNS = (*COLUMNS, "seconds")
"""Of the tables of recordings."""
SPREAD_COLUMNS = (
    "frame",
    "target",
    *(f"{number}_{what}" for what in ("deviation", "low", "high") for number in "xywh"),
)
"""Of the table of spreads: standard deviations, and the ends of the 90 % credible intervals."""
FORMATS = {
    "csv": "a table with a header",
    "json": "JSON lines",
    "mot": "the columns of the MOT challenge",
    "got10k": "the files of the GOT-10k toolkit",
}


@dataclass(frozen=True)
class ResultRow:
    """One target in one frame."""

    frame: int
    """Its number in the source, from 1."""
    target: str
    box: Box
    """(x, y, w, h) in frame pixels."""
    score: float
    """nan in the first frame, where the box was given."""
    status: str
    """`init` in the first frame, else that of the prediction."""
    seconds: float
    """What the frame took, all targets together."""
    spread: Spread | None = None
    """Of the box, where the tracker knows it."""


def row_of(frame: int, target: str, prediction: Prediction, seconds: float) -> ResultRow:
    """What was predicted of a target in a frame."""
    p = prediction
    return ResultRow(frame, target, p.box, p.score, p.status, seconds, p.spread)


class ResultFormat(NamedTuple):
    """One file of a run."""

    what: str
    """For whom reads the list of files."""
    line: Callable[[ResultRow], str]
    """A row as a line without its end; nothing where the row does not belong there."""
    header: str = ""


def result_formats(
    formats: Sequence[str], sequence: str, targets: Sequence[str], spread: bool = False
) -> dict[str, ResultFormat]:
    """The files of a run of `sequence`, by name, in each of the `formats`: one for all targets in
    csv, json and mot, two a target in got10k; and one more with the `spread` of boxes. Raises
    BoxError where two would be one."""
    files: dict[str, ResultFormat] = {}
    if spread:
        files["spread.csv"] = ResultFormat(
            "how sure each box is: deviations and 90 % intervals of x,y,w,h",
            spread_line,
            ",".join(SPREAD_COLUMNS),
        )
    if "csv" in formats:
        header = ",".join(COLUMNS)
        files["results.csv"] = ResultFormat(f"a line a box: {header}", csv_line, header)
    if "json" in formats:
        files["results.jsonl"] = ResultFormat("a JSON object a box", json_line)
    if "mot" in formats:
        numbers = {name: number for number, name in enumerate(targets, 1)}
        files["mot.txt"] = ResultFormat(
            "MOT challenge: frame,id,left,top,width,height,confidence,-1,-1,-1, counted from 1",
            lambda row: mot_line(row, numbers),
        )
    if "got10k" in formats:
        for target in targets:
            parts = [sequence] if len(targets) == 1 else [sequence, target]
            name = safe_name("_".join(parts))
            if f"{name}_001.txt" in files:
                raise BoxError(
                    f"two targets would have the results {name}_001.txt: give other names"
                )
            boxes, seconds = _only(target, got10k_line), _only(target, got10k_time)
            files[f"{name}_001.txt"] = ResultFormat("GOT-10k: x,y,w,h a frame", boxes)
            files[f"{name}_time.txt"] = ResultFormat("GOT-10k: seconds of each frame", seconds)
    return files


def csv_line(row: ResultRow) -> str:
    """The COLUMNS, numbers with 4 decimals; no score is an empty field."""
    score = "" if math.isnan(row.score) else f"{row.score:.4f}"
    box = [f"{value:.4f}" for value in row.box]
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([row.frame, row.target, *box, score, row.status])
    return text.getvalue()


def timed_csv_line(row: ResultRow) -> str:
    """The TIMED_COLUMNS."""
    return f"{csv_line(row)},{row.seconds:.4f}"


def spread_line(row: ResultRow) -> str:
    """The SPREAD_COLUMNS, numbers with 4 decimals; nothing for a box without a spread."""
    if row.spread is None:
        return ""
    numbers = (*row.spread.deviation, *row.spread.low, *row.spread.high)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="")
    writer.writerow([row.frame, row.target, *(f"{value:.4f}" for value in numbers)])
    return text.getvalue()


def json_line(row: ResultRow) -> str:
    """An object with frame, target, box, score and status, and the spread where there is one, every
    digit kept; no score is null."""
    told = {
        "frame": row.frame,
        "target": row.target,
        "box": list(row.box),
        "score": None if math.isnan(row.score) else row.score,
        "status": row.status,
    }
    if row.spread is not None:
        told["spread"] = row.spread.to_dict()
    return json.dumps(told, ensure_ascii=False)


def mot_line(row: ResultRow, numbers: Mapping[str, int]) -> str:
    """`frame,id,left,top,width,height,confidence,-1,-1,-1`. The challenge counts pixels from 1, and
    has no line for a target that is not found; the box that was given has confidence 1."""
    if row.status == "not_found":
        return ""
    x, y, w, h = row.box
    score = 1.0 if math.isnan(row.score) else row.score
    box = f"{x + 1:.4f},{y + 1:.4f},{w:.4f},{h:.4f}"
    return f"{row.frame},{numbers[row.target]},{box},{score:.4f},-1,-1,-1"


def got10k_line(row: ResultRow) -> str:
    """`x,y,w,h` with three decimals."""
    return ",".join(f"{value:.3f}" for value in row.box)


def got10k_time(row: ResultRow) -> str:
    """Seconds, with eight decimals."""
    return f"{row.seconds:.8f}"


def _only(target: str, line: Callable[[ResultRow], str]) -> Callable[[ResultRow], str]:
    return lambda row: line(row) if row.target == target else ""
