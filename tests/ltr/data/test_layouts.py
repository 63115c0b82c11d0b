"""Every layout on disk becomes a store: its tracks, its pictures, and what is wrong with it in one line."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import data_trees as trees
import numpy as np
import pytest

import ltr.data.videos
from ltr.data.configuration import Layout, Part
from ltr.data.layouts import open_store
from ltr.data.store import Store
from ltr.errors import DataError, FrameError

NAN = [np.nan] * 4


def opened(root: Path, layout: Layout, names: str = "") -> Store:
    return open_store(Part(name="part", layout=layout, path="set", names=names), root)


def refusal(root: Path, layout: Layout, names: str = "") -> str:
    with pytest.raises(DataError) as caught:
        opened(root, layout, names)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(root / "set"), "SET").replace(str(root), "ROOT")


def test_videos(tmp_path: Path) -> None:
    trees.write_videos(tmp_path / "set")
    (tmp_path / "set" / "alone.mp4").write_bytes(b"a video without boxes is no sequence")
    store = opened(tmp_path, "videos")
    assert store.name == "part"
    assert [(t.name, t.category) for t in store.tracks] == [("a_cat", "cat"), ("b", None)]
    cat = store.tracks[0]
    assert not cat.still
    assert cat.complete
    np.testing.assert_array_equal(cat.boxes_xywh, np.float32(trees.BOXES))
    assert cat.visible.tolist() == [True, False, True]
    for track, number, shade in ((0, 2, 40), (1, 0, 120), (0, 0, 20), (1, 1, 130)):
        assert abs(trees.shade_of(store.frame(track, number)) - shade) <= 4
    assert store.mask(0, 0) is None
    with pytest.raises(FrameError, match="has 3 frames, not one 3"):
        store.frame(0, 3)


def test_few_videos_are_open_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ltr.data.videos, "OPEN_VIDEOS", 2)
    for k in range(4):
        trees.write_video(tmp_path / "set" / f"{k}.mp4", [20 * k, 20 * k + 10])
        trees.write_boxes(tmp_path / "set" / f"{k}.txt", trees.BOXES[:2])
    store = opened(tmp_path, "videos")
    descriptors = Path("/proc/self/fd")

    def open_videos() -> list[str]:
        links = [entry.readlink().name for entry in descriptors.iterdir() if entry.is_symlink()]
        return sorted(name for name in links if name.endswith(".mp4"))

    for track in (0, 1, 0, 2, 0, 3):
        assert abs(trees.shade_of(store.frame(track, 1)) - (20 * track + 10)) <= 4
    assert open_videos() == ["0.mp4", "3.mp4"]


def test_coco(tmp_path: Path) -> None:
    trees.write_coco(tmp_path / "set")
    store = opened(tmp_path, "coco")
    assert [(t.name, t.category, t.complete, t.pictures) for t in store.tracks] == [
        ("one_10", "dog", True, "jpg/one.png"),
        ("one_11", "car", False, "jpg/one.png"),
        ("two_14", "dog", True, "jpg/two.png"),
    ]
    assert all(t.still and t.visible.all() for t in store.tracks)
    np.testing.assert_array_equal(store.tracks[1].boxes_xywh, [[0, 6, 24, 30]])
    assert [trees.shade_of(store.frame(k, 0)) for k in range(3)] == [50, 50, 60]
    assert store.mask(0, 0) is None
    mask = store.mask(2, 0)
    assert mask is not None
    assert mask.shape == (trees.H, trees.W)
    assert set(np.unique(mask)) == {0, 255}
    # OpenCV fills every pixel that the outline touches, so a mask may be a pixel larger
    x, y, w, h = cv2.boundingRect(mask)
    assert np.abs(np.subtract((x, y, w, h), (8, 6, 24, 30))).max() <= 1


def test_coco_as_it_is_published(tmp_path: Path) -> None:
    annotations = tmp_path / "set" / "annotations"
    annotations.mkdir(parents=True)
    content = trees.coco_json()
    for image in content["images"]:
        image["file_name"] = Path(image["file_name"]).name
    (annotations / "instances_train2014.json").write_text(json.dumps(content))
    trees.write_picture(tmp_path / "set" / "images" / "train2014" / "one.png", 90)
    assert trees.shade_of(opened(tmp_path, "coco").frame(1, 0)) == 90
    (annotations / "instances_val2014.json").write_text("{}")
    assert refusal(tmp_path, "coco") == (
        "SET must hold annotations.json or one annotations/instances_SET.json, but has "
        "instances_train2014.json and instances_val2014.json: give a folder of one set"
    )


def test_objects(tmp_path: Path) -> None:
    trees.write_objects(tmp_path / "set")
    store = opened(tmp_path, "objects")
    assert [(t.name, t.category, t.complete, t.pictures) for t in store.tracks] == [
        ("cup", "cup", True, None),
        ("thing", None, False, None),
    ]
    assert trees.shade_of(store.frame(1, 0)) == 80
    mask = store.mask(0, 0)
    assert mask is not None
    assert cv2.boundingRect(mask) == trees.MASK_BOX
    assert set(np.unique(mask)) == {0, 255}


WRITERS: dict[Layout, Callable[[Path], None]] = {
    "videos": trees.write_videos,
    "coco": trees.write_coco,
    "objects": trees.write_objects,
}


@pytest.mark.parametrize("layout", WRITERS)
def test_a_store_can_be_pickled_while_it_reads(tmp_path: Path, layout: Layout) -> None:
    WRITERS[layout](tmp_path / "set")
    store = opened(tmp_path, layout)
    store.frame(0, 0)
    again: Store = pickle.loads(pickle.dumps(store))
    assert [t.name for t in again.tracks] == [t.name for t in store.tracks]
    last = len(store.tracks[0].boxes_xywh) - 1
    np.testing.assert_array_equal(again.frame(0, last), store.frame(0, last))


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


def test_a_target_that_comes_later_can_be_learned_from(tmp_path: Path) -> None:
    trees.write_video(tmp_path / "set" / "late.mp4", [1, 2])
    trees.write_boxes(tmp_path / "set" / "late.txt", [NAN, [1, 2, 0, 4]])
    (track,) = opened(tmp_path, "videos").tracks
    assert not track.visible.any()
    assert np.isnan(track.boxes_xywh).all()  # a box without area is no box


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
        f"mask {folder}/cup_mask.png is 63 x 48 pixels, its photograph 64 x 48: fetch both again"
    )


def test_a_list_of_names_limits_a_part(tmp_path: Path) -> None:
    trees.write_videos(tmp_path / "set")
    trees.write_coco(tmp_path / "set")
    (tmp_path / "names.txt").write_text("b\n\n")
    assert [t.name for t in opened(tmp_path, "videos", "names.txt").tracks] == ["b"]
    (tmp_path / "names.txt").write_text("two\none_11\n")  # a photograph, and one thing of another
    assert [t.name for t in opened(tmp_path, "coco", "names.txt").tracks] == ["one_11", "two_14"]
    (tmp_path / "names.txt").write_text("b\nc\nd\n")
    assert refusal(tmp_path, "videos", "names.txt") == (
        "2 of 3 names of ROOT/names.txt are not in SET, such as 'c': fetch them, or take them off the list"
    )
    (tmp_path / "names.txt").write_text("\n")
    assert (
        refusal(tmp_path, "videos", "names.txt") == "ROOT/names.txt holds no name: write one a line"
    )
    assert refusal(tmp_path, "videos", "no.txt") == (
        "cannot read names ROOT/no.txt: No such file or directory"
    )


def test_the_shared_material(shared: Path) -> None:
    def part(layout: Layout, path: str) -> Store:
        return open_store(Part(name=path, layout=layout, path=path), shared / "data")

    clips, photographs, objects = (
        part("videos", "train"),
        part("coco", "images"),
        part("objects", "objects"),
    )
    assert len(clips.tracks) == 137
    assert sum(len(track.boxes_xywh) for track in clips.tracks) == 15734
    assert all(track.category for track in clips.tracks)
    assert len(photographs.tracks) == 2036
    assert len({track.pictures for track in photographs.tracks}) == 628
    assert len(objects.tracks) == 1728
    assert sum(track.complete for track in objects.tracks) == 1485
    assert sum(track.category is None for track in objects.tracks) == 401
    for number in range(0, 1728, 200):  # the box of an object is the tight box of its mask
        mask = objects.mask(number, 0)
        assert mask is not None
        assert mask.shape == objects.frame(number, 0).shape[:2]
        np.testing.assert_array_equal(cv2.boundingRect(mask), objects.tracks[number].boxes_xywh[0])
