"""Window and box of a training crop agree: what is drawn at the box comes out at the box in the crop."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ltr.crops import crop
from ltr.data.configuration import Crops
from ltr.data.plans.windows import training_windows
from ltr.geometry import mirrored

FRAME = (90, 120)

KINDS = [
    ("exact", "replicate"),
    ("published_2019", "replicate"),
    ("published_2020", "replicate"),
    ("published_2020", "inside"),
    ("published_2020", "inside_major"),
]


def extent(profile: np.ndarray) -> tuple[float, float]:
    """(start, length) of a bar, pixel i covering [i, i + 1), from its mass and the middle of that."""
    length = profile.sum()
    middle = (profile * (np.arange(len(profile)) + 0.5)).sum() / length
    return middle - length / 2, length


@pytest.mark.parametrize(("kind", "border"), KINDS)
@settings(max_examples=40, deadline=None)
@given(
    st.integers(8, 70),
    st.integers(8, 50),
    st.integers(12, 36),
    st.integers(12, 30),
    st.floats(-9, 9),
    st.floats(-9, 9),
    st.floats(0.8, 1.25),
    st.floats(1.2, 4),
)
def test_a_white_box_comes_out_at_its_box(
    kind: Literal["exact", "published_2019", "published_2020"],
    border: Literal["replicate", "inside", "inside_major"],
    x: int,
    y: int,
    w: int,
    h: int,
    right: float,
    down: float,
    larger: float,
    area: float,
) -> None:
    frame = torch.zeros(*FRAME, 3, dtype=torch.uint8)
    frame[y : y + h, x : x + w] = 255
    box, around = (
        torch.tensor([[x, y, w, h]], dtype=torch.float32),
        torch.tensor([[x + right, y + down, w * larger, h * larger]]),
    )
    side = 96
    setting = Crops(side=side, area=area, window=kind, border=border)
    window, (inside,) = training_windows(setting, box, around, torch.tensor([FRAME]))
    assume(bool((inside[:2] > 1).all() and (inside[:2] + inside[2:] < side - 1).all()))
    frame_pixel = (1 / window.step[0]).flip(0)  # in crop pixels
    bar = crop([frame], window)[0, 0].numpy() / 255
    for axis, profile in enumerate((bar.max(0), bar.max(1))):
        start, length = extent(profile)
        # a bilinear slope is sampled, not integrated; 2019 rounds its window and is half a crop pixel off
        quirk = 0.5 + 0.5 * float(frame_pixel[axis]) if kind == "published_2019" else 0.0
        assert abs(length - float(inside[2 + axis])) < 0.6
        assert abs(start + length / 2 - float(inside[axis] + inside[2 + axis] / 2)) < 0.3 + quirk


@pytest.mark.parametrize(("kind", "border"), KINDS)
def test_windows_of_boxes_without_size_are_one_pixel_at_least(
    kind: Literal["exact", "published_2019", "published_2020"],
    border: Literal["replicate", "inside", "inside_major"],
) -> None:
    setting = Crops(side=32, area=1.0, window=kind, border=border)
    around = torch.tensor([[5.0, 5.0, 0.5, 0.5], [-300.0, 900.0, 3.0, 2.0]])
    frames = torch.randint(0, 256, (2, 1, 1, 3), dtype=torch.uint8)
    sizes = torch.tensor([[1, 1], [1, 1]])
    window, boxes = training_windows(setting, around, around, sizes)
    assert boxes.isfinite().all()
    crops = crop(frames, window, [0, 1])
    assert torch.equal(crops, frames.view(2, 3, 1, 1).expand_as(crops).float())


@pytest.mark.parametrize(
    ("kind", "inside"), [("exact", False), ("published_2019", False), ("published_2020", True)]
)
def test_the_window_of_2020_alone_is_moved_into_the_frame(
    kind: Literal["exact", "published_2019", "published_2020"], inside: bool
) -> None:
    frame = torch.zeros(*FRAME, 3, dtype=torch.uint8)
    frame[:, ::2] = 255
    around = torch.tensor([[300.0, 20.0, 20.0, 20.0]])
    setting = Crops(side=64, area=2.0, window=kind)
    window, _ = training_windows(setting, around, around, torch.tensor([FRAME]))
    assert (len(crop([frame], window).unique()) > 1) == inside


def test_mirrored_boxes_hold_what_they_held() -> None:
    picture = torch.zeros(1, 6, 20)
    picture[:, 2:4, 3:9] = 1
    x, y, w, h = (int(v) for v in mirrored(torch.tensor([3.0, 2.0, 6.0, 2.0]), 20))
    assert picture.flip(-1)[0, y : y + h, x : x + w].sum() == picture.sum() == w * h
