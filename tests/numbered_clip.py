"""Videos and folders whose frames say which they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from ltr.errors import FrameError
from ltr.images import Frame

FRAMES, HEIGHT, WIDTH = 40, 48, 64


def frame_number(index: int) -> Frame:
    """RGB (48, 64, 3): six stripes of the upper half are the bits of the index; the lower half is red at the left
    only. Bits, since codecs change greys."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for bit in range(6):
        frame[: HEIGHT // 2, 10 * bit : 10 * bit + 10] = 255 * (index >> bit & 1)
    frame[HEIGHT // 2 :, : WIDTH // 2, 0] = 250
    return frame


def index_of(frame: Frame) -> int:
    """Which `frame_number` it is, after lossy coding."""
    return sum(
        1 << bit for bit in range(6) if frame[4:20, 10 * bit + 3 : 10 * bit + 7].mean() > 127
    )


def write_video(path: Path, codec: str, frames: int = FRAMES) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for index in range(frames):
        writer.write(np.ascontiguousarray(frame_number(index)[:, :, ::-1]))
    writer.release()
    return path


def write_images(folder: Path, names: list[str]) -> Path:
    """Images whose index is their place in `names`."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.ascontiguousarray(frame_number(index)[:, :, ::-1]))
    return folder


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def until_error(source: Iterable[Frame]) -> tuple[list[Frame], FrameError | None]:
    """The frames that a source gave, and what ended it."""
    frames = []
    try:
        for frame in source:
            frames.append(frame)
    except FrameError as error:
        return frames, error
    return frames, None
