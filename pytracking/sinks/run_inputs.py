"""No run writes over what it reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ltr.errors import ResultError
from pytracking.sinks.run_folder import LOCK, MANIFEST, Destination


def check_inputs_kept(
    inputs: Sequence[tuple[str, Path]], destinations: Sequence[Destination]
) -> None:
    """Refuse a run whose files would take the place of one of its inputs or lie among its frames,
    or whose folders are one.

    inputs: files and folders, each with what it is, as in ("the video", path). Links are followed.
    Nothing is written. Raises ResultError."""
    folders: list[Path] = []
    for destination in destinations:
        folder = destination.expected()
        for what, path in inputs:
            _check(what, path, folder, destination)
        if any(_same(folder, other) for other in folders):
            raise ResultError(
                f"{destination.option} and {destinations[0].option} are one folder, {folder}: "
                "give two"
            )
        folders.append(folder)


def _check(what: str, path: Path, folder: Path, destination: Destination) -> None:
    other = f"give another {destination.option}"
    place = Path(os.path.realpath(path))
    if place.is_dir():
        at = Path(os.path.realpath(folder))
        if any(_same(place, p) for p in ((at, *at.parents) if destination.pictures else (at,))):
            raise ResultError(f"results in {folder} would lie among {what}: {other}")
        return
    names = (*destination.files, MANIFEST, LOCK)
    if any(_same(place, file) for file in (folder, *(folder / name for name in names))):
        raise ResultError(f"results in {folder} would overwrite {what} {path}: {other}")
    if ".partial" in place.name and _same(place.parent, folder):
        raise ResultError(
            f"{what} {path} has the name of an unfinished result in {folder}: rename it, or {other}"
        )


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same place, which need not be there."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
