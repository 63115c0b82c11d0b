"""Images in: one rule that turns any array into a frame, and one that decodes a file.

A frame is uint8, height x width x 3, RGB, C-contiguous.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ltr.errors import FrameError
from ltr.paths import read_regular

Frame = NDArray[np.uint8]
Color = Literal["rgb", "bgr"]

MEAN = (0.485, 0.456, 0.406)
"""Per-channel mean of ImageNet, RGB, for values 0..1."""
STD = (0.229, 0.224, 0.225)
"""Per-channel standard deviation of ImageNet, RGB, for values 0..1."""

DEFAULT_FRAME_RATE = 30.0
"""Frames a second, for what does not say: a folder of images, a video without a usable rate."""
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


def as_frame(array: Any, color: Color = "rgb") -> Frame:
    """A frame from an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of 8 or 16 bits, in any
    strides.

    Grey is repeated over the channels, a fourth channel is dropped, 16 bits are divided by 257 (so
    that white stays white). `color` names the order of the channels; a picture of PIL knows its own
    and is converted, unless its mode has no range (I, F). A tensor may lie on any device. Raises
    FrameError for anything else."""
    if array is None:  # what OpenCV gives then
        raise FrameError("frame is None: the video has ended, or the image could not be read")
    try:
        if hasattr(array, "mode") and hasattr(array, "convert"):
            array, color = _pil_pixels(array), "rgb"
        elif hasattr(array, "detach"):
            array = array.detach().cpu()
        image = np.asarray(array)
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        why = " ".join(str(error).split())[:100]
        raise FrameError(
            f"frame cannot be made an array ({why}): give uint8 values, height x width x 3"
        ) from None
    if image.size == 0:
        raise FrameError(
            f"frame is empty (shape {image.shape}): give an array of height x width x 3"
        )
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if image.dtype != np.uint8:
        raise FrameError(
            f"frame has type {image.dtype}: give uint8 values from 0 to 255 (or uint16)"
        )
    if image.ndim == 2:
        image = image[:, :, None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise FrameError(
            f"frame has shape {image.shape}: give height x width, or that x 1, 3 or 4 channels"
        )
    if image.shape[2] == 1:
        image = np.broadcast_to(image, (*image.shape[:2], 3))
    image = np.require(image[:, :, :3], requirements=["C", "W"])  # torch wants to be able to write
    if color == "rgb":
        return image
    import cv2

    # Reversing the channels by strides and copying costs 25 times as much (2.8 against 0.1 ms at
    # 1280 x 720).
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def _pil_pixels(picture: Any) -> Any:
    """A picture of PIL in a mode whose pixels are those of a frame. Raises ValueError for one that
    cannot be converted."""
    if picture.mode in ("I", "F"):
        raise ValueError(f"a picture of mode {picture.mode} has no range")
    plain = picture.mode in ("L", "RGB", "RGBA", "RGBX") or picture.mode.startswith("I;16")
    return picture if plain else picture.convert("RGB")


def read_image(path: Path) -> Frame:
    """Decode an image file by its content, upright (EXIF), to a frame. Raises FrameError."""
    try:
        data = read_regular(path)
    except OSError as error:
        reason = error.strerror or error
        raise FrameError(
            f"cannot read image {path} ({reason}): check its path and permissions"
        ) from None
    return decode_image(data, str(path))


def decode_image(data: bytes, path: str) -> Frame:
    """`read_image` of what a file holds; `path` names it in messages. Raises FrameError."""
    import cv2

    if not data:
        raise FrameError(f"image {path} is an empty file: fetch it again")
    if is_truncated_jpeg(data):
        raise FrameError(f"image {path} is a JPEG without its end (cut off): fetch the file again")
    with quiet_opencv():
        try:
            image = cv2.imdecode(
                np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
            )
        except cv2.error:  # raised, not returned as None, for a header with an absurd size
            image = None
    if image is None:
        raise FrameError(
            f"image {path} is in no format that can be decoded, or damaged: fetch the file again"
        )
    if image.dtype not in (np.uint8, np.uint16):
        raise FrameError(
            f"image {path} has pixels of type {image.dtype}: convert it to 8 or 16 bits"
        )
    return as_frame(image, "bgr")


_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""A marker that is the end of the image (0xFFD9) or is followed by a length. Not one: 0xFF00, a
stuffed byte of scan data; 0xFFFF, fill; and the restart and start markers, which stand alone."""


def is_truncated_jpeg(data: bytes) -> bool:
    """Whether `data` begins as a JPEG but has no end marker.

    Decoders fill what is missing with grey and say nothing. Segments are stepped over by their
    length, before the first scan and between the scans of a progressive file: what lies in them,
    such as an embedded thumbnail, may hold an end marker of its own. What follows the end does not
    matter."""
    if not data.startswith(b"\xff\xd8"):
        return False
    at = 2
    while marker := _JPEG_MARKER.search(data, at):
        if marker[0] == b"\xff\xd9":
            return False
        at = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
    return True


_quiet_lock = threading.Lock()
_quiet_depth = 0
_loud_level = 0


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """OpenCV logs nothing inside; our errors say it better. Its level is one for the process, so
    threads are counted: the first one in sets it, the last one out restores it."""
    import cv2

    global _quiet_depth, _loud_level
    logging = cv2.utils.logging
    with _quiet_lock:
        if _quiet_depth == 0:
            _loud_level = logging.getLogLevel()
            logging.setLogLevel(logging.LOG_LEVEL_SILENT)
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                logging.setLogLevel(_loud_level)
