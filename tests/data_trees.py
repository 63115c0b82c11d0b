"""Tiny data sets on disk, one of each layout."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ltr.data.configuration import Layout, Part
from ltr.data.layouts import open_store
from ltr.data.store import Store
from ltr.errors import DataError

H, W = 48, 64
BOXES = [[4.0, 5.0, 20.0, 10.0], [np.nan] * 4, [6.0, 7.0, 20.0, 10.0]]
"""Of three frames; the target is absent in the middle one."""
MASK_BOX = (8, 6, 24, 30)


def picture(shade: int) -> NDArray[np.uint8]:
    """A frame without structure, told by its shade."""
    return np.full((H, W, 3), shade, np.uint8)


def shade_of(frame: NDArray[np.uint8]) -> int:
    return round(float(frame.mean()))


def write_picture(path: Path, shade: int, size_hw: tuple[int, int] = (H, W)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*size_hw, 3), shade, np.uint8))


def write_boxes(path: Path, boxes: Sequence[Sequence[float]] = BOXES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(f"{value:g}" for value in box) + "\n" for box in boxes))


def write_video(path: Path, shades: Sequence[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (W, H))
    for shade in shades:
        writer.write(picture(shade))
    writer.release()


def write_videos(folder: Path) -> None:
    """Two clips of three frames with shades 20, 30, 40 and 120, 130, 140; the first has a
    category."""
    for name, first in (("a_cat", 20), ("b", 120)):
        write_video(folder / f"{name}.mp4", [first, first + 10, first + 20])
        write_boxes(folder / f"{name}.txt")
    clips = {"a_cat": {"target": "cat", "left_out": False}, "b": {"left_out": True}}
    (folder / "clips.json").write_text(json.dumps(clips))


def write_mask_archive(path: Path, frames: int) -> NDArray[np.uint8]:
    """A mask a frame, which moves by a pixel, and what nobody asks for; returns the first one."""
    mask = np.zeros((H, W), np.uint8)
    x, y, w, h = MASK_BOX
    mask[y : y + h, x : x + w] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../00000.png", b"outside")
        for number in range(frames):
            png = cv2.imencode(".png", np.roll(mask, number, axis=1))[1].tobytes()
            archive.writestr(f"{number:05d}.png", png)
    return mask


def coco_json() -> dict[str, Any]:
    """Two photographs; in the first two things, a crowd and a box without area, in the second one
    thing with a polygon."""
    things: list[dict[str, Any]] = [
        {"image_id": 1, "bbox": [8, 6, 24, 30], "category_id": 3},
        {"image_id": 1, "bbox": [0, 6, 24, 30], "category_id": 4, "iscrowd": 0},
        {"image_id": 1, "bbox": [0, 6, 24, 30], "category_id": 4, "iscrowd": 1},
        {"image_id": 1, "bbox": [0, 6, 0.5, 30], "category_id": 4},
        {
            "image_id": 2,
            "bbox": [8, 6, 24, 30],
            "category_id": 3,
            "segmentation": [[8, 6, 32, 6, 32, 36, 8, 36]],
        },
    ]
    return {
        "images": [
            {"id": 1, "file_name": "jpg/one.png", "width": W, "height": H},
            {"id": 2, "file_name": "jpg/two.png", "width": W, "height": H},
        ],
        "annotations": [{"id": 10 + k, **thing} for k, thing in enumerate(things)],
        "categories": [{"id": 3, "name": "dog"}, {"id": 4, "name": "car"}],
    }


def write_coco(folder: Path) -> None:
    write_picture(folder / "jpg" / "one.png", 50)
    write_picture(folder / "jpg" / "two.png", 60)
    (folder / "annotations.json").write_text(json.dumps(coco_json()))


def objects_json() -> dict[str, Any]:
    files = [
        {"name": name, "file_name": f"{name}.png", "mask": f"{name}_mask.png"}
        for name in ("cup", "thing")
    ]
    rest = {"width": W, "height": H, "bbox": list(MASK_BOX)}
    return {
        "images": [
            {**files[0], **rest, "category": "cup", "borders_touched": 0},
            {**files[1], **rest, "category": None, "borders_touched": 1},
        ]
    }


def write_objects(folder: Path) -> None:
    x, y, w, h = MASK_BOX
    mask = np.zeros((H, W), np.uint8)
    mask[y : y + h, x : x + w] = 255
    for name, shade in (("cup", 70), ("thing", 80)):
        write_picture(folder / f"{name}.png", shade)
        assert cv2.imwrite(str(folder / f"{name}_mask.png"), mask)
    (folder / "objects.json").write_text(json.dumps(objects_json()))


def write_folders(folder: Path) -> None:
    """Three frames in a folder, in its img, and a level further down; numbers without zeros."""
    for way, images, shade in (("a", "a", 20), ("b", "b/img", 60), ("set/c", "set/c", 120)):
        for number in range(3):
            write_picture(folder / images / f"{9 + number}.png", shade + 10 * number)
        write_boxes(folder / way / "groundtruth.txt")


def write_lasot(folder: Path) -> None:
    """Two sequences of four frames; of the first, one frame is hidden and one out of view. Stray
    files lie about."""
    boxes = [[1, 2, 3, 4], [2, 2, 3, 4], [3, 2, 3, 4], [0, 0, 0, 0]]
    for name, shade in (("cat-2", 20), ("dog-1", 60)):
        path = folder / name.split("-")[0] / name
        for number in range(4):
            write_picture(path / "img" / f"{number + 1:08d}.jpg", shade + 10 * number)
        write_boxes(path / "groundtruth.txt", boxes)
        (path / "full_occlusion.txt").write_text("0,1,0,0" if name == "cat-2" else "0,0,0,0")
        (path / "out_of_view.txt").write_text("0,0,1,0\n" if name == "cat-2" else "0,0,0,0")
    (folder / "readme.txt").write_text("stray")
    (folder / "cat" / "cat-3.zip").write_text("stray")
    (folder / "tools").mkdir()
    (folder / "tools" / "notes").mkdir()


def write_got10k(folder: Path) -> None:
    """Three sequences of three frames; in the first, one frame is absent and one wholly covered.
    The last has no meta_info.ini."""
    names = [f"GOT-10k_Train_{number:06d}" for number in (1, 2, 3)]
    for at, name in enumerate(names):
        for number in range(3):
            write_picture(folder / name / f"{number + 1:08d}.jpg", 40 * at + 10 * number)
        write_boxes(folder / name / "groundtruth.txt", [[1, 2, 3, 4]] * 3)
        (folder / name / "absence.label").write_text("0\n1\n0\n" if at == 0 else "0\n0\n0\n")
        (folder / name / "cover.label").write_text("8\n8\n0\n" if at == 0 else "8\n1\n4\n")
        if at < 2:
            meta = "[METAINFO]\nurl: x\nobject_class: bear\nmotion_class: walking\n"
            (folder / name / "meta_info.ini").write_text(meta)
    (folder / "list.txt").write_text("\n".join(names) + "\n")


def write_trackingnet(folder: Path) -> None:
    """Two parts of one video each, of eleven frames: 10.jpg comes after 9.jpg."""
    for part, name, shade in (("TRAIN_0", "zeta", 10), ("TRAIN_1", "alpha", 120)):
        for number in range(11):
            write_picture(folder / part / "frames" / name / f"{number}.jpg", shade + 10 * number)
        write_boxes(folder / part / "anno" / f"{name}.txt", [[1, 2, 3, 4]] * 10 + [[1, 2, 0, 0]])
        (folder / part / "zips").mkdir()
    (folder / "TRAIN_0.csv").write_text("stray")


WRITERS: dict[Layout, Callable[[Path], None]] = {
    "videos": write_videos,
    "folders": write_folders,
    "lasot": write_lasot,
    "got10k": write_got10k,
    "trackingnet": write_trackingnet,
    "coco": write_coco,
    "objects": write_objects,
}


def opened(root: Path, layout: Layout, names: str = "") -> Store:
    """The store of root/set, called "part"."""
    return open_store(Part(name="part", layout=layout, path="set", names=names), root)


def refusal(root: Path, layout: Layout, names: str = "") -> str:
    """The one line that opening root/set ends with."""
    with pytest.raises(DataError) as caught:
        opened(root, layout, names)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(root / "set"), "SET").replace(str(root), "ROOT")
