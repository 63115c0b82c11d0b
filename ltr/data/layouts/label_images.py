"""PNGs whose pixels are numbers of objects."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ltr.errors import DataError
from ltr.images import quiet_opencv
from ltr.paths import read_regular

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _PALETTE = 0, 3
VOID = 255
"""In a palette image: belongs to no object, nor to the background."""


def read_labels(path: Path) -> NDArray[np.uint8]:
    """(H, W) the numbers of a PNG with a palette, 0 where it is void; of a grey one, 1 wherever it
    is not black, for such a picture shows one object. Raises DataError."""
    import cv2

    try:
        data = read_regular(path)
    except OSError as error:
        raise DataError(f"cannot read mask {path}: {error.strerror or error}") from None
    if not data.startswith(_SIGNATURE) or len(data) < 33:
        raise DataError(f"mask {path} is no PNG: fetch it again")
    depth, colours = data[24], data[25]
    if colours not in (_GREY, _PALETTE) or depth > 8:
        raise DataError(f"mask {path} has neither a palette nor 8 bits of grey: fetch it again")
    with quiet_opencv():
        grey = cv2.imdecode(np.frombuffer(_as_grey(data), np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise DataError(f"mask {path} is damaged: fetch it again")
    if colours == _GREY:
        return (grey > 0).astype(np.uint8)
    # grey levels of fewer bits are spread over 0 to 255, and numbers are not
    labels = np.asarray(grey // (255 // (2**depth - 1)), np.uint8)
    labels[labels == VOID] = 0
    return labels


def _as_grey(data: bytes) -> bytes:
    """A PNG that calls its numbers grey levels, so that decoders give them instead of colours."""
    header = b"IHDR" + data[16:25] + bytes([_GREY]) + data[26:29]
    parts = [_SIGNATURE, struct.pack(">I", 13), header, struct.pack(">I", zlib.crc32(header))]
    at = 33
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] in (b"IDAT", b"IEND"):
            parts.append(data[at:end])
        at = end
    return b"".join(parts)
