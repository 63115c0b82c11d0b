"""Images in: what is decoded, to which pixels, and what is refused with which line."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from ltr.errors import FrameError
from ltr.images import as_frame, is_truncated_jpeg, quiet_opencv, read_image


def picture(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A smooth picture (height, width, 3) whose four corners and three channels all differ."""
    y, x = np.mgrid[:height, :width]
    return np.stack(
        [x * 255 // width, y * 255 // height, (x + y) * 60 // (width + height)], -1
    ).astype(np.uint8)


def encoded(image: NDArray[Any], kind: str, **options: Any) -> bytes:
    """The bytes of an image file, by Pillow: another encoder than the decoder's own."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(folder: Path, data: bytes, name: str = "a.jpg") -> NDArray[np.uint8]:
    (folder / name).write_bytes(data)
    frame = read_image(folder / name)
    assert frame.dtype == np.uint8
    assert frame.ndim == 3
    assert frame.shape[2] == 3
    assert frame.flags["C_CONTIGUOUS"]
    return frame


def refusal(folder: Path, data: bytes, name: str = "a.jpg") -> str:
    (folder / name).write_bytes(data)
    with pytest.raises(FrameError) as caught:
        read_image(folder / name)
    return str(caught.value)


def cut_off(folder: Path) -> str:
    return f"image {folder / 'a.jpg'} is a JPEG without its end (cut off): fetch the file again"


def damaged(folder: Path, name: str) -> str:
    return f"image {folder / name} is in no format that can be decoded, or damaged: fetch the file again"


# ---------------------------------------------------------------- arrays


def test_colour_order() -> None:
    image = picture()
    np.testing.assert_array_equal(as_frame(image), image)
    np.testing.assert_array_equal(as_frame(image, "bgr"), image[:, :, ::-1])


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_any_strides(color: Any) -> None:
    image = picture()
    expected = as_frame(np.ascontiguousarray(image[::-1, ::2]), color)
    frame = as_frame(image[::-1, ::2], color)
    np.testing.assert_array_equal(frame, expected)
    assert frame.flags["C_CONTIGUOUS"]


def test_grey_and_fourth_channel() -> None:
    image = picture()
    grey = image[:, :, 0]
    for array in (grey, grey[:, :, None]):
        np.testing.assert_array_equal(as_frame(array), np.stack([grey] * 3, -1))
    four = np.dstack([image, np.zeros_like(grey)])
    np.testing.assert_array_equal(as_frame(four, "bgr"), image[:, :, ::-1])


def test_sixteen_bits_keep_white_and_round() -> None:
    values = np.array([[0, 128, 129, 257, 65535 - 129, 65535]], np.uint16)
    np.testing.assert_array_equal(as_frame(values)[0, :, 0], [0, 0, 1, 1, 254, 255])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (
            np.zeros((0, 4, 3), np.uint8),
            "frame is empty (shape (0, 4, 3)): give an array of height x width x 3",
        ),
        (
            np.zeros((4, 4, 3)),
            "frame has type float64: give uint8 values from 0 to 255 (or uint16)",
        ),
        (
            np.zeros((4, 4, 2), np.uint8),
            "frame has shape (4, 4, 2): give height x width, or that x 1, 3 or 4 channels",
        ),
        (
            np.zeros(4, np.uint8),
            "frame has shape (4,): give height x width, or that x 1, 3 or 4 channels",
        ),
    ],
)
def test_arrays_refused(array: NDArray[Any], message: str) -> None:
    with pytest.raises(FrameError) as caught:
        as_frame(array)
    assert str(caught.value) == message


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("name", ["a.png", "png.jpg", "Ünï cødé.png"])
def test_png_by_content(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(decoded(tmp_path, encoded(picture(), "PNG"), name), picture())


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg(tmp_path: Path, progressive: bool) -> None:
    frame = decoded(tmp_path, encoded(picture(), "JPEG", quality=95, progressive=progressive))
    assert np.abs(frame.astype(int) - picture()).mean() < 2


def test_grey_alpha_and_palette(tmp_path: Path) -> None:
    grey = picture()[:, :, 0]
    np.testing.assert_array_equal(decoded(tmp_path, encoded(grey, "PNG")), np.stack([grey] * 3, -1))
    transparent = np.dstack([picture(), np.zeros_like(grey)])
    np.testing.assert_array_equal(decoded(tmp_path, encoded(transparent, "PNG")), picture())


def test_sixteen_bit_png_is_divided_by_257(tmp_path: Path) -> None:
    image = picture()
    data = cv2.imencode(".png", image[:, :, ::-1].astype(np.uint16) * 257 + 100)[1].tobytes()
    np.testing.assert_array_equal(decoded(tmp_path, data), image)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_rotation_is_applied(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the file must be turned clockwise
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    frame = decoded(tmp_path, encoded(picture(), kind, exif=exif, **options))
    expected = np.rot90(picture(), -1)
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 1.0])
def test_cut_jpeg_is_refused(tmp_path: Path, progressive: bool, share: float) -> None:
    data = encoded(picture(), "JPEG", quality=95, progressive=progressive)
    assert refusal(tmp_path, data[: int(share * len(data)) - 1]) == cut_off(tmp_path)


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def test_end_marker_of_a_thumbnail_is_not_the_end(tmp_path: Path) -> None:
    data = encoded(picture(), "JPEG", quality=95)
    thumbnail = segment(0xE1, b"Exif\0\0" + encoded(picture(12, 16), "JPEG"))
    whole = data[:2] + thumbnail + data[2:]
    assert decoded(tmp_path, whole).shape == picture().shape
    assert refusal(tmp_path, whole[: -len(data) // 2]) == cut_off(tmp_path)


def test_end_marker_inside_a_segment_between_scans_is_not_the_end(tmp_path: Path) -> None:
    data = encoded(picture(), "JPEG", quality=95, progressive=True)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    whole = data[:second] + segment(0xFE, b"a comment \xff\xd9") + data[second:]
    assert decoded(tmp_path, whole).shape == picture().shape
    assert refusal(tmp_path, whole[:-20]) == cut_off(tmp_path)


def test_restart_markers_and_fill_bytes(tmp_path: Path) -> None:
    data = encoded(picture(), "JPEG", quality=95, restart_marker_blocks=2)
    assert b"\xff\xd0" in data
    assert data.endswith(b"\xff\xd9")
    filled = data[:2] + b"\xff\xff" + data[2:-2] + b"\xff\xff\xff\xd9"
    assert decoded(tmp_path, filled).shape == picture().shape
    assert is_truncated_jpeg(data[:-2])


def test_garbage_after_the_end_is_accepted(tmp_path: Path) -> None:
    data = encoded(picture(), "JPEG", quality=95)
    for tail in (b"\0" * 5000, b"<html>\xff\xd8\xff\xe1\xff\xff" * 10):
        np.testing.assert_array_equal(decoded(tmp_path, data + tail), decoded(tmp_path, data))
    assert refusal(tmp_path, data[: len(data) // 2] + b"\0" * 5000) == cut_off(tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    png = encoded(picture(), "PNG")
    assert refusal(tmp_path, png[: len(png) // 2], "a.png") == damaged(tmp_path, "a.png")
    assert refusal(tmp_path, b"hello", "b.jpg") == damaged(tmp_path, "b.jpg")
    assert (
        refusal(tmp_path, b"", "c.jpg")
        == f"image {tmp_path / 'c.jpg'} is an empty file: fetch it again"
    )
    hdr = cv2.imencode(".hdr", np.ones((4, 4, 3), np.float32))[1].tobytes()
    assert (
        refusal(tmp_path, hdr, "d.png")
        == f"image {tmp_path / 'd.png'} has pixels of type float32: convert it to 8 or 16 bits"
    )


def test_header_of_an_absurd_size_is_refused(tmp_path: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    data = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"0"))
        + chunk(b"IEND", b"")
    )
    assert refusal(tmp_path, data, "a.png") == damaged(tmp_path, "a.png")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "no.jpg", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(FrameError) as caught:
            read_image(path)
        assert (
            str(caught.value)
            == f"cannot read image {path} ({reason}): check its path and permissions"
        )


# ---------------------------------------------------------------- silence


def test_nothing_is_printed_for_files_cut_off(tmp_path: Path) -> None:
    for kind in ("PNG", "BMP", "TIFF", "WEBP"):
        data = encoded(picture(), kind)
        (tmp_path / f"a.{kind.lower()}").write_bytes(data[: len(data) // 2])
    program = """
import sys
from pathlib import Path
from ltr.errors import FrameError
from ltr.images import read_image
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        read_image(path)
    except FrameError:
        print(path.name)
"""
    # In a process of its own: what C code prints goes past Python's sys.stderr.
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("a.bmp\na.png\na.tiff\na.webp\n", "")


def test_the_log_level_comes_back_after_overlapping_threads() -> None:
    logging = cv2.utils.logging
    before = logging.getLogLevel()
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with quiet_opencv():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=stay)
    with quiet_opencv():
        thread.start()
        entered.wait(10)
        assert logging.getLogLevel() == logging.LOG_LEVEL_SILENT
    assert logging.getLogLevel() == logging.LOG_LEVEL_SILENT
    leave.set()
    thread.join()
    assert logging.getLogLevel() == before != logging.LOG_LEVEL_SILENT


# --- pictures of PIL and tensors


def flat(mode: str) -> Image.Image:
    """Red in every mode that has colours, else white or grey."""
    return Image.new("RGB", (3, 2), (255, 0, 0)).convert(mode)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "HSV"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_pictures_know_their_colours(mode: str, color: Any) -> None:
    frame = as_frame(flat("P").convert(mode) if mode == "PA" else flat(mode), color)
    np.testing.assert_allclose(frame, np.full((2, 3, 3), (255, 0, 0)), atol=2)


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_pictures(mode: str) -> None:
    white = Image.new("LA", (3, 2), (255, 255)).convert("L" if mode == "1" else "LA").convert(mode)
    np.testing.assert_array_equal(as_frame(white), np.full((2, 3, 3), 255))


def test_pictures_of_16_bits() -> None:
    deep = Image.fromarray(np.full((2, 3), 200 * 257, np.uint16))
    assert deep.mode == "I;16"
    np.testing.assert_array_equal(as_frame(deep), np.full((2, 3, 3), 200))


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pictures_without_a_range(mode: str) -> None:
    with pytest.raises(FrameError) as caught:
        as_frame(Image.new(mode, (3, 2)))
    assert str(caught.value) == (
        f"frame cannot be made an array (a picture of mode {mode} has no range): "
        "give uint8 values, height x width x 3"
    )


def test_a_picture_that_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(picture(), "png")[:200])
    with pytest.raises(
        FrameError, match=r"^frame cannot be made an array \(.*\): give uint8 values"
    ):
        as_frame(Image.open(tmp_path / "a.png"))


def test_tensors() -> None:
    np.testing.assert_array_equal(as_frame(torch.from_numpy(picture())), picture())


def test_images_that_are_no_files(tmp_path: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(FrameError) as caught:
        read_image(tmp_path / "a.png")
    assert str(caught.value) == (
        f"cannot read image {tmp_path / 'a.png'} (it is a pipe, give the name of a file): "
        "check its path and permissions"
    )
