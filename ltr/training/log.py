"""The log of a run: log.jsonl, one JSON object a line, and TensorBoard where it is installed.

Kinds of lines: `train` (means since the one before), `validation`, `tracking` (from `pytracking
validate`), `event`. All have `step`; a run that is resumed says the steps after its last state
again, so the last line of a step counts.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from ltr.errors import ResultError
from ltr.progress import tell

LOG = "log.jsonl"
Kind = Literal["train", "validation", "tracking", "event"]


def append_line(folder: Path, kind: Kind, values: Mapping[str, Any]) -> None:
    """One more line, whole, also where another process writes too. A line that a killed writer left
    torn is ended first. Raises ResultError."""
    path = folder / LOG
    row = json.dumps(_finite({"kind": kind, "time": round(time.time(), 1), **values}))
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            data = (b"\n" if torn else b"") + row.encode() + b"\n"
            if os.write(descriptor, data) != len(data):
                os.write(descriptor, b"\n")  # raises what the matter is
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ResultError(f"cannot write log {path}: {error.strerror or error}") from None


def _finite(value: Any) -> Any:
    """A value as JSON has it, which knows no nan and no infinity: they become null."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_log(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of a run so far, without those that are torn. Raises ResultError."""
    path = folder / LOG
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(row, dict) and isinstance(row.get("kind"), str):
                    yield row
    except FileNotFoundError:
        return
    except OSError as error:
        raise ResultError(f"cannot read log {path}: {error.strerror or error}") from None


class Curves:
    """The same numbers for TensorBoard, in the run's folder `tensorboard`; nothing where it is not
    installed."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._writer = None
        else:
            self._writer = SummaryWriter(str(folder / "tensorboard"))

    def add(self, kind: Kind, step: int, values: Mapping[str, Any]) -> None:
        """A point of the curve kind/name of each number, and of those in tables among them. Curves
        that cannot be written end with a note: the log has the same numbers."""
        if self._writer is None:
            return
        try:
            for name, value in values.items():
                for key, number in (value if isinstance(value, dict) else {"": value}).items():
                    if isinstance(number, float):
                        self._writer.add_scalar(f"{kind}/{name}/{key}".rstrip("/"), number, step)
            self._writer.flush()
        except OSError as error:
            tell(f"no more curves for TensorBoard: {error.strerror or error}")
            self._writer = None

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()
