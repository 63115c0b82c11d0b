"""What happens to pixels: each change by itself, to the crops that drew it alone, within 0..255."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ltr.data.configuration import Photometry
from ltr.data.jpeg import compressed
from ltr.data.photometry import Changes, draw_changes, photographed, together

NOTHING = Photometry(joint_grey=0.0, brightness=0.0)
ALL = Photometry(
    joint_grey=0.3,
    joint_flip=0.5,
    flip=0.5,
    brightness=0.5,
    contrast=0.5,
    saturation=0.8,
    hue=40.0,
    blur=0.5,
    jpeg=0.5,
    jpeg_quality=(5, 95),
    coarse=0.5,
    noise=0.5,
)
SIDE = 48


def crops_of(count: int, seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    smooth = [
        cv2.GaussianBlur(random.uniform(-900, 1155, (SIDE, SIDE, 3)), (0, 0), 3)
        for _ in range(count)
    ]
    return torch.from_numpy(np.stack(smooth)).permute(0, 3, 1, 2).clamp(0, 255).round().float()


def changes_of(count: int, **values: Any) -> Changes:
    """None but those that are named, for all crops."""
    none = draw_changes(NOTHING, count, np.random.default_rng(0))
    return none._replace(**{name: np.asarray(value) for name, value in values.items()})


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_pixels_stay_within_their_range(seed: int, frames: int) -> None:
    crops = crops_of(frames, seed % 7)
    changes = draw_changes(ALL, frames, np.random.default_rng(seed))
    after = photographed(crops, changes)
    assert after.shape == (frames, 3, SIDE, SIDE)
    assert after.dtype == torch.float32
    assert after.min() >= 0
    assert after.max() <= 255


@given(st.integers(0, 2**32))
def test_no_change_at_zero(seed: int) -> None:
    crops = crops_of(2)
    changes = draw_changes(NOTHING, 2, np.random.default_rng(seed))
    assert torch.equal(photographed(crops.clone(), changes), crops)


def test_crops_of_a_batch_are_those_alone() -> None:
    crops = crops_of(12)
    drawn = [draw_changes(ALL, 3, np.random.default_rng(seed)) for seed in range(4)]
    changes = together(drawn)
    after = photographed(crops.clone(), changes)
    for sample, own in enumerate(drawn):
        part = crops[3 * sample : 3 * sample + 3].clone()
        torch.testing.assert_close(
            photographed(part, own), after[3 * sample : 3 * sample + 3], atol=0.01, rtol=0
        )
    untouched = changes_of(12, jpeg_quality=[0, 20] * 6)
    after = photographed(crops.clone(), untouched)
    assert torch.equal(after[::2], crops[::2])
    assert all((after[1::2] != crops[1::2]).flatten(1).any(1))


def test_one_setting_does_not_move_what_others_draw() -> None:
    first, second = (
        draw_changes(setting, 5, np.random.default_rng(8))
        for setting in (ALL, Photometry(joint_grey=1.0, brightness=0.5, hue=40.0))
    )
    assert np.array_equal(first.brightness, second.brightness)
    assert np.array_equal(first.hue, second.hue)
    assert second.grey.all()


def test_shares_and_ranges_of_what_is_drawn() -> None:
    many = together([draw_changes(ALL, 4, np.random.default_rng(n)) for n in range(3000)])
    assert many.grey.mean() == pytest.approx(0.3, abs=0.03)
    assert many.grey.reshape(-1, 4).std(1).max() == 0  # one a sample
    assert many.mirror.mean() == pytest.approx(0.5, abs=0.03)
    for drawn in (many.blur_yx[:, 0] > 0, many.coarse > 1, many.noise > 0, many.jpeg_quality > 0):
        assert drawn.mean() == pytest.approx(0.5, abs=0.03)
    for factor, reach in ((many.brightness, 0.5), (many.contrast, 0.5), (many.saturation, 0.8)):
        assert 1 - reach <= factor.min() < 1.02 - reach
        assert 0.98 + reach < factor.max() <= 1 + reach
    assert np.unique(many.jpeg_quality[many.jpeg_quality > 0]).tolist() == list(range(5, 96))
    assert many.hue.min() < -39
    assert many.hue.max() > 39


@pytest.mark.parametrize("quality", [15, 40, 80, 95])
def test_jpeg_is_that_of_an_encoder(quality: int) -> None:
    """Sides that are no multiple of 16 too; flips of rounding apart, the loss is the same."""
    crops = crops_of(3)[:, :, :, :39]
    after = compressed(crops, np.array([quality, 100, quality]))
    for row in (0, 2):
        picture = crops[row].permute(1, 2, 0).numpy().astype(np.uint8)
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        expected = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32)
        difference = np.abs(after[row].permute(1, 2, 0).numpy() - expected)
        assert difference.mean() < min(2.0, 0.4 * np.abs(picture - expected).mean())
        assert np.quantile(difference, 0.95) < 12
    assert (after[1] - crops[1]).abs().mean() < 3


def test_blur_is_that_of_opencv() -> None:
    crops = crops_of(2)
    after = photographed(crops.clone(), changes_of(2, blur_yx=[[2.0, 0.0], [0.7, 1.5]]))
    for row, (down, right) in enumerate([(2.0, 1e-3), (0.7, 1.5)]):
        size = (2 * int(np.ceil(2 * right)) + 1, 2 * int(np.ceil(2 * down)) + 1)
        picture = crops[row].permute(1, 2, 0).numpy()
        expected = cv2.GaussianBlur(
            picture, size, sigmaX=right, sigmaY=down, borderType=cv2.BORDER_REPLICATE
        )
        np.testing.assert_allclose(after[row].permute(1, 2, 0), expected, atol=0.01)


def test_coarse_pictures_have_few_values() -> None:
    crops = crops_of(1)
    after = photographed(crops.clone(), changes_of(1, coarse=[float(SIDE)]))
    torch.testing.assert_close(
        after, crops.mean((2, 3), keepdim=True).expand_as(crops), atol=1e-3, rtol=0
    )
    half = photographed(crops.clone(), changes_of(1, coarse=[2.0]))
    torch.testing.assert_close(half.mean(), crops.mean(), atol=0.5, rtol=0)
    assert 0.5 < (half - crops).abs().mean() < 20


def test_noise_has_its_deviation_and_place() -> None:
    grey = torch.full((3, 3, SIDE, SIDE), 128.0)
    changes = changes_of(3, noise=[10.0, 10.0, 3.0], noise_start=[5, 5, 9000])
    off = photographed(grey.clone(), changes) - 128
    assert torch.equal(off[0], off[1])
    assert off[0].std().item() == pytest.approx(10, rel=0.05)
    assert off[2].std().item() == pytest.approx(3, rel=0.05)
    assert abs(np.corrcoef(off[0].flatten(), off[2].flatten())[0, 1]) < 0.05


def test_colours() -> None:
    crops = crops_of(1) * 0.4 + 70  # away from both ends
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    grey = photographed(crops.clone(), changes_of(1, grey=[True]))
    torch.testing.assert_close(
        grey, (crops * weights).sum(1, keepdim=True).expand_as(crops), atol=0.02, rtol=0
    )
    flat = photographed(crops.clone(), changes_of(1, saturation=[0.0]))
    torch.testing.assert_close(flat, grey)
    mean = photographed(crops.clone(), changes_of(1, contrast=[0.0]))
    torch.testing.assert_close(mean, grey.mean().expand_as(crops), atol=0.02, rtol=0)
    turned = crops.clone()
    for _ in range(3):
        turned = photographed(turned, changes_of(1, hue=[40.0]))
    torch.testing.assert_close(turned, crops.roll(1, dims=1), atol=0.05, rtol=0)  # 120 degrees
    torch.testing.assert_close(
        photographed(grey.clone(), changes_of(1, hue=[33.0])), grey, atol=0.02, rtol=0
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_does_the_same() -> None:
    crops = crops_of(12)
    changes = draw_changes(ALL, 12, np.random.default_rng(2))._replace(
        jpeg_quality=np.zeros(12, np.int64)
    )
    here, there = photographed(crops.clone(), changes), photographed(crops.cuda(), changes)
    torch.testing.assert_close(there.cpu(), here, atol=0.05, rtol=0)
    quality = np.arange(12) * 8 + 5
    difference = (compressed(crops, quality) - compressed(crops.cuda(), quality).cpu()).abs()
    assert difference.mean() < 0.1  # a coefficient between two steps may go either way
