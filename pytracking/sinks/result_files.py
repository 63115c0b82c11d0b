"""The results of a run, in several formats at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pytracking.sinks.line_file import LineFile
from pytracking.sinks.result_formats import ResultFormat, ResultRow


class ResultFiles:
    """Files in a folder, by name, each of its format. Whatever ends the block, what was written is
    kept, as by `LineFile`.

        with ResultFiles(folder, result_formats(["csv"], "clip", ["left", "right"])) as results:
            results.write(row)

    Raises ResultError."""

    def __init__(self, folder: Path, formats: Mapping[str, ResultFormat]) -> None:
        self._files = [
            (LineFile(folder / name, "results", form.header), form.line)
            for name, form in formats.items()
        ]
        self._stack = ExitStack()

    def __enter__(self) -> ResultFiles:
        with ExitStack() as stack:
            for file, _ in self._files:
                stack.enter_context(file)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, row: ResultRow) -> None:
        """A row, into every file in which it belongs."""
        for file, line in self._files:
            if text := line(row):
                file.write(text)
