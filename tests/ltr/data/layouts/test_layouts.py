"""Every layout on disk becomes a store of its tracks and their pictures."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import cv2
import data_trees as trees
import numpy as np
import pytest
from data_trees import WRITERS, opened, refusal

import ltr.data.layouts.videos
from ltr.data.configuration import Layout, Part
from ltr.data.layouts import open_store
from ltr.data.store import Store
from ltr.errors import FrameError

NAN = [np.nan] * 4


def test_videos(tmp_path: Path) -> None:
    trees.write_videos(tmp_path / "set")
    (tmp_path / "set" / "alone.mp4").write_bytes(b"a video without boxes is no sequence")
    store = opened(tmp_path, "videos")
    assert store.name == "part"
    assert [(t.name, t.category) for t in store.tracks] == [("a_cat", "cat"), ("b", None)]
    cat = store.tracks[0]
    assert not cat.still
    assert not cat.pasteable
    np.testing.assert_array_equal(cat.boxes_xywh, np.float32(trees.BOXES))
    assert cat.visible.tolist() == [True, False, True]
    for track, number, shade in ((0, 2, 40), (1, 0, 120), (0, 0, 20), (1, 1, 130)):
        assert abs(trees.shade_of(store.frame(track, number)) - shade) <= 4
    assert store.mask(0, 0) is None
    with pytest.raises(FrameError, match="has 3 frames, not one 3"):
        store.frame(0, 3)


def test_masks_of_videos(tmp_path: Path) -> None:
    trees.write_videos(tmp_path / "set")
    mask = trees.write_mask_archive(tmp_path / "set" / "masks" / "b.zip", 3)
    store = pickle.loads(pickle.dumps(opened(tmp_path, "videos")))
    assert [track.pasteable for track in store.tracks] == [False, True]
    assert store.mask(0, 1) is None
    for number in (2, 0):
        np.testing.assert_array_equal(store.mask(1, number), np.roll(mask, number, axis=1))
    with pytest.raises(FrameError, match=r"archive .*b.zip has no 00003.png: fetch it again"):
        store.mask(1, 3)


def test_few_videos_are_open_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ltr.data.layouts.videos, "OPEN_VIDEOS", 2)
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
    assert [(t.name, t.category, t.pasteable, t.pictures) for t in store.tracks] == [
        ("one_10", "dog", False, "jpg/one.png"),
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
    assert [(t.name, t.category, t.pasteable, t.pictures) for t in store.tracks] == [
        ("cup", "cup", True, None),
        ("thing", None, False, None),
    ]
    assert trees.shade_of(store.frame(1, 0)) == 80
    mask = store.mask(0, 0)
    assert mask is not None
    assert cv2.boundingRect(mask) == trees.MASK_BOX
    assert set(np.unique(mask)) == {0, 255}


def test_folders(tmp_path: Path) -> None:
    trees.write_folders(tmp_path / "set")
    store = opened(tmp_path, "folders")
    assert [t.name for t in store.tracks] == ["a", "b", "set/c"]
    np.testing.assert_array_equal(store.tracks[1].boxes_xywh, np.float32(trees.BOXES))
    shades = [[trees.shade_of(store.frame(t, k)) for k in range(3)] for t in range(3)]
    assert shades == [[20, 30, 40], [60, 70, 80], [120, 130, 140]]
    assert store.mask(2, 0) is None
    with pytest.raises(FrameError, match="sequence set/c has no frame 3"):
        store.frame(2, 3)
    (tmp_path / "names.txt").write_text("set\n")  # a folder of sequences
    assert [t.name for t in opened(tmp_path, "folders", "names.txt").tracks] == ["set/c"]


def test_a_folder_may_be_the_sequence_itself(tmp_path: Path) -> None:
    trees.write_folders(tmp_path)
    store = open_store(Part(layout="folders", path="set/c"), tmp_path)
    assert [t.name for t in store.tracks] == ["c"]
    assert trees.shade_of(store.frame(0, 1)) == 130


def test_lasot(tmp_path: Path) -> None:
    trees.write_lasot(tmp_path / "set")
    store = opened(tmp_path, "lasot")
    assert [(t.name, t.category) for t in store.tracks] == [("cat-2", "cat"), ("dog-1", "dog")]
    assert store.tracks[0].visible.tolist() == [True, False, False, False]
    assert store.tracks[1].visible.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(
        store.tracks[0].boxes_xywh, np.float32([[1, 2, 3, 4], [2, 2, 3, 4], [3, 2, 3, 4], NAN])
    )
    assert [trees.shade_of(store.frame(1, k)) for k in (0, 3)] == [60, 90]
    (tmp_path / "names.txt").write_text("dog-1\n")
    assert [t.name for t in opened(tmp_path, "lasot", "names.txt").tracks] == ["dog-1"]


def test_broken_boxes_of_lasot_are_no_reason_to_refuse_it(tmp_path: Path) -> None:
    """It has some in frames where the target is said to be seen, such as tiger-6's 118th."""
    trees.write_lasot(tmp_path / "set")
    truth = tmp_path / "set" / "dog" / "dog-1" / "groundtruth.txt"
    truth.write_text("1,2,3,4\n613,731,247,-11\n1,1,-1,-1\n1,1,0,0\n")
    dog = opened(tmp_path, "lasot").tracks[1]
    assert dog.visible.tolist() == [True, False, False, False]
    assert np.isnan(dog.boxes_xywh[1:]).all()


def test_got10k(tmp_path: Path) -> None:
    trees.write_got10k(tmp_path / "set")
    store = opened(tmp_path, "got10k")
    first, second, third = store.tracks
    assert (first.name, first.category, third.category) == ("GOT-10k_Train_000001", "bear", None)
    assert first.visible.tolist() == [True, False, False]
    assert second.visible.all()
    assert [trees.shade_of(store.frame(k, 2)) for k in range(3)] == [20, 60, 100]
    (tmp_path / "names.txt").write_text("2\n0\n")  # lines of list.txt, from 0
    chosen = opened(tmp_path, "got10k", "names.txt")
    assert [t.name for t in chosen.tracks] == [first.name, third.name]
    (tmp_path / "names.txt").write_text("GOT-10k_Train_000002\n")
    assert [t.name for t in opened(tmp_path, "got10k", "names.txt").tracks] == [second.name]
    (tmp_path / "set" / first.name / "cover.label").write_text("8\n9\n0\n")
    assert refusal(tmp_path, "got10k") == (
        "SET/GOT-10k_Train_000001/cover.label, line 2: '9' is not a number from 0 to 8"
    )


def test_trackingnet(tmp_path: Path) -> None:
    trees.write_trackingnet(tmp_path / "set")
    store = opened(tmp_path, "trackingnet")
    assert [t.name for t in store.tracks] == ["zeta", "alpha"]
    assert store.tracks[0].visible.tolist() == [True] * 10 + [False]
    assert [trees.shade_of(store.frame(1, k)) for k in (0, 2, 10)] == [120, 140, 220]
    (tmp_path / "names.txt").write_text("TRAIN_1\n")
    assert [t.name for t in opened(tmp_path, "trackingnet", "names.txt").tracks] == ["alpha"]


def test_a_frame_that_is_not_there(tmp_path: Path) -> None:
    trees.write_trackingnet(tmp_path / "set")
    (tmp_path / "set" / "TRAIN_1" / "frames" / "alpha" / "4.jpg").unlink()
    store = opened(tmp_path, "trackingnet")
    with pytest.raises(FrameError, match=r"cannot read image .*/4.jpg \(No such file"):
        store.frame(1, 4)
    for number in (-1, 11):
        with pytest.raises(FrameError, match=f"sequence alpha has no frame {number}"):
            store.frame(1, number)


@pytest.mark.parametrize("layout", WRITERS)
def test_a_store_can_be_pickled_while_it_reads(tmp_path: Path, layout: Layout) -> None:
    WRITERS[layout](tmp_path / "set")
    store = opened(tmp_path, layout)
    store.frame(0, 0)
    again: Store = pickle.loads(pickle.dumps(store))
    assert [t.name for t in again.tracks] == [t.name for t in store.tracks]
    last = len(store.tracks[0].boxes_xywh) - 1
    np.testing.assert_array_equal(again.frame(0, last), store.frame(0, last))


def test_a_target_that_comes_later_can_be_learned_from(tmp_path: Path) -> None:
    trees.write_video(tmp_path / "set" / "late.mp4", [1, 2])
    trees.write_boxes(tmp_path / "set" / "late.txt", [NAN, [1, 2, 0, 4]])
    (track,) = opened(tmp_path, "videos").tracks
    assert not track.visible.any()
    assert np.isnan(track.boxes_xywh).all()  # a box without area is no box


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
        refusal(tmp_path, "videos", "names.txt")
        == "ROOT/names.txt is empty: there must be a line of text in it"
    )
    assert refusal(tmp_path, "videos", "no.txt") == (
        "cannot read ROOT/no.txt: No such file or directory"
    )


def test_the_shared_material(shared: Path) -> None:
    def part(layout: Layout, path: str) -> Store:
        return open_store(Part(name=path, layout=layout, path=path), shared / "data")

    clips, photographs, objects = (
        part("videos", "train"),
        part("coco", "images"),
        part("objects", "objects"),
    )
    assert len(part("folders", "val").tracks) == 10
    assert len(clips.tracks) == 137
    assert sum(len(track.boxes_xywh) for track in clips.tracks) == 15734
    assert all(track.category for track in clips.tracks)
    assert sum(track.pasteable for track in clips.tracks) == 22
    assert len(photographs.tracks) == 2036
    assert len({track.pictures for track in photographs.tracks}) == 628
    assert len(objects.tracks) == 1728
    assert sum(track.pasteable for track in objects.tracks) == 1485
    assert sum(track.category is None for track in objects.tracks) == 401
    for number in range(0, 1728, 200):  # the box of an object is the tight box of its mask
        mask = objects.mask(number, 0)
        assert mask is not None
        assert mask.shape == objects.frame(number, 0).shape[:2]
        np.testing.assert_array_equal(cv2.boundingRect(mask), objects.tracks[number].boxes_xywh[0])
