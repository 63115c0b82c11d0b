"""Which photographs and classes a box energy is trained on, and by what it is measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ltr.errors import ResultError
from ltr.geometry import iou
from ltr.regress.detection.average_precision import average_precision, truth_of
from ltr.regress.detection.coco import Annotated, Detection, Photograph, Thing, read_coco
from ltr.regress.detection.examples import classes_of, examples_of, noisy_boxes, split
from ltr.regress.detection.report import table
from ltr.regress.detection.results import Result, folder_of, read_results, write
from ltr.regress.detection.training import Plan

PHOTOGRAPHS = tuple(Photograph(10 + n, Path(f"{n}.jpg"), (48, 64)) for n in range(50))
BOX = (10.0, 5.0, 20.0, 30.0)


def test_photographs_are_split_without_overlap_by_the_seed() -> None:
    parts = split(PHOTOGRAPHS)
    assert [len(part) for part in parts] == [36, 4, 10]
    assert sorted(place for part in parts for place in part) == list(range(50))
    assert split(PHOTOGRAPHS) == parts
    assert split(PHOTOGRAPHS, seed=1) != parts


def test_rare_categories_are_one_class() -> None:
    things = [Thing(10, 3, BOX)] * 5 + [Thing(11, 8, BOX)] * 4
    annotated = Annotated(PHOTOGRAPHS, {8: "fox", 3: "cat", 5: "dog"}, tuple(things))
    classes = classes_of(annotated)
    assert classes.names == ("other", "cat")
    assert classes.of_category == {3: 1, 5: 0, 8: 0}
    examples = examples_of(annotated, classes, [1])
    assert examples.photograph.tolist() == [1] * 4
    assert examples.classes.tolist() == [0] * 4
    assert examples.boxes_xywh.tolist() == [list(BOX)] * 4


def test_the_shared_photographs(shared: Path) -> None:
    annotated = read_coco(shared / "data" / "images")
    classes = classes_of(annotated)
    assert len(annotated.categories) == 52
    assert len(classes.names) == 34
    assert sum(number == 0 for number in classes.of_category.values()) == 19
    left_out = examples_of(annotated, classes, split(annotated.photographs).left_out)
    assert len(left_out.photograph.unique()) <= 126
    noisy = noisy_boxes(left_out.boxes_xywh)
    assert float(iou(noisy, left_out.boxes_xywh).mean()) == pytest.approx(0.611, abs=0.01)


def test_average_precision_knows_its_thresholds(capsys: pytest.CaptureFixture[str]) -> None:
    things = [Thing(photograph.number, 3, BOX) for photograph in PHOTOGRAPHS[:4]]
    truth = truth_of(Annotated(PHOTOGRAPHS, {3: "cat", 4: "dog"}, tuple(things)), things)
    x, y, w, h = BOX
    for width, values in ((w, (1.0, 1.0, 1.0)), (0.62 * w, (0.3, 1.0, 0.0))):
        found = [Detection(thing.image, 3, (x, y, width, h), 1.0) for thing in things]
        assert average_precision(truth, found) == pytest.approx(values)
    wrong = [Detection(thing.image, 4, BOX, 1.0) for thing in things]
    assert average_precision(truth, wrong) == average_precision(truth, []) == (0, 0, 0)
    assert capsys.readouterr().out == ""


def test_the_table_has_means_and_deviations() -> None:
    def result(objective: str, after: float) -> Result:
        return Result(Plan(objective), (0.1, 0.1), 90.0, *[0.6] * 4, *[after] * 4)

    lines = table([result("nce_plus", 0.7), result("ml_is", 0.5), result("nce_plus", 0.8)])
    ml_is, nce_plus = lines.splitlines()[2:]
    assert ml_is.startswith("| ML-IS | 1 | 4 | 32 | 0.600 -> 0.500 |")
    assert nce_plus.startswith("| NCE+ | 2 | 4 | 32 | 0.600 -> 0.750 ± 0.071 |")
    assert nce_plus.endswith("| +0.150 ± 0.071 | 1.5 |")
    assert ml_is.endswith("| -0.100 | 1.5 |")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: v.pop("ap_after"), "setting 'ap_after' is missing"),
        (lambda v: v.update(iou_before="low"), "setting 'iou_before' takes a number, not 'low'"),
        (lambda v: v.update(seconds=None), "setting 'seconds' takes a number, not None"),
        (lambda v: v.update(plan=3), "'plan' is a group, not a setting"),
        (lambda v: v["plan"].update(objective="nc"), "unknown objective 'nc': did you mean nce?"),
    ],
)
def test_results_that_were_edited(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    plan = Plan("nce")
    result = Result(plan, (0.1, 0.1), 90.0, *[0.6] * 4, *[0.7] * 4)
    path = folder_of(plan, tmp_path) / "result.json"
    path.parent.mkdir()
    write(path.parent, result)
    assert read_results([plan, Plan("ml_is")], tmp_path) == [result]
    with pytest.raises(ResultError, match="is of samples 32, not 8: give another --output"):
        read_results([replace(plan, samples=8)], tmp_path)
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(ResultError) as error:
        read_results([plan], tmp_path)
    assert str(error.value).startswith(f"cannot read result {path}: {reason}")
    assert str(error.value).endswith(": move it away, it was edited or another version wrote it")


@pytest.mark.slow
def test_nce_plus_raises_the_overlap_of_noisy_boxes(shared: Path, tmp_path: Path) -> None:
    from ltr.regress.detection.experiment import carry_out, plans

    wanted = plans(shared / "data" / "images", "imagenet18", ["nce_plus"], 1, 2)
    carry_out(wanted, tmp_path)
    (result,) = read_results(wanted, tmp_path)
    assert result.iou_before == pytest.approx(0.611, abs=0.01)
    assert result.iou_after - result.iou_before >= 0.05
    assert result.ap75_after > result.ap75_before
