"""Videos that are uploaded: as they come, into a file in a folder of their own, opened before they
count as sources, and gone with the server."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from ltr.errors import FrameError, TrackingError
from ltr.files import AtomicFile, safe_name
from ltr.video import VIDEO_SUFFIXES, VideoFile

BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
"""What the first part of an MP4 or QuickTime file may be."""
BEGINNINGS = (b"RIFF", b"\x1aE\xdf\xa3", b"\0\0\1", b"G")
"""Of AVI, of Matroska and WebM, of MPEG program and transport streams."""
MOST = 16
"""Uploads that are there at once: the disk is not the visitors'."""
Call = Callable[..., Awaitable[Any]]
"""Runs a function with its arguments in a thread."""


class TooLarge(TrackingError):
    """An upload over the limit, or one too many."""


class Uploads:
    """The folder, as long as the block lasts.

    most: bytes of one upload."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._temporary = tempfile.TemporaryDirectory(prefix="pytracking-uploads-")
        self.folder = Path(self._temporary.name)
        self._coming: set[Path] = set()
        self._ended = False

    def __enter__(self) -> Uploads:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._temporary.cleanup()

    def end(self) -> None:
        """The server ends: what is being checked is given up."""
        self._ended = True

    def check_size(self, size: int) -> None:
        """Raises TooLarge."""
        if size > self.most:
            raise TooLarge(
                f"the video has more than {self.most / 1e6:.4g} MB: cut or shrink it, or start the "
                "server with a larger --max-upload"
            )

    async def receive(self, name: str, chunks: AsyncIterator[bytes], call: Call) -> Path:
        """The file that a video of this name was put into, once it is whole and can be decoded to
        its end. Raises TrackingError, and then nothing is left."""
        plain = safe_name(Path(name.replace("\\", "/")).name)
        suffix = Path(plain).suffix.lower()
        if suffix not in VIDEO_SUFFIXES:
            said = plain if name else "what has no ?name=NAME"
            raise FrameError(
                f"{said} is no video by its name: give one of {', '.join(sorted(VIDEO_SUFFIXES))}"
            )
        if len({*self.folder.iterdir(), *self._coming}) >= MOST:
            raise TooLarge(f"there are {MOST} uploads: close the source of one of them first")
        path = self._free(plain)
        self._coming.add(path)
        try:
            file: AtomicFile = await call(AtomicFile, path, "upload", FrameError, suffix)
            try:
                async for chunk in chunks:
                    self.check_size(file.size + len(chunk))
                    await call(file.write, chunk)
                await call(_check_video, file.temporary, plain, lambda: not self._ended)
                await call(file.commit)
            finally:
                file.discard()
        finally:
            self._coming.discard(path)
        return path

    def remove(self, path: Path) -> None:
        """Remove an upload whose source is closed."""
        if path.parent == self.folder:
            path.unlink(missing_ok=True)

    def _free(self, name: str) -> Path:
        stem, suffix = Path(name).stem, Path(name).suffix
        path, count = self.folder / name, 1
        while path.exists() or path in self._coming:
            count += 1
            path = self.folder / f"{stem}-{count}{suffix}"
        return path


def _check_video(path: Path, name: str, wanted: Callable[[], bool]) -> None:
    """Raises FrameError, under the name that the video came with; also as soon as the answer is not
    `wanted` any more, for a thread that decodes while Python ends would crash it."""
    try:
        if not _is_container(path):
            raise FrameError(f"video {path} is no video, whatever its name says: give one")
        video = VideoFile(path)
        if not video.note_times(wanted):
            raise FrameError(f"video {path} was not checked to its end: the server ends")
        video.check_complete()
    except FrameError as error:
        raise FrameError(str(error).replace(str(path), name)) from None


def _is_container(path: Path) -> bool:
    """Whether a file begins as those of VIDEO_SUFFIXES do, if it has anything. FFmpeg goes by what
    lies in a file: a text may be a list of other files, of this machine, that are played."""
    with path.open("rb") as file:
        head = file.read(12)
    return not head or head[4:8] in BOXES or head.startswith(BEGINNINGS)
