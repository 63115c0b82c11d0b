"""A folder or a zip archive as names of files and what is in them. Nothing is extracted."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from ltr.errors import ResultError
from ltr.paths import open_regular, read_regular

LARGEST = 1 << 27
"""Bytes of a file in an archive, unpacked: so many boxes has no sequence."""


@dataclass(frozen=True, eq=False)
class ResultTree:
    """The files below a folder or in an archive."""

    root: Path
    names: tuple[str, ...]
    """Relative to `root`, parts separated by `/`, in order."""
    data: Callable[[str], bytes]
    """The bytes of the file with this name. Raises ResultError."""

    def path(self, name: str) -> Path:
        """Where a file lies, for messages: in an archive, as if that was a folder."""
        return self.root / name

    def text(self, name: str) -> str:
        """Raises ResultError."""
        try:
            return self.data(name).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ResultError(f"cannot read results {self.path(name)}: {error}") from None


def open_tree(path: Path) -> ResultTree:
    """The files below the folder, or in the zip archive, at `path`. Hidden files and those of
    macOS are left out. Raises ResultError for what is neither, and for an archive with a name that
    leads out of it."""
    if path.is_dir():
        names = (
            Path(folder, name).relative_to(path).as_posix()
            for folder, _, files in os.walk(path)
            for name in files
        )
        return ResultTree(path, _visible(names), partial(_read_file, path))
    try:
        with open_regular(path):  # it refuses pipes
            archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise ResultError(
            f"{path} is not there: give a folder, a zip archive or a json file of results"
        ) from None
    except OSError as error:
        raise ResultError(f"cannot read results {path}: {error.strerror or error}") from None
    except zipfile.BadZipFile:
        raise ResultError(
            f"{path} holds no results: give a folder, a zip archive or a json file"
        ) from None
    members = [info.filename for info in archive.infolist() if not info.is_dir()]
    for name in members:
        parts = PurePosixPath(name.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
            raise ResultError(f"{path} holds {name[:80]!r}, which leads out of it: it is not read")
    return ResultTree(path, _visible(members), partial(_read_member, archive, path))


def _visible(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        sorted(
            name
            for name in names
            if not any(p.startswith(".") or p == "__MACOSX" for p in name.split("/"))
        )
    )


def _read_file(root: Path, name: str) -> bytes:
    try:
        return read_regular(root / name)
    except OSError as error:
        raise ResultError(f"cannot read results {root / name}: {error.strerror or error}") from None


def _read_member(archive: zipfile.ZipFile, root: Path, name: str) -> bytes:
    if archive.getinfo(name).file_size > LARGEST:
        raise ResultError(f"{root / name} is too large for results: more than {LARGEST} bytes")
    try:
        return archive.read(name)
    except (
        OSError,
        EOFError,
        RuntimeError,  # a password, or a way of packing that Python does not know
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
    ) as error:
        raise ResultError(f"cannot read results {root / name}: {error}") from None
