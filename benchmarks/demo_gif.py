"""Track the demo clip and write what came of it as the GIF that opens README.

    python benchmarks/demo_gif.py [--network nce_plus_mobile] [--output docs/demo.gif]

Every second frame, at ten a second, from before the twin passes until after the panel has gone.
Needs Pillow, which matplotlib brings.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ltr.drawing import DARK, LIGHT
from ltr.images import Frame
from pytracking import DEFAULT_NETWORK, Tracker
from pytracking.sinks.overlays import Overlay, scaled
from pytracking.sinks.palette import FIRST_COLOUR
from pytracking.sources.demo_clip import WIDTH, DemoClip

SHOWN = range(16, 136, 2)
SIZE = (480, 270)
MILLISECONDS = 100
COLOURS = 128
SMOOTHING = (7, 60, 3)
"""Diameter, colour and space of the bilateral filter: noise would cost most of the bytes."""
TOLERANCE = 24
"""Distance in RGB up to which a pixel keeps the colour that it has in the frame before."""
TRANSPARENT = COLOURS - 1

Levels = NDArray[np.uint8]


def shown_frames(network: str) -> Iterator[Frame]:
    """The frames of the GIF, with what was tracked."""
    clip, tracker = DemoClip(0), Tracker.load(network)
    overlay = Overlay(clip.frame_rate)
    for index, frame in enumerate(clip):
        if index == 0:
            tracker.initialize(frame, tuple(clip.boxes_xywh[0].tolist()))
            continue
        prediction = tracker.track(frame)
        if index in SHOWN:
            small = cv2.resize(
                cv2.bilateralFilter(frame, *SMOOTHING), SIZE, None, 0, 0, cv2.INTER_AREA
            )
            box = scaled(prediction.box, SIZE[0] / WIDTH)
            yield overlay.next(index + 1, small, {"cat": replace(prediction, box=box)})


def palette_of(frames: Sequence[Frame]) -> NDArray[np.int64]:
    """(COLOURS - 1, 3): those of the labels, and the rest by median cut."""
    own = [FIRST_COLOUR, DARK, LIGHT]
    many = Image.fromarray(np.concatenate(frames[::2]))
    cut = many.quantize(COLOURS - 1 - len(own), method=Image.Quantize.MEDIANCUT).getpalette()
    return np.array(own + np.reshape(cut, (-1, 3)).tolist())[: COLOURS - 1]


def nearest(frame: Frame, palette: NDArray[np.int64]) -> Levels:
    """(H, W) the colour of the palette that is nearest to each pixel."""
    colours, inverse = np.unique(frame.reshape(-1, 3), axis=0, return_inverse=True)
    apart = (palette**2).sum(axis=1) - 2 * colours.astype(np.int64) @ palette.T
    return apart.argmin(axis=1).astype(np.uint8)[inverse].reshape(frame.shape[:2])


def changes(frames: Sequence[Frame], palette: NDArray[np.int64]) -> Iterator[Levels]:
    """(H, W) a frame: colours of the palette, TRANSPARENT where what is there stays."""
    before: Levels | None = None
    for frame in frames:
        now = nearest(frame, palette)
        if before is None:
            yield now
        else:
            apart = ((palette[before] - frame) ** 2).sum(axis=-1)
            kept = apart <= np.maximum(TOLERANCE**2, ((palette[now] - frame) ** 2).sum(axis=-1))
            now = np.where(kept, before, now)
            yield np.where(now == before, np.uint8(TRANSPARENT), now)
        before = now


def write_gif(path: Path, images: Sequence[Levels], palette: NDArray[np.int64]) -> None:
    """Write frames that lie over each other, without end."""
    pictures = [Image.fromarray(image) for image in images]
    for picture in pictures:
        picture.putpalette([*palette.astype(np.uint8).ravel().tolist(), 255, 0, 255])
    pictures[0].save(
        path,
        save_all=True,
        append_images=pictures[1:],
        duration=MILLISECONDS,
        loop=0,
        transparency=TRANSPARENT,
        disposal=1,
        optimize=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", default=DEFAULT_NETWORK)
    parser.add_argument("--output", type=Path, default=Path("docs/demo.gif"))
    arguments = parser.parse_args()
    frames = list(shown_frames(arguments.network))
    palette = palette_of(frames)
    write_gif(arguments.output, list(changes(frames, palette)), palette)
    print(
        f"{arguments.output}: {len(frames)} frames, {arguments.output.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
