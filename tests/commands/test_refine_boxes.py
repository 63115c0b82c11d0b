"""`ltr regress detection` and `ltr refine-boxes` as a user calls them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pytest

from ltr.checkpoints import find_network
from ltr.cli import main
from ltr.regress.detection import experiment
from ltr.regress.detection.training import Training

BOXES = [[10.0, 8.0, 40.0, 30.0], [50.0, 20.0, 30.0, 36.0]]
TRAIN = ["regress", "detection", ".", "--network", "imagenet_mobile", "--output", "run"]
TRAIN += ["--epochs", "12", "--samples", "3"]
NETWORK = "run/nce_plus-seed0/network.safetensors"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures with two things each, and a network that has seen them a few times."""
    folder = tmp_path_factory.mktemp("detection")
    random = np.random.default_rng(0)
    images = []
    for number in range(1, 11):
        picture = random.integers(0, 60, (64, 96, 3), dtype=np.uint8)
        for x, y, w, h in BOXES:
            picture[int(y) : int(y + h), int(x) : int(x + w)] += 120
        assert cv2.imwrite(str(folder / f"{number}.png"), picture)
        images.append({"id": number, "file_name": f"{number}.png", "width": 96, "height": 64})
    things = [
        {"image_id": image["id"], "category_id": 4 + place, "bbox": box}
        for image in images
        for place, box in enumerate(BOXES)
    ]
    categories = [{"id": 4, "name": "cat"}, {"id": 5, "name": "dog"}, {"id": 6, "name": "fox"}]
    tree = {"images": images, "categories": categories, "annotations": things}
    (folder / "annotations.json").write_text(json.dumps(tree))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(TRAIN) == 0
    return folder


@pytest.fixture
def place(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained)
    return trained


def test_the_table_is_of_photographs_left_out(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(TRAIN) == 0  # all is there
    out = capsys.readouterr()
    assert out.err == "all are there\n"
    assert out.out == (place / "run" / "table.md").read_text()
    (line,) = out.out.splitlines()[2:]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:4] == ["NCE+", "1", "12", "3"]
    result = json.loads((place / "run" / "nce_plus-seed0" / "result.json").read_text())
    assert cells[4] == f"{result['iou_before']:.3f} -> {result['iou_after']:.3f}"
    assert 0 < result["ap50_before"] <= 1
    assert not (place / "run" / "nce_plus-seed0" / "state.safetensors").exists()
    assert main(["regress", "report", "run"]) == 2
    assert capsys.readouterr().err == (
        "ltr: run has results of `ltr regress detection`, none of `ltr regress`: its table is in "
        "table.md\n"
    )
    assert main([*TRAIN, "--network", "imagenet19"]) == 2
    assert "unknown network 'imagenet19': did you mean imagenet18" in capsys.readouterr().err
    assert main(["regress", "detection", "nowhere", *TRAIN[3:]]) == 2
    assert capsys.readouterr().err == (
        f"ltr: annotations {place / 'nowhere'} do not exist: give COCO's file, or its folder\n"
    )
    assert main([*TRAIN, "--network", "imagenet18"]) == 2
    assert "is of network 'imagenet_mobile', not 'imagenet18': give" in capsys.readouterr().err
    assert main([*TRAIN, "--epochs", "2"]) == 2
    assert "is of epochs 12, not 2: give another --output, or delete it" in capsys.readouterr().err


def test_boxes_are_refined_and_all_else_stays(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [
        {"image_id": 3, "category_id": 4, "bbox": [12, 9, 40, 30], "score": 0.25},
        {"image_id": 2, "category_id": 6, "bbox": [50, 22, 30, 30], "score": 1},
        {"image_id": 3, "category_id": 5, "bbox": [52, 22, 30, 30], "score": 0.5},
    ]
    detections = tmp_path / "results.json"
    detections.write_text(json.dumps(given))
    assert main(["refine-boxes", ".", str(detections), "--network", NETWORK]) == 0
    written = tmp_path / "results-refined.json"
    assert capsys.readouterr().out == f"{written}\n"
    found = json.loads(written.read_text())
    for before, after in zip(given, found, strict=True):
        assert all(after[key] == before[key] for key in ("image_id", "category_id", "score"))
        assert after["bbox"] != before["bbox"]
        assert np.isfinite([*after["bbox"], after["log_energy"]]).all()


def test_boxes_of_unknown_categories_stay_as_they_are(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = {"image_id": 3, "category_id": 4, "bbox": [12.0, 9.0, 40.0, 30.0], "score": 0.25}
    path, written = tmp_path / "results.json", tmp_path / "results-refined.json"
    end = "none that the network was trained on\n"
    for others, line in (
        ([{**box, "category_id": 9}], f"1 of 3 boxes kept as it was: category 9 is {end}"),
        (
            [{**box, "category_id": 9}, {**box, "category_id": 7, "image_id": 11}],
            f"2 of 4 boxes kept as they were: categories 7, 9 are {end}",
        ),
    ):
        path.write_text(json.dumps([box, *others, box]))
        assert main(["refine-boxes", ".", str(path), "--network", NETWORK]) == 0
        assert capsys.readouterr().err == line
        first, *kept, last = json.loads(written.read_text())
        assert kept == others
        assert first == last
        assert "log_energy" in first


def test_average_precision_before_and_after(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the annotations of all photographs: two of ten boxes of each of two categories are found at most."""
    given = [
        {"image_id": image, "category_id": 4 + k, "bbox": box, "score": 0.5}
        for image in (1, 2)
        for k, box in enumerate(BOXES)
    ]
    detections = tmp_path / "results.json"
    detections.write_text(json.dumps(given))
    words = ["refine-boxes", ".", str(detections), "--network", NETWORK, "--annotations"]
    assert main([*words, "annotations.json"]) == 0
    head, _, before, after, path = capsys.readouterr().out.splitlines()
    assert head == "|  | AP | AP50 | AP75 |"
    # precision is 1 up to a recall of two of ten, at 21 of 101 points
    assert before == "| before | 0.208 | 0.208 | 0.208 |"
    assert after.startswith("| after | ")
    assert path == str(tmp_path / "results-refined.json")
    tree = json.loads(Path("annotations.json").read_text())
    tree["images"] = tree["images"][1:]
    (tmp_path / "other.json").write_text(json.dumps(tree))
    assert main([*words, str(tmp_path / "other.json")]) == 2
    assert capsys.readouterr().err == (
        f"ltr: image 1 of the detections is not among those of {tmp_path / 'other.json'}\n"
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"image_id": 11}, "image 11 of the detections is not among those of ."),
        ({"bbox": [1, 2, 3, -4]}, "has no size: give x, y, width, height in pixels"),
    ],
)
def test_bad_detections_are_refused(
    place: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object],
    line: str,
) -> None:
    detection = {"image_id": 3, "category_id": 4, "bbox": [12, 9, 40, 30], "score": 0.25, **change}
    path = tmp_path / "results.json"
    path.write_text(json.dumps([detection]))
    assert main(["refine-boxes", ".", str(path), "--network", NETWORK]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1
    assert not (tmp_path / "results-refined.json").exists()


def test_the_network_of_the_other_command(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", NETWORK]) == 2
    assert capsys.readouterr().err == (
        f"ltr: network file {NETWORK} is none: it is a box energy of ltr regress detection, for "
        "ltr refine-boxes\n"
    )
    network = find_network("imagenet_mobile").path
    assert main(["refine-boxes", ".", "none.json", "--network", str(network)]) == 2
    line = f"ltr: box energy {network} is none: it is a tracker's network\n"
    assert capsys.readouterr().err == line


def test_an_interrupt_keeps_the_steps(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    learn, words = Training.learn, [*TRAIN, "--epochs", "4", "--output", "stopped"]

    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        Training, "learn", lambda self: learn(self) if self.step < 2 else interrupted()
    )
    assert main(words) == 130
    assert (place / "stopped" / "nce_plus-seed0" / "state.safetensors").exists()
    begun = []
    monkeypatch.setattr(Training, "learn", lambda self: begun.append(self.step) or learn(self))
    with monkeypatch.context() as patch:
        patch.setattr(experiment, "choose_step", interrupted)
        assert main(words) == 130
    assert main(words) == 0
    assert begun == [2, 3]


def test_mistakes_are_told_before_the_training(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--objective", "nce_pls"]) == 2
    assert "unknown objective 'nce_pls': did you mean nce_plus?" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    assert main([*TRAIN, "--output", "other"]) == 2
    assert "pip install pycocotools (the extra regress)" in capsys.readouterr().err
