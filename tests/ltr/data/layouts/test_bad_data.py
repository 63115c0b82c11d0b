"""What is wrong with data on disk is said in one line."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import cv2
import data_trees as trees
import numpy as np
import pytest
from data_trees import WRITERS, opened, refusal

import ltr.data.layouts.masks
from ltr.data.configuration import Layout, Part
from ltr.data.layouts import open_store
from ltr.errors import DataError, FrameError


def test_names_that_lead_out_of_the_data(tmp_path: Path) -> None:
    trees.write_got10k(tmp_path / "set")
    (tmp_path / "set" / "list.txt").write_text("GOT-10k_Train_000001\n../secret\n")
    assert refusal(tmp_path, "got10k") == (
        "SET/list.txt, line 2: '../secret' is no name of a sequence, which lies beside the list: fetch the list again"
    )


def test_lasot_that_contradicts_itself(tmp_path: Path) -> None:
    trees.write_lasot(tmp_path / "set")
    flags = tmp_path / "set" / "dog" / "dog-1" / "out_of_view.txt"
    flags.write_text("0,0,1")
    assert refusal(tmp_path, "lasot") == (
        "SET/dog/dog-1/out_of_view.txt speaks of 3 frames, the boxes beside it of 4: fetch both again"
    )
    flags.write_text("0,2,1,0")
    assert refusal(tmp_path, "lasot") == (
        "SET/dog/dog-1/out_of_view.txt, line 1: '2' is not a number from 0 to 1"
    )
    flags.unlink()
    assert refusal(tmp_path, "lasot") == (
        "cannot read SET/dog/dog-1/out_of_view.txt: No such file or directory"
    )


@pytest.mark.parametrize("layout", WRITERS)
def test_paths_that_are_no_data(tmp_path: Path, layout: Layout) -> None:
    with pytest.raises(DataError) as caught:
        open_store(Part(layout=layout), tmp_path)
    assert str(caught.value) == (
        f"part 'videos' of the data has no path: give its folder below {tmp_path}, or '.'"
    )
    rest = "give part 'part' of the data the path of its folder"
    assert refusal(tmp_path, layout) == f"SET is not there: {rest}"
    (tmp_path / "set").write_text("")
    assert refusal(tmp_path, layout) == f"SET is a file, not a folder: {rest}"


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (
            "videos",
            "no track in SET: layout videos is NAME.mp4 with NAME.txt; is another one meant?",
        ),
        (
            "folders",
            "no track in SET: layout folders is NAME/groundtruth.txt with images; is another one meant?",
        ),
        (
            "lasot",
            "no track in SET: layout lasot is CLASS/CLASS-NUMBER/groundtruth.txt; is another one meant?",
        ),
        ("got10k", "cannot read SET/list.txt: No such file or directory"),
        (
            "trackingnet",
            "no track in SET: layout trackingnet is TRAIN_0/anno/NAME.txt; is another one meant?",
        ),
        (
            "coco",
            "SET must hold annotations.json or one annotations/instances_SET.json, but has neither: give a folder of one set",
        ),
        ("objects", "cannot read annotations SET/objects.json: No such file or directory"),
    ],
)
def test_empty_folders(tmp_path: Path, layout: Layout, message: str) -> None:
    (tmp_path / "set").mkdir()
    assert refusal(tmp_path, layout) == message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "1,2,3,4\n",
            "SET/b.txt has 1 lines, but SET/b.mp4 has 3 frames: write one line a frame, nan,nan,nan,nan where the target is absent",
        ),
        ("1,2,3,4\n1,2,x,4\n", "SET/b.txt, line 2: '1,2,x,4' is not a box x,y,w,h"),
    ],
)
def test_boxes_that_are_wrong(tmp_path: Path, lines: str, message: str) -> None:
    trees.write_videos(tmp_path / "set")
    (tmp_path / "set" / "b.txt").write_text(lines)
    assert refusal(tmp_path, "videos") == message


def test_a_video_that_does_not_open(tmp_path: Path) -> None:
    trees.write_videos(tmp_path / "set")
    (tmp_path / "set" / "b.mp4").write_bytes(b"nonsense" * 99)
    assert refusal(tmp_path, "videos") == (
        "video SET/b.mp4 cannot be opened: it is no video, or cut off or damaged, fetch it again"
    )


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "SET/objects.json is broken JSON, line 1: Expecting value; fetch it again"),
        (
            '{"images":\n[}',
            "SET/objects.json is broken JSON, line 2: Expecting value; fetch it again",
        ),
        (DEEP, "SET/objects.json is no list of annotations: it is nested too deeply"),
        ("[1, 2]", "SET/objects.json holds a list of 2, not an object with names"),
        ("{}", "SET/objects.json: there is no 'images'"),
        ('{"images": {}}', "SET/objects.json: images is an object, not a list"),
        ('{"images": [7]}', "SET/objects.json, images 0: 7 is not an object with names"),
        (
            '{"images": []}',
            "no track in SET: layout objects is objects.json with images; is another one meant?",
        ),
    ],
    ids=range(8),
)
def test_json_that_is_broken(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "objects.json").write_text(text)
    assert refusal(tmp_path, "objects") == message


def test_json_of_bytes_and_of_endless_numbers(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for data in (b"\xff\xfe\xff", b'{"images": ' + b"1" * 5000 + b"}"):
        (tmp_path / "set" / "objects.json").write_bytes(data)
        assert refusal(tmp_path, "objects").startswith("SET/objects.json is broken JSON")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("bbox", [1, 2, 3], "SET/objects.json, images 1: bbox is a list of 3, not 4 numbers of pixels"),
        ("bbox", [1, 2, 3, 10**400], "SET/objects.json, images 1: bbox is a list of 4, not 4 numbers of pixels"),
        ("bbox", [1, 2, float("nan"), 4], "SET/objects.json, images 1: bbox is a list of 4, not 4 numbers of pixels"),
        ("width", "64", 'SET/objects.json, images 1: width is "64", not a whole number'),
        ("width", True, "SET/objects.json, images 1: width is true, not a whole number"),
        ("category", 3, "SET/objects.json, images 1: category is 3, not text"),
        ("file_name", "../../secret.png", 'SET/objects.json, images 1: file_name is "../../secret.png", not the name of a file below its folder'),
        ("mask", "/etc/passwd", 'SET/objects.json, images 1: mask is "/etc/passwd", not the name of a file below its folder'),
        ("name", "cup", "SET holds two tracks named 'cup': rename one of them"),
        ("borders_touched", ..., "SET/objects.json, images 1: there is no 'borders_touched'"),
    ],
)  # fmt: skip
def test_fields_that_are_wrong(tmp_path: Path, field: str, value: Any, message: str) -> None:
    trees.write_objects(tmp_path / "set")
    content = trees.objects_json()
    content["images"][1][field] = value
    if value is ...:
        del content["images"][1][field]
    (tmp_path / "set" / "objects.json").write_text(json.dumps(content))
    assert refusal(tmp_path, "objects") == message


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("image_id", 9, "SET/annotations.json, annotations 4: image_id 9 is not among the images"),
        ("category_id", 9, "SET/annotations.json, annotations 4: category_id 9 is not among the categories"),
        ("segmentation", [[1, 2, "x", 4]], "SET/annotations.json, annotations 4: segmentation holds a polygon that is no list of x,y,x,y and so on"),
        ("segmentation", [[1, 2, 3]], "SET/annotations.json, annotations 4: segmentation holds a polygon that is no list of x,y,x,y and so on"),
    ],
)  # fmt: skip
def test_coco_that_contradicts_itself(tmp_path: Path, field: str, value: Any, message: str) -> None:
    trees.write_coco(tmp_path / "set")
    content = trees.coco_json()
    content["annotations"][4][field] = value
    (tmp_path / "set" / "annotations.json").write_text(json.dumps(content))
    assert refusal(tmp_path, "coco") == message


def test_pictures_and_masks_of_another_size(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    trees.write_objects(folder)
    trees.write_picture(folder / "cup.png", 70, (trees.H, 60))
    trees.write_picture(folder / "cup_mask.png", 0, (trees.H, 63))
    store = opened(tmp_path, "objects")
    with pytest.raises(FrameError) as unreadable:
        store.frame(0, 0)
    assert str(unreadable.value) == (
        f"image {folder}/cup.png is 60 x 48 pixels, its annotation says 64 x 48: fetch it again"
    )
    with pytest.raises(DataError) as wrong:
        store.mask(0, 0)
    assert str(wrong.value) == (
        f"mask {folder}/cup_mask.png is 63 x 48 pixels, its picture 64 x 48: fetch both again"
    )


def png(size_hw: tuple[int, int]) -> bytes:
    return cv2.imencode(".png", np.zeros(size_hw, np.uint8))[1].tobytes()


def archived(data: bytes, method: int = zipfile.ZIP_DEFLATED, password: bool = False) -> bytes:
    """A zip file whose first mask is `data`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("00000.png", data)
    made = bytearray(buffer.getvalue())
    if password:  # the flag of the entry, and that of the table
        made[6] |= 1
        made[made.index(b"PK\x01\x02") + 8] |= 1
    return bytes(made)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


BOMB = png((48, 64))[:16] + struct.pack(">II", 2**20, 2**20) + png((48, 64))[24:]
BAD_ARCHIVES = {
    "empty": (b"", FrameError, "ZIP is damaged or no zip file (File is not a zip file)"),
    "cut": (archived(png((48, 64)))[:-30], FrameError, "ZIP is damaged or no zip file"),
    "flipped": (flipped(archived(png((48, 64))), 60), FrameError, "ZIP is damaged or no zip file"),
    "secret": (
        archived(png((48, 64)), password=True),
        FrameError,
        "packed in a way that is not read: pack it by deflate, without a password",
    ),
    "text": (archived(b"no picture"), FrameError, "ZIP/00000.png is no PNG"),
    "header alone": (archived(png((48, 64))[:20]), DataError, "ZIP/00000.png is 64 x 0 pixels"),
    "no pixels": (archived(png((48, 64))[:40]), FrameError, "ZIP/00000.png is in no format"),
    "unpacks to much": (archived(bytes(10**6)), FrameError, "ZIP/00000.png unpacks to 1000000"),
    "promises much": (archived(BOMB), DataError, "ZIP/00000.png is 1048576 x 1048576 pixels"),
    "another size": (archived(png((48, 63))), DataError, "ZIP/00000.png is 63 x 48 pixels"),
    "slow": (archived(png((48, 64)), zipfile.ZIP_LZMA), FrameError, "packed in a way that is not"),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_bad_archives_of_masks(tmp_path: Path, name: str) -> None:
    data, kind, message = BAD_ARCHIVES[name]
    trees.write_videos(tmp_path / "set")
    path = tmp_path / "set" / "masks" / "b.zip"
    path.parent.mkdir()
    path.write_bytes(data)
    store = opened(tmp_path, "videos")
    with pytest.raises(kind) as refused:
        store.mask(1, 0)
    text = str(refused.value)
    assert message.replace("ZIP", str(path)) in text
    assert "\n" not in text
    assert store.mask(0, 0) is None
    assert [entry.name for entry in path.parent.iterdir()] == ["b.zip"]


def test_an_archive_of_masks_that_is_too_large_or_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.write_videos(tmp_path / "set")
    path = tmp_path / "set" / "masks" / "b.zip"
    trees.write_mask_archive(path, 1)
    store = opened(tmp_path, "videos")
    monkeypatch.setattr(ltr.data.layouts.masks, "LARGEST_ARCHIVE", 100)
    with pytest.raises(FrameError, match=r"b.zip is larger than 0 MB: pack the masks of one video"):
        store.mask(1, 0)
    path.unlink()
    path.mkdir()
    with pytest.raises(FrameError, match=r"cannot read .*b.zip: Is a directory"):
        store.mask(1, 0)
