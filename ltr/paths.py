"""What is read lies in regular files, and every file has a name that foreign libraries take.

Both rules stand here once: nothing waits for the other end of a pipe, and no library is handed a
path that is not UTF-8, at which OpenCV ends the process."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from ltr.errors import TrackingError

SPECIAL = {
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
"""What a file may be that is neither regular nor a folder nor a link."""


def as_path(path: Any, what: str, failure: type[TrackingError]) -> Path:
    """`path` as a Path. Raises `failure` for what no file can be named by: None, bytes, a zero."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str) or "\0" in text:
        raise failure(f"{path!r:.80} is no path of a {what}: give text or a pathlib.Path")
    return Path(text)


def open_regular(path: Path) -> BufferedReader:
    """The file at `path`, to be read. Raises OSError, also for what is no regular file: a pipe is
    not waited for."""
    kind = stat.S_IFMT(os.stat(path).st_mode)
    if kind in SPECIAL:
        raise OSError(errno.EINVAL, f"it is {SPECIAL[kind]}, give the name of a file")
    return open(path, "rb", opener=_without_waiting)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def read_regular(path: Path) -> bytes:
    """The bytes of a regular file. Raises OSError as `open_regular`."""
    with open_regular(path) as file:
        return file.read()


@contextlib.contextmanager
def utf8_name(path: Path) -> Iterator[str]:
    """An absolute name of the file at `path`, for libraries that take no other than UTF-8; where it
    is not, one by way of an open descriptor of its folder or of itself, as long as the block lasts.
    Raises OSError."""
    name = os.path.abspath(path)
    if _is_utf8(name):
        yield name
        return
    beside = _is_utf8(path.name)  # keeps the suffix, and the file need not be there
    descriptor = os.open(path.parent if beside else path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}" + (f"/{path.name}" if beside else "")
    finally:
        os.close(descriptor)


def _is_utf8(name: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in name)
