"""Where a target is in its picture, pixel by pixel: in an image file, as polygons, or in an
archive of a video's masks."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.errors import DataError, FrameError
from ltr.images import Frame, decode_image, read_image
from ltr.paths import open_regular

_SHIFT = 4
"""Bits of a vertex below the pixel."""
_PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_ARCHIVE = 2**26
"""Bytes: the table of what is in it is read at once."""
_BYTES_A_PIXEL, _BYTES_BESIDE = 4, 2**16
"""What a mask may take in its archive when it is unpacked, and so what is unpacked at most."""


@dataclass(frozen=True)
class MaskFile:
    """A mask in an image file: white where the target is."""

    path: Path

    def drawn(self, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
        """(H, W), 255 or 0. Raises FrameError, and DataError where it has another size."""
        picture = read_image(self.path)
        _check_size(str(self.path), picture.shape[:2], size_hw)
        return _white(picture)


@dataclass(frozen=True)
class Polygons:
    """A mask as the polygons around its parts."""

    parts_xy: tuple[NDArray[np.float32], ...]
    """Vertices (N, 2), (x, y), 0 at the outer edge of the first pixel, as COCO has them."""

    def drawn(self, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
        """(H, W), 255 or 0."""
        import cv2

        mask = np.zeros(size_hw, np.uint8)
        for part in self.parts_xy:  # one at a time, for where two of a call overlap is a hole
            vertices = np.round((part - 0.5) * 2**_SHIFT).astype(np.int32)
            cv2.fillPoly(mask, [vertices], 255, shift=_SHIFT)
        return mask


@dataclass(frozen=True)
class MaskArchive:
    """00000.png and so on in a zip file, one a frame of a video, white where the target is.

    Each is asked for by its exact name and unpacked in memory, where it is no larger than a picture
    of the video; whatever else the archive holds is not looked at."""

    path: Path

    def drawn(self, number: int, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
        """(H, W), 255 or 0, of frame `number`. Raises FrameError, and DataError where it has
        another size."""
        member = f"{number:05d}.png"
        data = self._unpacked(member, _BYTES_A_PIXEL * size_hw[0] * size_hw[1] + _BYTES_BESIDE)
        where = f"{self.path}/{member}"
        if not data.startswith(_PNG):
            raise FrameError(f"mask {where} is no PNG: fetch the archive again")
        # before it is decoded: its header may promise a picture that fills the memory
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        _check_size(where, (height, width), size_hw)
        return _white(decode_image(data, where))

    def _unpacked(self, member: str, most: int) -> bytes:
        try:
            with open_regular(self.path) as file:
                if file.seek(0, 2) > LARGEST_ARCHIVE:
                    raise FrameError(
                        f"archive {self.path} is larger than {LARGEST_ARCHIVE >> 20} MB: pack the "
                        "masks of one video alone"
                    )
                with zipfile.ZipFile(file) as archive:
                    entry = archive.getinfo(member)
                    plain = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                    if not plain or entry.flag_bits & 1:
                        raise FrameError(
                            f"mask {self.path}/{member} is packed in a way that is not read: pack "
                            "it by deflate, without a password"
                        )
                    if entry.file_size > most:
                        raise FrameError(
                            f"mask {self.path}/{member} unpacks to {entry.file_size} bytes, more "
                            "than a picture of its video has: fetch the archive again"
                        )
                    return archive.read(entry)
        except KeyError:
            raise FrameError(f"archive {self.path} has no {member}: fetch it again") from None
        except OSError as error:
            raise FrameError(f"cannot read {self.path}: {error.strerror or error}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            why = " ".join(str(error).split())[:80]  # RuntimeError: what zipfile does not read
            raise FrameError(
                f"archive {self.path} is damaged or no zip file ({why}): fetch it again"
            ) from None


def size_text(shape: Sequence[int]) -> str:
    """The size of an array (H, W, ...) for messages, width first."""
    return f"{shape[1]} x {shape[0]}"


def _white(picture: Frame) -> NDArray[np.uint8]:
    return np.where(picture[:, :, 0] > 127, np.uint8(255), np.uint8(0))


def _check_size(where: str, own_hw: Sequence[int], size_hw: tuple[int, int]) -> None:
    if tuple(own_hw) != size_hw:
        raise DataError(
            f"mask {where} is {size_text(own_hw)} pixels, its picture {size_text(size_hw)}: fetch "
            "both again"
        )
