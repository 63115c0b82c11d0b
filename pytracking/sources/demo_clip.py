"""The demo clip: a cat's face wanders over a coffee table, 150 frames with a known box in each.

The face grows to twice its size and shrinks back. Around frame 55 a twin passes in front of it; in
frames 100 to 109 a panel hides it while it moves on. Two photographs, a seed and this file fix
every pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ltr.errors import ConfigError
from ltr.images import Frame, read_image

Array = NDArray[np.float64]
Image = NDArray[np.float32]
Twin = Literal["mirrored", "identical"]

PHOTOGRAPHS = Path(__file__).parent / "photographs"
FRAMES, WIDTH, HEIGHT = 150, 640, 360

FACE_COLUMNS = slice(36, 372)
ASPECT = 336 / 300
"""Width over height of the face."""
SMALLEST, LARGEST = 56.0, 112.0
"""The square root of the face's area in pixels, at the ends and in the middle of the clip."""
SOFT_EDGE = 0.15
"""Share of the ellipse's radius over which the face fades into the background."""

SMOOTHING = 9.0
"""Standard deviation in frames of the Gaussian that makes a path out of noise."""
FASTEST_STEP = 0.3
"""Of the face's size."""

CROSSING_FRAME, CROSSING_FRAMES, CROSSING_REACH, TWIN_LOWER = 55, 60, 5.0, 0.15
"""The twin goes from REACH sizes on one side to REACH on the other within FRAMES, LOWER sizes below
the face."""

PANEL_FRAMES = slice(100, 110)
HIDDEN_MOVE = 1.4
"""Sizes that the face moves behind the panel."""
PANEL_BLEND = 4
"""Frames over which the path turns into the straight move behind the panel, and back."""
PANEL_MARGIN, PANEL_CORNER, PANEL_SHADOW = 12, 9, 7
"""Pixels: what the panel reaches beyond all that it hides, the radius of its corners, the blur of
its shadow."""

BACKGROUND_SIZE = (720, 480)
NOISE = 3.0
"""Standard deviation of the frames' noise, of 255."""


@dataclass(frozen=True)
class Motion:
    """Where everything is: all arrays have a row a frame."""

    size: Array
    """(N,) square root of the face's area, pixels."""
    centre: Array
    """(N, 2) the face's centre (x, y), pixels."""
    twin_centre: Array
    """(N, 2) the twin's; it has the face's size."""
    panel: Array
    """(N, 4) left, top, right and bottom edge of the panel, pixels; outside the frame when it is
    not needed."""


class DemoClip:
    """A source of frames that knows the truth.

    boxes_xywh, twin_boxes_xywh: (150, 4) bounding boxes of the two faces' ellipses. covered: (150,)
    share of the target's ellipse that twin or panel hides. crossing, occlusion: (first, end) frames
    of the two events; end is the first frame after it."""

    name = "demo"
    frame_rate = 25.0
    length: int | None = FRAMES

    def __init__(self, seed: int = 0, twin: Twin = "mirrored") -> None:
        if twin not in ("mirrored", "identical"):
            raise ConfigError(f"twin is {twin!r}: give 'mirrored' or 'identical'")
        self.seed = seed
        self.motion = demo_motion(seed)
        self.boxes_xywh = boxes_of(self.motion.centre, self.motion.size)
        self.twin_boxes_xywh = boxes_of(self.motion.twin_centre, self.motion.size)
        self.covered = covered_share(self.motion)
        self.crossing = span(touching(self.boxes_xywh, self.twin_boxes_xywh), CROSSING_FRAME)
        self.occlusion = (PANEL_FRAMES.start, PANEL_FRAMES.stop)
        self._background = enlarged(read_image(PHOTOGRAPHS / "coffee.jpg"))
        self._face = read_image(PHOTOGRAPHS / "cat.jpg")[:, FACE_COLUMNS].astype(np.float32)
        self._twin_face = self._face[:, ::-1] if twin == "mirrored" else self._face

    @property
    def crossing_end(self) -> int:
        """First frame after the crossing on which the two boxes no longer touch."""
        return self.crossing[1]

    @property
    def occlusion_end(self) -> int:
        """First frame after the panel has gone."""
        return self.occlusion[1]

    def __len__(self) -> int:
        return FRAMES

    def __iter__(self) -> Iterator[Frame]:
        return (self.frame(index) for index in range(FRAMES))

    def frame(self, index: int) -> Frame:
        """Frame `index`, 0-based: the same pixels whenever it is asked for."""
        motion = self.motion
        image = panned(self._background, index)
        paint_face(image, self._face, motion.centre[index], motion.size[index])
        paint_face(image, self._twin_face, motion.twin_centre[index], motion.size[index])
        paint_panel(image, motion.panel[index])
        image += np.random.default_rng([self.seed, index]).normal(0, NOISE, image.shape)
        return np.rint(image).clip(0, 255).astype(np.uint8)


# --- motion
# ------------------------------------------------------------------------------------------


def demo_motion(seed: int) -> Motion:
    """The motion of one seed."""
    rng = np.random.default_rng(seed)
    time = np.arange(FRAMES)
    size = SMALLEST + (LARGEST - SMALLEST) * np.sin(np.pi * time / (FRAMES - 1)) ** 2
    steps = noise_steps(rng, size)
    paths = [face_path(steps, size, direction) for direction in (-1.0, 1.0)]
    centre = max(paths, key=hidden_move)

    side = rng.choice([-1.0, 1.0])
    across = side * CROSSING_REACH * (time - CROSSING_FRAME) / (CROSSING_FRAMES / 2)
    twin_centre = centre + size[:, None] * np.stack([across, np.full(FRAMES, TWIN_LOWER)], axis=1)
    return Motion(size, centre, twin_centre, panel_path(boxes_of(centre, size)))


def noise_steps(rng: np.random.Generator, size: Array) -> Array:
    """Steps of a path of smoothed noise, in sizes: (N - 1, 2), the longest FASTEST_STEP."""
    radius = int(4 * SMOOTHING)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / SMOOTHING) ** 2)
    noise = rng.normal(size=(2, len(size) + 2 * radius))
    path = np.stack([np.convolve(row, kernel, mode="valid") for row in noise], axis=1)
    steps = np.diff(path, axis=0) / size[:-1, None]
    return steps * FASTEST_STEP / np.linalg.norm(steps, axis=1).max()


def face_path(steps: Array, size: Array, direction: float) -> Array:
    """Centres (N, 2) from steps (N - 1, 2) in sizes, straight to `direction` along x behind the
    panel, reflected so that the face at its largest stays within the frame."""
    first, last = PANEL_FRAMES.start, PANEL_FRAMES.stop - 1
    outside = np.maximum(first - np.arange(len(steps)), np.arange(len(steps)) - (last - 1)).clip(
        0, PANEL_BLEND
    )
    free = (outside / PANEL_BLEND)[:, None]
    hidden = np.array([direction * HIDDEN_MOVE / (last - first), 0.0])
    moved = np.cumsum((free * steps + (1 - free) * hidden) * size[:-1, None], axis=0)
    middle = np.array([(WIDTH - 1) / 2, (HEIGHT - 1) / 2])
    path = middle + np.concatenate([np.zeros((1, 2)), moved])
    room = middle - sides_of(LARGEST) / 2
    return middle + reflected(path - middle, room)


def hidden_move(centre: Array) -> float:
    """How far the face gets behind the panel, in pixels."""
    hidden = centre[PANEL_FRAMES]
    return float(np.linalg.norm(hidden[-1] - hidden[0]))


def reflected(offset: Array, room: Array) -> Array:
    """Offsets (N, 2) from the middle, reflected at -room and +room as often as needed."""
    return room - np.abs((offset + room) % (4 * room) - 2 * room)


def panel_path(boxes_xywh: Array) -> Array:
    """The panel's edges (N, 4): in its frames it covers all boxes of these frames; before and after
    it is drawn in from above and back, so fast that it hides nothing in any other frame."""
    hidden = boxes_xywh[PANEL_FRAMES]
    left, top = hidden[:, :2].min(axis=0) - PANEL_MARGIN
    right, bottom = (hidden[:, :2] + hidden[:, 2:]).max(axis=0) + PANEL_MARGIN
    time = np.arange(len(boxes_xywh))
    away = np.maximum(PANEL_FRAMES.start - time, time - (PANEL_FRAMES.stop - 1)).clip(0)
    lifted = away * 1.15 * (bottom - top)
    return np.stack(
        [np.full(len(time), left), top - lifted, np.full(len(time), right), bottom - lifted], axis=1
    )


# --- truth
# ------------------------------------------------------------------------------------------


def sides_of(size: Array | float) -> Array:
    """Width and height (..., 2) of a face of `size` (...)."""
    return np.stack([np.multiply(size, np.sqrt(ASPECT)), np.divide(size, np.sqrt(ASPECT))], axis=-1)


def boxes_of(centre: Array, size: Array) -> Array:
    """(N, 4) boxes x, y, w, h of faces with their centres on pixel coordinates (N, 2)."""
    sides = sides_of(size)
    return np.concatenate([centre - (sides - 1) / 2, sides], axis=1)


def touching(a_xywh: Array, b_xywh: Array) -> NDArray[np.bool_]:
    """(N,) whether two boxes have area in common."""
    gap = np.abs((a_xywh[:, :2] + a_xywh[:, 2:] / 2) - (b_xywh[:, :2] + b_xywh[:, 2:] / 2))
    return np.asarray((gap < (a_xywh[:, 2:] + b_xywh[:, 2:]) / 2).all(axis=1))


def span(happens: NDArray[np.bool_], around: int) -> tuple[int, int]:
    """First frame and end of the run of True that holds frame `around`."""
    before, after = np.flatnonzero(~happens[:around]), np.flatnonzero(~happens[around:])
    return int(before[-1]) + 1 if len(before) else 0, around + int(after[0]) if len(after) else len(
        happens
    )


def covered_share(motion: Motion, grid: int = 48) -> Array:
    """(N,) share of the target's ellipse under the twin's ellipse or the panel, on a grid of
    points."""
    line = (np.arange(grid) + 0.5) / grid - 0.5
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    points = points[np.hypot(*points.T) < 0.5]
    sides = sides_of(motion.size)[:, None]
    at = motion.centre[:, None] + points * sides
    under_twin = np.linalg.norm((at - motion.twin_centre[:, None]) / sides, axis=-1) < 0.5
    panel = motion.panel[:, None]
    under_panel = ((at >= panel[..., :2]) & (at <= panel[..., 2:])).all(axis=-1)
    return np.asarray((under_twin | under_panel).mean(axis=1))


# --- pixels
# ------------------------------------------------------------------------------------------


def enlarged(background: Frame) -> Image:
    """The background at the size that is panned over."""
    import cv2

    return cv2.resize(background, BACKGROUND_SIZE, interpolation=cv2.INTER_CUBIC).astype(np.float32)


def panned(background: Image, index: int) -> Image:
    """The part of the background that frame `index` shows: slowly from its upper left to its lower
    right."""
    import cv2

    share = 0.5 - 0.5 * np.cos(np.pi * index / (FRAMES - 1))
    x, y = share * (BACKGROUND_SIZE[0] - WIDTH), share * (BACKGROUND_SIZE[1] - HEIGHT)
    shift = np.array([[1, 0, -x], [0, 1, -y]])
    return np.asarray(
        cv2.warpAffine(background, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR), np.float32
    )


def paint_face(image: Image, face: Image, centre: Array, size: float) -> None:
    """Lay the face over `image` as an ellipse with a soft edge, at a centre (x, y) of any fraction
    of a pixel."""
    import cv2

    w, h = sides_of(size)
    scale = h / face.shape[0]
    smooth = cv2.GaussianBlur(face, (0, 0), 0.4 / scale)  # else shrinking it would alias
    corner = centre - (np.array([w, h]) - 1) / 2 - 0.5
    place = np.array([[scale, 0, corner[0] + scale / 2], [0, scale, corner[1] + scale / 2]])
    painted = cv2.warpAffine(
        smooth, place, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    left, top = np.floor(centre - np.array([w, h]) / 2).astype(int).clip(0)
    right, bottom = np.ceil(centre + np.array([w, h]) / 2).astype(int).clip(0) + 1
    y, x = np.ogrid[top : min(bottom, HEIGHT), left : min(right, WIDTH)]
    radius = np.hypot((x - centre[0]) / (w / 2), (y - centre[1]) / (h / 2))
    alpha = smooth_step((1 - radius) / SOFT_EDGE).astype(np.float32)[..., None]
    part = image[top:bottom, left:right]  # alpha is 0 beyond it
    part += alpha * (painted[top:bottom, left:right] - part)


def paint_panel(image: Image, edges: Array) -> None:
    """Lay the panel over `image`: a board of slate with rounded corners, a bright rim and a soft
    shadow."""
    import cv2

    left, top, right, bottom = edges
    if bottom + 3 * PANEL_SHADOW < 0:
        return
    y, x = np.ogrid[:HEIGHT, :WIDTH]
    across = np.abs(x - (left + right) / 2) - (right - left) / 2 + PANEL_CORNER
    down = np.abs(y - (top + bottom) / 2) - (bottom - top) / 2 + PANEL_CORNER
    outside = (
        np.hypot(across.clip(0), down.clip(0))
        + np.minimum(np.maximum(across, down), 0)
        - PANEL_CORNER
    )
    board = (0.5 - outside).clip(0, 1).astype(np.float32)

    shadow = cv2.GaussianBlur(np.roll(board, 4, axis=0), (0, 0), PANEL_SHADOW)
    image *= (1 - 0.45 * shadow)[..., None]
    shade = (
        1.12
        - 0.3 * (y - top) / (bottom - top)
        + 0.02 * np.sin(0.9 * (y - top) + 2.5 * np.sin((x - left) / 37))
    )
    rim = 0.45 * np.exp(-(((outside + 2.5) / 1.2) ** 2))
    colour = np.array([74.0, 92.0, 108.0]) * (shade + rim)[..., None]
    image += board[..., None] * (colour.astype(np.float32) - image)


def smooth_step(value: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    value = value.clip(0, 1)
    return value * value * (3 - 2 * value)
