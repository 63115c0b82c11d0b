"""COCO's files: what is read, and what is told of bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ltr.errors import DataError
from ltr.regress.detection.coco import (
    Detection,
    photograph_files,
    read_coco,
    read_detections,
    write_detections,
)

IMAGE = {"id": 7, "file_name": "a.jpg", "width": 64, "height": 48}
CATEGORY = {"id": 3, "name": "cat"}
THING = {"image_id": 7, "category_id": 3, "bbox": [1, 2, 10.5, 20], "iscrowd": 0}


def annotations(folder: Path, **changes: Any) -> Path:
    tree = {"images": [IMAGE], "categories": [CATEGORY], "annotations": [THING], **changes}
    path = folder / "annotations.json"
    path.write_text(json.dumps(tree))
    return path


def test_annotations_are_read_without_crowds_and_empty_boxes(tmp_path: Path) -> None:
    crowd, empty = {**THING, "iscrowd": 1}, {**THING, "bbox": [1, 2, 0, 20]}
    annotations(tmp_path, annotations=[crowd, THING, empty])
    found = read_coco(tmp_path)
    assert found.photographs[0] == (7, tmp_path / "a.jpg", (48, 64))
    assert found.categories == {3: "cat"}
    assert found.things == ((7, 3, (1, 2, 10.5, 20)),)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"annotations": [{**THING, "image_id": 8}]}, "image_id 8 is not among the images"),
        ({"annotations": [{**THING, "category_id": 1}]}, "category_id 1 is not among the categ"),
        ({"annotations": [{**THING, "bbox": [1, 2, 3]}]}, "bbox is .* not 4 numbers"),
        ({"annotations": []}, "no annotations of things"),
        ({"images": [{**IMAGE, "file_name": "../a.jpg"}]}, "file_name"),
        ({"categories": {}}, "categories is an object, not a list"),
    ],
)
def test_bad_annotations_are_told_in_a_line(
    tmp_path: Path, changes: dict[str, Any], line: str
) -> None:
    path = annotations(tmp_path, **changes)
    with pytest.raises(DataError, match=line) as told:
        read_coco(path)
    assert "annotations.json" in str(told.value)
    assert "\n" not in str(told.value)


def test_detections_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    both = [Detection(7, 3, (1.0, 2.0, 3.5, 4.0), 0.75), Detection(7, 3, (1, 2, 3, 4), 1, -2.5)]
    write_detections(path, both)
    assert json.loads(path.read_text())[1]["log_energy"] == -2.5
    assert read_detections(path) == [both[0], Detection(7, 3, (1, 2, 3, 4), 1)]


DETECTION = {"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([{**DETECTION, "bbox": [1, 2, 0, 4]}], "detection 0: bbox .* has no size"),
        ([DETECTION, {**DETECTION, "score": None}], "detection 1: score is missing$"),
        (
            [{"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4]}],
            "detection 0: score is missing$",
        ),
        ([{**DETECTION, "score": "high"}], "detection 0: score is 'high', not a number"),
        ([{"image_id": 7}], "there is no 'bbox'"),
        ({"detections": []}, "is no list of detections"),
        ([3], "detection 0: 3 is not an object"),
    ],
)
def test_bad_detections_are_told_in_a_line(tmp_path: Path, values: object, line: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(values))
    with pytest.raises(DataError, match=line):
        read_detections(path)


def test_broken_and_missing_detections(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("[{")
    with pytest.raises(DataError, match="broken JSON"):
        read_detections(tmp_path / "results.json")
    with pytest.raises(DataError, match="cannot read detections"):
        read_detections(tmp_path / "other.json")


def test_photographs_are_found_by_annotations_or_by_name(tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.mkdir()
    (named / "000000000042.jpg").touch()
    assert photograph_files(named, [42]) == {42: named / "000000000042.jpg"}
    with pytest.raises(DataError, match="image 41 of the detections is not among those"):
        photograph_files(named, [41])
    path = annotations(tmp_path)
    with pytest.raises(DataError, match=r"image 7: file .*a\.jpg does not exist"):
        photograph_files(tmp_path, [7])
    (tmp_path / "a.jpg").touch()
    assert photograph_files(path, [7]) == {7: tmp_path / "a.jpg"}
    with pytest.raises(DataError, match="do not exist"):
        photograph_files(tmp_path / "none", [7])
