"""A store of made-up pictures: an ellipse or a rectangle of one colour on a dark ground."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltr.data.configuration import Crops, DataConfig, Part, Photometry
from ltr.data.store import Track
from ltr.errors import FrameError

RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


@dataclass
class MemoryStore:
    """Every track is a film of `frames` frames of `hw` pixels, in each a shape within its box."""

    name: str
    tracks: list[Track]
    colour: tuple[int, int, int] = RED
    hw: tuple[int, int] = (120, 160)
    shape: str = "rectangle"
    masks: bool = True
    broken: frozenset[int] = field(default=frozenset())

    def frame(self, track: int, number: int) -> np.ndarray:
        if track in self.broken:
            raise FrameError(f"image broken_{track}.jpg is damaged: fetch it again")
        frame = np.full((*self.hw, 3), 20, np.uint8)
        frame[self.drawn(track, number)] = self.colour
        return frame

    def mask(self, track: int, number: int) -> np.ndarray | None:
        return self.drawn(track, number).astype(np.uint8) * 255 if self.masks else None

    def drawn(self, track: int, number: int) -> np.ndarray:
        x, y, w, h = self.tracks[track].boxes_xywh[number]
        rows, columns = np.mgrid[: self.hw[0], : self.hw[1]] + 0.5
        across, down = (columns - x - w / 2) / (w / 2), (rows - y - h / 2) / (h / 2)
        if self.shape == "ellipse":
            return across**2 + down**2 < 1
        return (abs(across) < 1) & (abs(down) < 1)


def make_store(name="made", count=4, frames=1, seed=0, category="thing", **fields) -> MemoryStore:
    rng = np.random.default_rng(seed)
    tracks = []
    for number in range(count):
        size = rng.integers(20, 40, (1, 2))
        places = rng.integers(30, 60, (frames, 2))
        boxes = np.concatenate([places, size.repeat(frames, 0)], axis=1).astype(np.float32)
        visible = rng.random(frames) < 0.8 if frames > 1 else np.ones(1, bool)
        tracks.append(Track(f"{name}{number}", boxes, visible, category, fields.get("masks", True)))
    return MemoryStore(name, tracks, **fields)


def plain_config(*uses: str, **groups) -> DataConfig:
    """Small crops without changes of pixels, of parts with these uses."""
    given = {"crops": Crops(side=96), "photometry": Photometry(joint_grey=0, brightness=0)}
    mix = tuple(Part(name=f"{use}{i}", path=".", use=use) for i, use in enumerate(uses))
    return DataConfig(mix=mix, **(given | groups))
