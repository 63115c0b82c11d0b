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

Call = Callable[..., Awaitable[Any]]
"""Runs a function with its arguments in a thread."""


class TooLarge(TrackingError):
    """An upload over the limit."""


class Uploads:
    """The folder, as long as the block lasts.

    most: bytes of one upload."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._temporary = tempfile.TemporaryDirectory(prefix="pytracking-uploads-")
        self.folder = Path(self._temporary.name)

    def __enter__(self) -> Uploads:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._temporary.cleanup()

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
        file: AtomicFile = await call(AtomicFile, self._free(plain), "upload", FrameError, suffix)
        try:
            async for chunk in chunks:
                self.check_size(file.size + len(chunk))
                await call(file.write, chunk)
            await call(_check_video, file.temporary, plain)
            await call(file.commit)
        finally:
            file.discard()
        return file.path

    def remove(self, path: Path) -> None:
        """Remove an upload whose source is closed."""
        if path.parent == self.folder:
            path.unlink(missing_ok=True)

    def _free(self, name: str) -> Path:
        stem, suffix = Path(name).stem, Path(name).suffix
        path, count = self.folder / name, 1
        while path.exists():
            count += 1
            path = self.folder / f"{stem}-{count}{suffix}"
        return path


def _check_video(path: Path, name: str) -> None:
    """Raises FrameError, under the name that the video came with."""
    try:
        VideoFile(path).check_complete()
    except FrameError as error:
        raise FrameError(str(error).replace(str(path), name)) from None
