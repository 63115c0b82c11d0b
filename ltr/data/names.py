"""Lists of names: which tracks of a data set are used, and which are left out of training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ltr.data.annotations import Entry, read_annotations
from ltr.errors import DataError
from ltr.paths import read_regular

T = TypeVar("T")


@dataclass(frozen=True)
class Names:
    """The names that a part of a data set is limited to; without a file there is no limit."""

    folder: Path
    """The data set's, for messages."""
    path: Path | None = None
    listed: tuple[str, ...] = ()

    def chosen(self, items: Iterable[T], names_of: Callable[[T], tuple[str, ...]]) -> list[T]:
        """The items one of whose names, their own and those of folders around them, is listed.
        Raises DataError for a listed name that no item has."""
        if self.path is None:
            return list(items)
        wanted = frozenset(self.listed)
        met: set[str] = set()
        chosen = []
        for item in items:
            if own := wanted.intersection(names_of(item)):
                chosen.append(item)
                met |= own
        if missing := [name for name in self.listed if name not in met]:
            raise DataError(
                f"{len(missing)} of {len(wanted)} names of {self.path} are not in {self.folder}, "
                f"such as {missing[0]!r}: fetch them, or take them off the list"
            )
        return chosen


def read_lines(path: Path) -> tuple[str, ...]:
    """The lines of a text file that are not empty. Raises DataError where there is none."""
    try:
        text = read_regular(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path}: {why}") from None
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not lines:
        raise DataError(f"{path} is empty: there must be a line of text in it")
    return lines


def read_names(path: Path) -> tuple[str, ...]:
    """The names of folders or files beside a list, one a line. Raises DataError for one that leads
    elsewhere."""
    names = read_lines(path)
    for at, name in enumerate(names, 1):
        if "/" in name or "\\" in name or "\0" in name or name in (".", ".."):
            raise DataError(
                f"{path}, line {at}: {name[:60]!r} is no name of a sequence, which lies beside the "
                "list: fetch the list again"
            )
    return names


def read_left_out(path: Path) -> frozenset[str]:
    """The names of what is not trained on: one a line, or in JSON (a file NAME.json) the names
    whose value has a true `left_out`. Raises DataError, also where there is none."""
    if path.suffix.lower() != ".json":
        return frozenset(read_lines(path))
    names = set()
    for name, values in read_annotations(path).values.items():
        if not isinstance(values, dict):
            raise DataError(f"{path}: {name} is not an object with names")
        if Entry(path, name, values).truth("left_out"):
            names.add(name)
    if not names:
        raise DataError(f"{path} leaves nothing out: give one of its entries a true left_out")
    return frozenset(names)
