"""The crop primitive against a plain evaluation, pixel by pixel in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ltr.crops import CropWindow, _crop_packed, _gather_pixels, _taps, crop, exact_window
from ltr.label_maps import gaussian
from ltr.published_windows import published_window


def bilinear(image: np.ndarray, y: float, x: float) -> np.ndarray:
    """One sample of an image continued by its border."""

    def at(row: int, column: int) -> np.ndarray:
        height, width = image.shape[:2]
        return image[min(max(row, 0), height - 1), min(max(column, 0), width - 1)].astype(float)

    top, left = int(np.floor(y)), int(np.floor(x))
    down, right = y - top, x - left
    upper = (1 - right) * at(top, left) + right * at(top, left + 1)
    lower = (1 - right) * at(top + 1, left) + right * at(top + 1, left + 1)
    return (1 - down) * upper + down * lower


def published(centre: torch.Tensor, size: torch.Tensor, out_hw: tuple[int, int]) -> CropWindow:
    """The published rule in frames of 40 x 60."""
    return published_window(centre, size, out_hw, torch.tensor([[40, 60]]), border="inside_major")


@settings(max_examples=30, deadline=None)
@given(
    st.floats(-40, 80),
    st.floats(-40, 90),
    st.floats(2, 150),
    st.floats(2, 150),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_exact_window(cy: float, cx: float, h: float, w: float, rows: int, columns: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    centre, size = torch.tensor([[cy, cx]]), torch.tensor([[h, w]])
    window = exact_window(centre, size, (rows, columns))
    patch = crop([torch.from_numpy(image)], window)[0].numpy()
    cy, cx, h, w = (float(v) for v in (*centre[0], *size[0]))  # as float32 holds them
    for i in range(rows):
        for j in range(columns):
            y, x = cy + (i - (rows - 1) / 2) * h / rows, cx + (j - (columns - 1) / 2) * w / columns
            np.testing.assert_allclose(patch[:, i, j], bilinear(image, y, x), atol=1e-3)


def test_whole_frame_at_its_own_size_is_the_frame() -> None:
    image = torch.randint(0, 256, (20, 20, 3), dtype=torch.uint8)
    window = exact_window(torch.tensor([[9.5, 9.5]]), torch.tensor([[20.0, 20.0]]), (20, 20))
    assert torch.equal(crop([image], window)[0], image.permute(2, 0, 1).float())
    assert window.scale.item() == 1


def test_windows_of_several_frames_and_both_ways_of_gathering() -> None:
    frames = [
        torch.randint(0, 256, (h, w, 3), dtype=torch.uint8)
        for h, w in ((40, 60), (70, 30), (11, 90))
    ]
    centre, size = torch.rand(5, 2) * 60, torch.rand(5, 2) * 80 + 4
    frame_of = [2, 0, 1, 0, 2]
    together = crop(frames, exact_window(centre, size, (16, 12)), frame_of)
    for r, f in enumerate(frame_of):
        window = exact_window(centre[r : r + 1], size[r : r + 1], (16, 12))
        assert torch.equal(crop([frames[f]], window)[0], together[r])
    window = exact_window(centre, size, (16, 12))
    assert torch.equal(_crop_packed(frames, window, frame_of), together)


@pytest.mark.parametrize("rule", [exact_window, published])
def test_windows_of_a_stack(rule: Callable[..., CropWindow]) -> None:
    """As of one frame after another, whatever gathers them and however their frames are named."""
    stack = torch.randint(0, 256, (3, 40, 60, 3), dtype=torch.uint8)
    centre, size = torch.rand(7, 2) * 60, torch.rand(7, 2) * 80 + 4
    frame_of = [2, 0, 1, 0, 2, 1, 1]
    window, index = rule(centre, size, (16, 12)), torch.tensor(frame_of)
    together = crop(stack, window, frame_of)
    assert torch.equal(crop(stack, window, index), together)
    assert torch.equal(crop(list(stack), window, index), together)
    taps = [_taps(window, axis, n) for axis, n in enumerate(stack.shape[1:3])]
    first_pixel = index[:, None, None] * (40 * 60)
    assert torch.equal(_gather_pixels(stack.view(-1, 3), first_pixel, 60, *taps), together)
    assert torch.equal(_crop_packed(list(stack), window, frame_of), together)
    for r, f in enumerate(frame_of):
        alone = window.rows(torch.tensor([r]))
        assert torch.equal(crop([stack[f]], alone)[0], together[r])
    assert torch.equal(crop(stack, window), crop([stack[0]], window))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_samples_the_same() -> None:
    frame = torch.randint(0, 256, (200, 300, 3), dtype=torch.uint8)
    centre, size = torch.tensor([[100.3, 140.8]]), torch.tensor([[90.5, 120.25]])
    here = crop([frame], exact_window(centre, size, (64, 64)))
    there = crop([frame.cuda()], exact_window(centre.cuda(), size.cuda(), (64, 64)))
    torch.testing.assert_close(there.cpu(), here, atol=1e-3, rtol=0)


def test_gaussian_label() -> None:
    # centre (y, x) of the box 120,110,50,64 in pool format, in cells
    centre = torch.tensor([[142 / 16, 145 / 16]])
    label = gaussian(centre, 0.9, (19, 19))[0]
    assert label[9, 9].item() == pytest.approx(0.98801607, abs=1e-6)
    assert label[8, 9].item() == pytest.approx(0.62187302, abs=1e-6)
    assert label.sum().item() == pytest.approx(5.0893817, abs=1e-5)
