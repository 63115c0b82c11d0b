"""A resident store is the store that it was made of, smaller."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import data_trees as trees
import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch

import ltr.data.resident
from ltr.data.configuration import Layout, Part
from ltr.data.layouts import open_store
from ltr.data.resident import Resident
from ltr.data.selection import divided
from ltr.data.store import Track, annotated_track
from ltr.errors import DataError, FrameError
from ltr.images import Frame

CPU = torch.device("cpu")


class OnePicture:
    """A store of one picture with one box; white where the box is, and so is its mask."""

    name = "one"

    def __init__(self, size_hw: tuple[int, int], box_xywh: tuple[int, int, int, int]) -> None:
        x, y, w, h = box_xywh
        self.white = np.zeros(size_hw, np.uint8)
        self.white[y : y + h, x : x + w] = 255
        self.tracks: tuple[Track, ...] = (annotated_track("t", [box_xywh]),)

    def frame(self, track: int, number: int) -> Frame:
        return np.repeat(self.white[:, :, None], 3, axis=2)

    def mask(self, track: int, number: int) -> np.ndarray:
        return self.white


@pytest.mark.parametrize("layout", trees.WRITERS)
@pytest.mark.parametrize("longest_side", [0, 64, 999])
def test_equals_the_store_where_nothing_is_scaled(
    tmp_path: Path, layout: Layout, longest_side: int
) -> None:
    trees.WRITERS[layout](tmp_path)
    store = open_store(Part(name="s", layout=layout, path="."), tmp_path)
    resident = Resident(store, CPU, longest_side)
    assert resident.name == "s"
    assert [t.name for t in resident.tracks] == [t.name for t in store.tracks]
    for index, (mine, its) in enumerate(zip(resident.tracks, store.tracks, strict=True)):
        np.testing.assert_array_equal(mine.boxes_xywh, its.boxes_xywh)
        assert mine.boxes_xywh.dtype == np.float32
        np.testing.assert_array_equal(mine.visible, its.visible)
        assert (mine.category, mine.pasteable) == (its.category, its.pasteable)
        for number in range(len(its.boxes_xywh)):
            frame, mask = store.frame(index, number), store.mask(index, number)
            np.testing.assert_array_equal(resident.frame(index, number), frame)
            np.testing.assert_array_equal(resident.pixels(index, number).numpy(), frame)
            kept = resident.mask(index, number)
            assert (kept is None) == (mask is None)
            if mask is not None:
                np.testing.assert_array_equal(kept, mask)


def test_smaller(tmp_path: Path) -> None:
    trees.write_objects(tmp_path)
    store = open_store(Part(layout="objects", path="."), tmp_path)
    resident = Resident(store, CPU, 32)
    pixels, mask = resident.pixels(0, 0), resident.mask_pixels(0, 0)
    assert (pixels.shape, pixels.dtype) == ((24, 32, 3), torch.uint8)
    assert mask is not None
    assert mask.shape == (24, 32)
    assert set(mask.unique().tolist()) == {0, 255}
    half = tuple(number // 2 for number in trees.MASK_BOX)
    np.testing.assert_array_equal(resident.tracks[0].boxes_xywh, [half])
    assert cv2.boundingRect(mask.numpy()) == half
    assert resident.bytes == 2 * 24 * 32 * 4


@hypothesis.given(st.data())
def test_boxes_frame_the_same_pixels(data: st.DataObject) -> None:
    """Averaging over areas keeps how much of each column and row is white, so the edges of a white box can be read from
    the smaller picture to a part of a pixel."""
    h, w = data.draw(st.integers(40, 90)), data.draw(st.integers(40, 90))
    longest = data.draw(st.integers(20, 90))
    bw, bh = data.draw(st.integers(12, w)), data.draw(st.integers(12, h))
    x, y = data.draw(st.integers(0, w - bw)), data.draw(st.integers(0, h - bh))
    resident = Resident(OnePicture((h, w), (x, y, bw, bh)), CPU, longest)
    white = resident.frame(0, 0)[:, :, 0] / 255.0
    assert max(white.shape) == min(longest, max(h, w))
    found = [_edges(white.max(axis=axis)) for axis in (0, 1)]
    box = resident.tracks[0].boxes_xywh[0]
    np.testing.assert_allclose(box[:2], [found[0][0], found[1][0]], atol=0.02)
    np.testing.assert_allclose(box[2:], [found[0][1], found[1][1]], atol=0.03)


def _edges(profile: np.ndarray) -> tuple[float, float]:
    """Where white begins, from how much of each pixel is white, and how long it is."""
    first = int(np.flatnonzero(profile > 0.01)[0])
    return first + 1 - profile[first], profile.sum()


def test_one_photograph_is_held_once(tmp_path: Path) -> None:
    trees.write_coco(tmp_path)
    resident = Resident(open_store(Part(layout="coco", path="."), tmp_path), CPU, 0)
    one, same, other = (resident.pixels(track, 0) for track in range(3))
    assert one.data_ptr() == same.data_ptr() != other.data_ptr()
    assert resident.bytes == trees.H * trees.W * (2 * 3 + 1)


def test_only_what_is_selected_is_read(tmp_path: Path) -> None:
    trees.write_videos(tmp_path)
    train, _ = divided(open_store(Part(layout="videos", path="."), tmp_path), {"a_cat"})
    (tmp_path / "a_cat.mp4").unlink()
    resident = Resident(train, CPU, 0)
    assert [t.name for t in resident.tracks] == ["b"]
    assert resident.bytes == 3 * trees.H * trees.W * 3
    assert resident.unreadable == 0


def test_what_cannot_be_read_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.write_lasot(tmp_path / "lasot")
    (tmp_path / "lasot" / "dog" / "dog-1" / "img" / "00000002.jpg").write_bytes(b"no picture")
    resident = Resident(open_store(Part(name="v", layout="lasot", path="lasot"), tmp_path), CPU, 32)
    assert resident.unreadable == 1
    assert resident.tracks[1].visible.tolist() == [True, False, True, False]
    assert np.isnan(resident.tracks[1].boxes_xywh[1]).all()
    np.testing.assert_array_equal(resident.tracks[1].boxes_xywh[2], [1.5, 1, 1.5, 2])
    for read in (resident.pixels, resident.frame):
        with pytest.raises(FrameError) as caught:
            read(1, 1)
        assert str(caught.value) == "frame 1 of dog-1 could not be read"
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"v: 8 pictures need about 0\.0 MB on cpu, .* are free", lines[0])
    assert re.fullmatch(
        r"v: 0\.0 MB on cpu in \d+ s; 1 could not be read and are passed over", lines[1]
    )
    assert len(lines) == 2


def test_a_mask_that_cannot_be_read_hides_its_object_alone(tmp_path: Path) -> None:
    trees.write_objects(tmp_path)
    (tmp_path / "cup_mask.png").write_bytes(b"no picture")
    resident = Resident(open_store(Part(layout="objects", path="."), tmp_path), CPU, 0)
    assert [t.visible.tolist() for t in resident.tracks] == [[False], [True]]
    assert resident.mask(0, 0) is None
    assert resident.unreadable == 1


def test_nothing_can_be_read(tmp_path: Path) -> None:
    trees.write_objects(tmp_path)
    for name in ("cup", "thing"):
        (tmp_path / f"{name}.png").unlink()
    with pytest.raises(DataError) as caught:
        Resident(open_store(Part(name="s", layout="objects", path="."), tmp_path), CPU, 0)
    assert str(caught.value) == "s: no frame with a target could be read"


def test_too_little_memory_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.write_videos(tmp_path)
    store = open_store(Part(name="s", layout="videos", path="."), tmp_path)
    monkeypatch.setattr(ltr.data.resident, "free_bytes", lambda device: 50_000)
    with pytest.raises(DataError) as caught:
        Resident(store, CPU, 0)
    assert str(caught.value) == (
        "s: 6 pictures need about 0.1 MB on cpu, 0.1 MB are free: make its longest_side smaller, or set resident to false"
    )
    assert Resident(store, CPU, 32).bytes == 6 * 24 * 32 * 3


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(tmp_path: Path) -> None:
    trees.write_objects(tmp_path)
    store = open_store(Part(layout="objects", path="."), tmp_path)
    device = torch.device("cuda")
    resident, host = Resident(store, device, 40), Resident(store, CPU, 40)
    assert resident.pixels(0, 0).is_cuda
    np.testing.assert_array_equal(resident.frame(0, 0), host.frame(0, 0))
    np.testing.assert_array_equal(resident.mask(0, 0), host.mask(0, 0))
