"""Boxes out: a text file with a line a frame."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from ltr.files import AtomicFile
from pytracking.tracker.prediction import Box, Prediction


class BoxesFile:
    """Writes `x,y,w,h,score,status` a frame, floats with 4 decimals; the first frame has score nan,
    status init.

        with BoxesFile(path) as boxes:
            boxes.write_first(box)
            boxes.write(prediction)

    Lines go to a temporary file as they come. At the end of the block, whatever ends it, the file
    takes its name: what was tracked is kept. Without a line nothing is left, and a former file
    stays. `np.loadtxt(path, delimiter=",", usecols=range(4))` reads the boxes. Raises
    ResultError."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.lines = 0
        self._file: AtomicFile | None = None

    def __enter__(self) -> BoxesFile:
        self._file = AtomicFile(self.path, "boxes")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        if self.lines:
            self._file.commit(error)
        else:
            self._file.discard()

    def write_first(self, box: Box) -> None:
        """The first frame's given box."""
        self._write(box, float("nan"), "init")

    def write(self, prediction: Prediction) -> None:
        """The next frame's prediction."""
        self._write(prediction.box, prediction.score, prediction.status)

    def _write(self, box: Box, score: float, status: str) -> None:
        if self._file is None:
            raise ValueError("a BoxesFile is written in a with block")
        line = ",".join(f"{value:.4f}" for value in (*box, score)) + f",{status}\n"
        self._file.write(line.encode())
        self.lines += 1
