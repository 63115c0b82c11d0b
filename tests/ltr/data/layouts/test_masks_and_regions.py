"""Regions of VOT and masks of DAVIS, and the boxes that are made of them."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.data.layouts.davis import davis_videos
from ltr.data.layouts.label_images import read_labels
from ltr.data.layouts.vot import area_preserving_boxes, bounding_boxes, read_regions
from ltr.errors import DataError


def write_labels(path: Path, labels: np.ndarray, bits: int) -> None:
    """A PNG with a palette, of pixels of 8 or 4 bits, an even number of them in a row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    height, width = labels.shape
    packed = labels if bits == 8 else labels[:, ::2] << 4 | labels[:, 1::2]
    rows = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, bits, 3, 0, 0, 0)
    parts = (b"IHDR", header), (b"PLTE", bytes(48)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


@pytest.mark.parametrize("bits", [4, 8])
def test_numbers_of_a_palette_are_read_and_not_its_colours(tmp_path: Path, bits: int) -> None:
    """All colours of the palette are black."""
    labels = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16) % 15
    write_labels(tmp_path / "a.png", labels, bits)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)


def test_void_is_no_object_and_grey_is_one(tmp_path: Path) -> None:
    write_labels(tmp_path / "void.png", np.array([[0, 3], [255, 254]]), 8)
    assert read_labels(tmp_path / "void.png").tolist() == [[0, 3], [0, 254]]
    cv2.imwrite(str(tmp_path / "grey.png"), np.array([[0, 255], [128, 0]], np.uint8))
    assert read_labels(tmp_path / "grey.png").tolist() == [[0, 1], [1, 0]]


def test_masks_that_are_none(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "colour.png"), np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "text.png").write_text("no picture, but long enough to hold the header of one")
    write_labels(tmp_path / "cut.png", np.zeros((4, 4)), 8)
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:60])
    for name, said in (
        ("none", "cannot read mask PATH: No such file or directory"),
        ("text", "mask PATH is no PNG: fetch it again"),
        ("colour", "mask PATH has neither a palette nor 8 bits of grey: fetch it again"),
        ("cut", "mask PATH is damaged: fetch it again"),
    ):
        path = tmp_path / f"{name}.png"
        with pytest.raises(DataError) as caught:
            read_labels(path)
        assert str(caught.value) == said.replace("PATH", str(path))
    folder = tmp_path / "Annotations" / "480p" / "dogs"
    with pytest.raises(DataError, match=f"cannot list folder {folder}"):
        davis_videos(tmp_path, "dogs", apart=True)
    folder.mkdir(parents=True)
    with pytest.raises(DataError, match=f"folder {folder} holds no mask"):
        davis_videos(tmp_path, "dogs", apart=True)


def test_two_kinds_of_boxes_of_a_region() -> None:
    """A square that stands on its corner has half the area of the box around it."""
    turned = np.array([10.0, 0, 20, 10, 10, 20, 0, 10])
    upright, unknown = np.array([3.0, 4, 5, 6]), np.array([0.0])
    regions = (turned, upright, unknown)
    np.testing.assert_array_equal(
        bounding_boxes(regions), [[0, 0, 20, 20], [3, 4, 5, 6], [np.nan] * 4]
    )
    boxes = area_preserving_boxes(regions)
    side = 20 * np.sqrt(0.5) + 1
    np.testing.assert_allclose(boxes[0], [10 - (side - 1) / 2, 10 - (side - 1) / 2, side, side])
    assert (boxes[0, 2] - 1) ** 2 == pytest.approx(200)  # the area of the region
    np.testing.assert_array_equal(boxes[1:], [[3, 4, 5, 6], [np.nan] * 4])


def test_regions_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "groundtruth.txt"
    for line in ("1,2,3", "1,2,3,4,5,6,7", "1,2,x,4", "m1,2,3,4,5", "1,2,3,inf"):
        path.write_text(f"1,2,3,4\n{line}\n")
        with pytest.raises(DataError) as caught:
            read_regions(path)
        assert str(caught.value) == (
            f"{path}, line 2: {line!r} is no polygon x1,y1,x2,y2,.. and no box x,y,w,h"
        )


def test_regions_of_vot2018(shared: Path, tmp_path: Path) -> None:
    """Polygons of four corners, but in conduction1, which has boxes."""
    frames, kinds = 0, {}
    with zipfile.ZipFile(shared / "data" / "benchmarks" / "vot2018.zip") as archive:
        for member in archive.namelist():
            if member.endswith("groundtruth.txt"):
                (tmp_path / "truth").write_bytes(archive.read(member))
                regions = read_regions(tmp_path / "truth")
                frames += len(regions)
                kinds[Path(member).parent.name] = {len(region) for region in regions}
                assert np.isfinite(area_preserving_boxes(regions)).all()
    assert (len(kinds), frames) == (60, 21356)
    assert kinds.pop("conduction1") == {4}
    assert set().union(*kinds.values()) == {8}
