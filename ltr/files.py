"""Files out, whole or not at all: the one atomic writer, and folders for results."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from ltr.errors import ResultError, TrackingError
from ltr.paths import SPECIAL

_TEMPORARY = re.compile(r".+\.[0-9a-f]{16}\.partial(\.\w+)?")
_ROOM = 1 << 16


class AtomicFile:
    """A file that takes the place of `path` when it is complete; until then, what was there stays.

        with AtomicFile(path, "state") as file:
            file.write(data)

    Bytes go to `temporary`, a new file beside the target whose name is random (NAME.16 hex
    digits.partial, then `suffix` for writers that go by it). At the end of the block they are
    forced to the disk and the file is renamed. If anything else ends it, nothing is left. A writer
    that wants to keep what it has calls `commit` itself. Where `path` is a link, what it leads to
    is replaced. A device, a pipe, a socket and a folder are refused.

    What the system refuses is raised as `failure`: "cannot write WHAT PATH: why"."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        what: str,
        failure: type[TrackingError] = ResultError,
        suffix: str = "",
    ) -> None:
        self.path = Path(path)
        self._what = what
        self._failure = failure
        with self._refusals():
            self._target = _regular(self.path)
            self.temporary, self._descriptor = _created(self._target, suffix)

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.commit()
        else:
            self.discard()

    def write(self, data: bytes) -> None:
        """Append `data`. Where that fails, none of it stays. Raises `failure`."""
        with self._refusals():
            begin = end = self.size
            rest = memoryview(data)
            try:
                while rest:
                    count = os.pwrite(self._descriptor, rest, end)
                    rest, end = rest[count:], end + count
            except BaseException:  # an interrupt as well: half a line is worse than none
                os.ftruncate(self._descriptor, begin)
                raise

    def check_room(self) -> None:
        """Raise `failure` where 64 KiB more could not be written. For writers that are given
        `temporary` and do not tell: OpenCV's."""
        begin = self.size
        self.write(bytes(_ROOM))
        with self._refusals():
            os.ftruncate(self._descriptor, begin)

    @property
    def size(self) -> int:
        """Bytes written so far, through whichever descriptor."""
        return os.fstat(self._descriptor).st_size

    def commit(self, earlier: BaseException | None = None) -> None:
        """Give the file its name. Raises `failure`, and then nothing is left; not where an
        `earlier` error is under way, for that is the one to be told of."""
        try:
            with self._refusals():
                os.fsync(self._descriptor)
                os.replace(self.temporary, self._target)
        except TrackingError:
            if earlier is None:
                raise
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the temporary file. Does nothing after `commit`."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            os.unlink(self.temporary)
        descriptor, self._descriptor = self._descriptor, -1
        with contextlib.suppress(OSError):
            os.close(descriptor)

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._failure(
                f"cannot write {self._what} {self.path}: {error.strerror or error}"
            ) from None


def write_bytes(
    path: str | os.PathLike[str],
    data: bytes,
    what: str,
    failure: type[TrackingError] = ResultError,
) -> None:
    """Write a file whole or not at all. Raises `failure`: "cannot write WHAT PATH: why"."""
    with AtomicFile(path, what, failure) as file:
        file.write(data)


def write_text(path: str | os.PathLike[str], text: str, what: str) -> None:
    """Write a file of UTF-8 whole or not at all; what UTF-8 lacks, as in some paths, is escaped.
    Raises ResultError."""
    write_bytes(path, text.encode(errors="backslashreplace"), what)


def safe_name(name: str) -> str:
    """`name` as a part of a file name: letters, digits, `-`, `_` and `.` alone, not hidden, not
    endless."""
    plain = re.sub(r"[^\w.-]+", "_", name).encode()[:100]  # file systems count bytes
    return plain.decode(errors="ignore").lstrip(".") or "_"


def make_folder(folder: Path) -> None:
    """Make a folder for results, and free one that is there of what killed writers left. Raises
    ResultError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(f"cannot make folder {folder}: {error.strerror or error}") from None
    with contextlib.suppress(OSError):
        remove_stale(folder)


def is_temporary(name: str) -> bool:
    """Whether a file's name is that of a temporary file of a writer."""
    return _TEMPORARY.fullmatch(name) is not None


def remove_stale(folder: Path) -> None:
    """Remove the temporary files of writers that were killed from a folder. Those of living
    writers, of whichever process, are locked and stay; so does all that has another name. Raises
    OSError where the folder cannot be listed."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.is_file(follow_symlinks=False)]
    for name in filter(is_temporary, names):
        with contextlib.suppress(OSError):
            descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(folder / name)
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, taken: str) -> Iterator[None]:
    """Hold a lock file, which is gone afterwards. Raises ResultError, with the words `taken` where
    another process holds it."""
    try:
        descriptor = _locked(path)
    except BlockingIOError:
        raise ResultError(taken) from None
    except OSError as error:
        raise ResultError(f"cannot write to {path.parent}: {error.strerror or error}") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _locked(path: Path) -> int:
    """The descriptor of the lock file, locked. Raises OSError, BlockingIOError where it is taken.

    Its holder removes the file, so the one that was opened may no longer be the one that is
    there: then again."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:  # a file system without locks
            return descriptor
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return descriptor
        os.close(descriptor)


def _regular(path: Path) -> Path:
    """The file that `path` leads to, which need not be there. Raises OSError for what is none."""
    target = Path(os.path.realpath(path))
    try:
        kind = stat.S_IFMT(os.lstat(target).st_mode)
    except FileNotFoundError:
        return target
    if kind == stat.S_IFREG:
        return target
    if kind in SPECIAL:
        raise OSError(errno.EINVAL, f"it is {SPECIAL[kind]}, give the name of a file")
    code = errno.ELOOP if kind == stat.S_IFLNK else errno.EISDIR
    raise OSError(code, os.strerror(code))


def _created(target: Path, suffix: str) -> tuple[Path, int]:
    """A new file beside `target`, locked while it is open, and its descriptor. Raises OSError."""
    stem = os.fsencode(target.name)[:100].decode(errors="ignore") or "_"  # long names stay legal
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    while True:
        path = target.with_name(f"{stem}.{secrets.token_hex(8)}.partial{suffix}")
        descriptor = os.open(path, flags, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks: nothing is stale there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:  # else `remove_stale` came between the two calls
            return path, descriptor
        os.close(descriptor)
