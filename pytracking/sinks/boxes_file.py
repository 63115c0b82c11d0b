"""Boxes out: a text file with a line a frame."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from pytracking.sinks.line_file import LineFile
from pytracking.tracker.prediction import Box, Prediction


class BoxesFile:
    """Writes `x,y,w,h,score,status` a frame, floats with 4 decimals; the first frame has score nan,
    status init.

        with BoxesFile(path) as boxes:
            boxes.write_first(box)
            boxes.write(prediction)

    What was written is kept, whatever ends the block, as by `LineFile`.
    `np.loadtxt(path, delimiter=",", usecols=range(4))` reads the boxes. Raises ResultError."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = LineFile(path, "boxes")

    @property
    def lines(self) -> int:
        """How many were written."""
        return self._file.lines

    def __enter__(self) -> BoxesFile:
        self._file.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def write_first(self, box: Box) -> None:
        """The first frame's given box."""
        self._write(box, float("nan"), "init")

    def write(self, prediction: Prediction) -> None:
        """The next frame's prediction."""
        self._write(prediction.box, prediction.score, prediction.status)

    def _write(self, box: Box, score: float, status: str) -> None:
        self._file.write(",".join(f"{value:.4f}" for value in (*box, score)) + f",{status}")
