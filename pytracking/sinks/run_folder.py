"""The folder of a run: its own, locked while it is written, with a list of what it wrote."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ltr.errors import ResultError
from ltr.files import is_temporary, locked, remove_stale, write_text

MANIFEST = "run.json"
"""Lists the files in a folder that runs wrote: only these are replaced or removed by later ones."""
LOCK = ".run.lock"
LATEST = "latest"


@dataclass(frozen=True)
class Destination:
    """Where files of a run are to go."""

    option: str
    """The option that names the folder."""
    folder: Path
    files: Collection[str]
    """The names of those that are known beforehand."""
    overwrite: bool = False
    """Files of an earlier run may be there: they are replaced, or removed."""
    numbered: bool = False
    """Nobody named the folder: without `overwrite` the run gets a new one, NAME, NAME-2, NAME-3
    and so on, and a link `latest` beside it leads to it."""
    pictures: bool = False
    """Images are written: a folder of frames is no place for them, nor any within it."""
    known: Collection[str] = ()
    """Names of files that are of an earlier run without being listed."""

    def candidates(self) -> Iterator[Path]:
        """The folders to be tried, in order."""
        if not self.exclusive:
            yield self.folder
            return
        for number in itertools.count(1):
            name = self.folder.name + (f"-{number}" if number > 1 else "")
            if name != LATEST:
                yield self.folder.with_name(name)

    @property
    def exclusive(self) -> bool:
        """Whether the folder is a new one."""
        return self.numbered and not self.overwrite

    def expected(self) -> Path:
        """The folder that `run_folder` would take now."""
        there = os.path.lexists if self.exclusive else lambda folder: False
        return next(folder for folder in self.candidates() if not there(folder))


class RunFolder:
    """What a run may write into its folder; made by `run_folder`."""

    def __init__(self, folder: Path, option: str, ours: set[str]) -> None:
        self.folder = folder
        self._option = option
        self._listed = ours
        self._before: dict[str, tuple[int, ...] | None] = {}

    def claim(self, names: Iterable[str]) -> None:
        """Before files are written: list them as this run's. Raises ResultError where one is there
        that no run has written, and then nothing is listed."""
        new = set(names) - self._before.keys()
        for name in sorted(new - self._listed):
            if os.path.lexists(self.folder / name):
                raise ResultError(
                    f"{self.folder / name} is not of an earlier run: move it away, or give another "
                    f"{self._option}"
                )
        self._before |= {name: _identity(self.folder / name) for name in new}
        self._list(self._listed | new)

    def settle(self) -> None:
        """At the end of a run that did not fail: remove the files of earlier runs that it has not
        written anew."""
        written = {n for n, before in self._before.items() if _identity(self.folder / n) != before}
        for name in (self._listed - written) if written else ():
            with contextlib.suppress(OSError):
                os.unlink(self.folder / name)

    def keep(self) -> bool:
        """List the files that are there, whichever run wrote them, and return whether there are
        any. Where that cannot be written, the longer list stays."""
        names = {name for name in self._listed if os.path.lexists(self.folder / name)}
        with contextlib.suppress(ResultError):
            if names != self._listed:
                self._list(names)
        return bool(names)

    def _list(self, names: set[str]) -> None:
        self._listed = names
        path = self.folder / MANIFEST
        if names:
            content = {"program": "pytracking", "files": sorted(names)}
            write_text(path, json.dumps(content, indent=1) + "\n", "list of files")
        else:
            with contextlib.suppress(OSError):
                path.unlink()


@contextmanager
def run_folder(destination: Destination) -> Iterator[RunFolder]:
    """The folder of one run, which no other run writes to until the block ends.

    The files of earlier runs stay until `settle` is called. A folder made for the run is removed
    where nothing came of it. The kernel frees the lock of a process that dies.

    Raises ResultError, and leaves all as it was: another run writes to the folder; it is not empty
    and not to be overwritten; a file would be replaced that no run has written; it cannot be
    made."""
    folder, made = _folder(destination)
    try:
        taken = f"another run is writing to {folder}: wait for its end, or give another "
        with locked(folder / LOCK, taken + destination.option):
            run = RunFolder(folder, destination.option, _files_of_earlier_runs(folder, destination))
            run.claim(destination.files)
            remove_stale(folder)
            try:
                yield run
            finally:
                if run.keep() and destination.numbered:
                    _link_latest(folder)
    finally:
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # nothing but an empty one


def _folder(destination: Destination) -> tuple[Path, bool]:
    """The folder, and whether it was made just now. Raises ResultError."""
    try:
        for folder in destination.candidates():
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                folder.mkdir()
                return folder, True
            except FileExistsError:
                if destination.exclusive:
                    continue
                if not folder.is_dir():
                    raise
                return folder, False
    except OSError as error:
        why = error.strerror or error
        raise ResultError(f"cannot make folder {destination.folder}: {why}") from None
    raise AssertionError("there is always another number")


def _files_of_earlier_runs(folder: Path, destination: Destination) -> set[str]:
    """The names that earlier runs have listed. Raises ResultError where the folder holds anything
    and is not to be overwritten."""
    listed = _listed(folder / MANIFEST)
    # what a killed run may leave counts for nothing
    there = {n for n in os.listdir(folder) if n != LOCK and not is_temporary(n)}
    there -= {MANIFEST} if listed is not None else set()
    if there and not destination.overwrite:
        raise ResultError(
            f"{folder} is not empty: give --overwrite to replace the results of an earlier run "
            f"there, or another {destination.option}"
        )
    if MANIFEST in there:
        raise ResultError(
            f"{folder / MANIFEST} is not of an earlier run: move it away, or give another "
            f"{destination.option}"
        )
    return {*(listed or ()), *destination.known}


def _listed(path: Path) -> set[str] | None:
    """The names in a run's list of files, plain ones; None where it is no such list."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        names = content["files"] if content["program"] == "pytracking" else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return {name for name in names if name == os.path.basename(name) and name not in ("", "..")}


def _identity(path: Path) -> tuple[int, ...] | None:
    """What tells a file from one written in its place; None where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _link_latest(folder: Path) -> None:
    """Let the link `latest` beside a folder lead to it. Where that cannot be, go on without."""
    link, new = folder.with_name(LATEST), folder.with_name(f".{LATEST}.{secrets.token_hex(8)}")
    if link.exists() and not link.is_symlink():
        return
    with contextlib.suppress(OSError):
        os.symlink(folder.name, new, target_is_directory=True)
        try:
            os.replace(new, link)
        except OSError:
            os.unlink(new)
