"""Results out, a line at a time."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from ltr.files import AtomicFile


class LineFile:
    """A text file of lines, the first of which may be a header.

        with LineFile(path, "boxes") as file:
            file.write("1,2,3,4")

    Lines go to a temporary file as they come. At the end of the block, whatever ends it, the file
    takes its name: what was tracked is kept. Without a line nothing is left, and a former file
    stays. Raises ResultError."""

    def __init__(self, path: str | os.PathLike[str], what: str, header: str = "") -> None:
        self.path = Path(path)
        self.lines = 0
        self._what = what
        self._header = header
        self._file: AtomicFile | None = None

    def __enter__(self) -> LineFile:
        self._file = AtomicFile(self.path, self._what)
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

    def write(self, line: str) -> None:
        """One more line, given without its end."""
        if self._file is None:
            raise ValueError(f"a {type(self).__name__} is written in a with block")
        lines = line if self.lines or not self._header else f"{self._header}\n{line}"
        self._file.write(f"{lines}\n".encode())
        self.lines += 1
