"""Folders of images: their order, their numbers, and what is missing or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from numbered_clip import HEIGHT, WIDTH, cut, index_of, until_error, write_images

from ltr.errors import FrameError, SourceEndedEarly
from ltr.frame_folder import FrameFolder, NumberedFrames, image_files


def refusal(path: Path) -> str:
    with pytest.raises(FrameError) as caught:
        FrameFolder(path)
    assert not isinstance(caught.value, SourceEndedEarly)
    return str(caught.value)


def test_folder_in_natural_order(tmp_path: Path) -> None:
    # a gap in the numbers means nothing
    names = [
        "1.jpg",
        "2.JPG",
        "3.Png",
        "10.jpg",
        "11.jpeg",
        "100.bmp",
    ]
    folder = write_images(tmp_path / "clip", names)
    (folder / "groundtruth.txt").write_text("1,1,9,9\n")
    (folder / "._1.jpg").write_bytes(b"droppings of a file manager")
    (folder / "5.jpg").mkdir()
    source = FrameFolder(folder)
    assert (source.name, source.length, source.frame_rate) == ("clip", 6, 30.0)
    for _ in range(2):  # again, from the beginning
        frames, error = until_error(source)
        assert error is None
        assert [index_of(frame) for frame in frames] == list(range(6))
    assert all(
        frame.shape == (HEIGHT, WIDTH, 3) and frame.flags["C_CONTIGUOUS"] for frame in frames
    )
    assert frames[0][40, 8, 0] > 230  # red, not blue
    assert frames[0][40, 8, 2] < 20


def test_natural_order_of_names(tmp_path: Path) -> None:
    names = [
        "a1b2.png",
        "a1b10.png",
        "a2b1.png",
        "A3.png",
        "a007.png",
        "a7.png",
        "b.png",
        "img.png",
    ]
    folder = write_images(tmp_path, names)
    assert [path.name for path in image_files(folder)] == names


def test_folder_with_its_frames_in_img(tmp_path: Path) -> None:
    write_images(tmp_path / "Basketball" / "img", ["0001.jpg", "0002.jpg"])
    source = FrameFolder(tmp_path / "Basketball")
    assert (source.name, source.length) == ("Basketball", 2)
    assert [index_of(frame) for frame in source] == [0, 1]


def test_own_images_come_before_img(tmp_path: Path) -> None:
    write_images(tmp_path / "img", ["0001.jpg", "0002.jpg"])
    write_images(tmp_path, ["0001.jpg"])
    assert FrameFolder(tmp_path).length == 1


def test_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "img").write_text("a file")
    assert refusal(tmp_path) == (
        f"folder {tmp_path} holds no images (.bmp .jpeg .jpg .png .tif .tiff .webp): "
        "give the folder that holds the frames"
    )


def test_folder_is_read_lazily_and_ends_early_at_a_damaged_image(tmp_path: Path) -> None:
    cut(write_images(tmp_path, ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]) / "3.jpg", 0.6)
    frames, error = until_error(FrameFolder(tmp_path))
    assert [index_of(frame) for frame in frames] == [0, 1]
    assert isinstance(error, SourceEndedEarly)
    assert str(error) == (
        f"folder {tmp_path} stopped after 2 of 4 frames: "
        f"image {tmp_path / '3.jpg'} is a JPEG without its end (cut off): fetch the file again"
    )


def test_link_to_a_missing_image_is_not_skipped(tmp_path: Path) -> None:
    write_images(tmp_path, ["1.jpg", "2.jpg", "3.jpg"])
    (tmp_path / "2.jpg").unlink()
    (tmp_path / "2.jpg").symlink_to(tmp_path / "gone")
    frames, error = until_error(FrameFolder(tmp_path))
    assert len(frames) == 1
    assert str(error) == (
        f"folder {tmp_path} stopped after 1 of 3 frames: "
        f"cannot read image {tmp_path / '2.jpg'} (No such file or directory): check its path and permissions"
    )


def test_damaged_first_image_is_a_plain_error(tmp_path: Path) -> None:
    cut(write_images(tmp_path, ["1.jpg", "2.jpg"]) / "1.jpg", 0.6)
    frames, error = until_error(FrameFolder(tmp_path))
    assert frames == []
    assert type(error) is FrameError
    assert (
        str(error)
        == f"image {tmp_path / '1.jpg'} is a JPEG without its end (cut off): fetch the file again"
    )


def test_frames_by_number(tmp_path: Path) -> None:
    folder = FrameFolder(write_images(tmp_path, ["1.jpg", "2.jpg", "10.jpg"]))
    assert len(folder) == 3
    assert [index_of(folder.frame(k)) for k in (2, 0)] == [2, 0]
    for number in (-1, 3):
        with pytest.raises(IndexError) as error:
            folder.frame(number)
        assert str(error.value) == f"folder {tmp_path} has 3 frames, not one {number}"


def test_frames_whose_names_follow_from_their_numbers(tmp_path: Path) -> None:
    """Also where nobody says how many there are; a gap is not passed over."""
    folder = write_images(tmp_path / "clip", [f"{k}.jpg" for k in range(7, 12)])
    (folder / "groundtruth.txt").write_text("")
    (folder / "cover12.jpg").write_bytes(b"not of the numbers")
    for count in (None, 5):
        source = NumberedFrames(folder, first=7, digits=1, count=count)
        assert len(source) == 5
        assert [index_of(frame) for frame in source] == list(range(5))
        assert index_of(source.frame(3)) == 3
        with pytest.raises(IndexError, match="has 5 frames, not one 5"):
            source.frame(5)
    (folder / "9.jpg").unlink()
    source = NumberedFrames(folder, first=7, digits=1)
    assert len(source) == 5
    frames, error = until_error(source)
    assert len(frames) == 2
    assert isinstance(error, SourceEndedEarly)
    assert "stopped after 2 of 5 frames: cannot read image" in str(error)
    with pytest.raises(FrameError, match="cannot list folder"):
        len(NumberedFrames(tmp_path / "none", first=0, digits=1))
