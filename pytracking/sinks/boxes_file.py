"""Boxes out: a text file with a line a frame."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TextIO

from ltr.errors import ResultError
from pytracking.tracker.prediction import Box, Prediction


class BoxesFile:
    """Writes `x,y,w,h,score,status` a frame, floats with 4 decimals; the first frame has score nan,
    status init.

        with BoxesFile(path) as boxes:
            boxes.write_first(box)
            boxes.write(prediction)

    Lines go to `path` + ".partial" as they come. At the end of the block, whatever ends it, the
    file takes its name: what was tracked is kept. Without a line nothing is left, and a former file
    stays. `np.loadtxt(path, delimiter=",", usecols=range(4))` reads the boxes. Raises
    ResultError."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.lines = 0
        self._partial = Path(f"{self.path}.partial")
        self._file: TextIO | None = None

    def __enter__(self) -> BoxesFile:
        try:
            self._file = open(self._partial, "w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise self._error(error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        try:
            self._file.close()
            if self.lines:
                self._partial.replace(self.path)
            else:
                self._partial.unlink()
        except OSError as failure:
            if error is None:  # else the first error is the one to be told of
                raise self._error(failure) from None

    def write_first(self, box: Box) -> None:
        """The first frame's given box."""
        self._write(box, float("nan"), "init")

    def write(self, prediction: Prediction) -> None:
        """The next frame's prediction."""
        self._write(prediction.box, prediction.score, prediction.status)

    def _write(self, box: Box, score: float, status: str) -> None:
        if self._file is None:
            raise ValueError("a BoxesFile is written in a with block")
        try:
            self._file.write(",".join(f"{value:.4f}" for value in (*box, score)) + f",{status}\n")
        except OSError as error:
            raise self._error(error) from None
        self.lines += 1

    def _error(self, error: OSError) -> ResultError:
        return ResultError(f"cannot write boxes {self.path}: {error.strerror or error}")
