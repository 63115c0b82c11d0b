"""Results of regression tasks in files, and their tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ltr.errors import ResultError
from ltr.regress.experiment import missing
from ltr.regress.metric import Quality
from ltr.regress.report import write_report
from ltr.regress.results import Run, path_of, read_runs, write_run
from ltr.regress.training import Setup
from ltr.toy.report import write_report as write_toy_report

MDN = Setup("cells", "mdn", True, "small", "none")
TEACHER = replace(MDN, objective="teacher")


def written(folder: Path, setup: Setup, likelihoods: list[float]) -> None:
    path_of(folder, setup, 0).parent.mkdir(parents=True)
    for seed, likelihood in enumerate(likelihoods):
        test = Quality(likelihood, 5.0 + seed, 4.5 if setup.objective == "proposal" else None)
        write_run(folder, Run(setup, seed, test, Quality(3.0, 4.0), (2.0, 1.0), 12.0))


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    written(tmp_path, replace(MDN, objective="proposal"), [3.5])
    (first,) = read_runs(tmp_path)
    assert first.setup == replace(MDN, objective="proposal")
    assert first.test == Quality(3.5, 5.0, 4.5)
    assert first.validation == Quality(3.0, 4.0)
    assert (first.seed, first.losses, first.seconds) == (0, (2.0, 1.0), 12.0)


@pytest.mark.parametrize(
    ("taught", "said"),
    [
        ([3.2, 3.4], "0.1000 lower, the standard error of the difference 0.1414: not told apart."),
        ([3.2, 3.21], "0.1950 lower, the standard error of the difference 0.1001: better by more than one."),
        ([3.5, 3.6], "0.1500 higher, the standard error of the difference 0.1118: **worse by more than one standard error**."),
    ],
)  # fmt: skip
def test_tables(tmp_path: Path, taught: list[float], said: str) -> None:
    written(tmp_path, MDN, [3.3, 3.5])
    written(tmp_path, TEACHER, taught)
    tables = write_report(tmp_path)
    lines = tables.splitlines()
    assert lines[0] == "## Cell count: generated pictures, small, 75 epochs"
    assert lines[2] == (
        "Learning rate 0.001, batches of 32; weights from elsewhere: none, kept for 20 epochs."
    )
    assert lines[6] == (
        "| MDN, K = 4 | – | 2 | 3.4000 | 0.1000 | 0.1414 | – | 3.3000 to 3.5000 | 3.0000 | – | "
        "5.500 ± 0.500 | 12 |"
    )
    assert lines[7].startswith("| MDN, EBM as teacher, K = 4 | 1024 | 2 | ")
    assert lines[-1] == f"K = 4: with the teacher the mean NLL is {said}"
    assert (tmp_path / "report.md").read_text(encoding="utf-8").endswith(tables + "\n")


def test_one_seed_is_not_compared(tmp_path: Path) -> None:
    written(tmp_path, MDN, [3.3])
    written(tmp_path, TEACHER, [3.1, 3.2])
    written(tmp_path, replace(MDN, components=8), [3.3, 3.4])
    assert "with the teacher" not in write_report(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trunk": "resnet18"}, "generated pictures, resnet18, 75 epochs"),
        ({"epochs": 3}, "generated pictures, small, 3 epochs"),
        ({"learning_rate": 0.01}, "Learning rate 0.01, batches of 32"),
        ({"batch": 8}, "Learning rate 0.001, batches of 8"),
        ({"weights": "imagenet"}, "weights from elsewhere: imagenet, kept for 20 epochs"),
        ({"generated": False, "data": "/faces"}, "kept for 20 epochs; pictures in /faces."),
    ],
)
def test_what_was_trained_otherwise_has_a_table_of_its_own(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    """And is not compared."""
    written(tmp_path, MDN, [3.3, 3.4])
    written(tmp_path, replace(TEACHER, **change), [3.1, 3.2])
    tables = write_report(tmp_path).split("## ")[1:]
    assert len(tables) == 2
    assert sum(said in table for table in tables) == 1
    assert all("with the teacher" not in table for table in tables)


def test_rows_of_other_numbers_of_points_are_apart(tmp_path: Path) -> None:
    """Which lie in one folder where somebody put them there; both are compared with the mixture."""
    written(tmp_path, replace(MDN, samples=8), [3.3, 3.4])  # draws none
    written(tmp_path, TEACHER, [3.1, 3.2])
    for seed in (2, 3):
        run = Run(replace(TEACHER, samples=8), seed, Quality(3.2, 5.0), None, (1.0,), 12.0)
        write_run(tmp_path, run)
    (table,) = write_report(tmp_path).split("## ")[1:]
    assert "| MDN, EBM as teacher, K = 4 | 8 | 2 | " in table
    assert "| MDN, EBM as teacher, K = 4 | 1024 | 2 | " in table
    assert table.count("with the teacher") == 2


def test_a_result_of_before_is_of_no_folder(tmp_path: Path) -> None:
    written(tmp_path, MDN, [3.3])
    path = path_of(tmp_path, MDN, 0)
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["setup"]["data"]
    path.write_text(json.dumps(values), encoding="utf-8")
    assert missing((MDN,), 1, tmp_path) == []
    with pytest.raises(ResultError, match="is of data '', not '/faces': give another --output"):
        missing((replace(MDN, data="/faces"),), 1, tmp_path)


def test_results_of_other_commands(tmp_path: Path) -> None:
    """Beside one's own they are none of its business; alone they are told as what they are."""
    of_toy = tmp_path / "data1" / "nce" / "seed-0.json"
    of_toy.parent.mkdir(parents=True)
    of_toy.write_text('{"data": "1", "method": "nce"}', encoding="utf-8")
    with pytest.raises(ResultError) as error:
        write_report(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} has results of `ltr toy`, none of `ltr regress`: `ltr toy report {tmp_path}` "
        "tells of them"
    )
    written(tmp_path, MDN, [3.3])
    assert "| MDN, K = 4 | – | 1 | " in write_report(tmp_path)
    of_toy.unlink()
    with pytest.raises(ResultError) as error:
        write_toy_report(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} has results of `ltr regress`, none of `ltr toy`: `ltr regress report "
        f"{tmp_path}` tells of them"
    )


def test_a_network_that_diverged_does_not_widen_the_table(tmp_path: Path) -> None:
    path_of(tmp_path, MDN, 0).parent.mkdir(parents=True)
    for seed, value in enumerate((3.5, 9.74e23)):
        write_run(tmp_path, Run(MDN, seed, Quality(value, value), Quality(value, 4.0), (), 12.0))
    (line,) = (line for line in write_report(tmp_path).splitlines() if line.startswith("| MDN"))
    assert (
        " | 4.9e+23 | 4.9e+23 | 6.9e+23 | – | 3.5000 to 9.7e+23 | 4.9e+23 | – | 4.9e+23 ± 4.9e+23 | "
        in line
    )


def test_what_is_missing(tmp_path: Path) -> None:
    written(tmp_path, MDN, [3.3])
    assert missing((MDN, TEACHER), 2, tmp_path) == [(0, TEACHER), (1, MDN), (1, TEACHER)]
    with pytest.raises(ResultError) as error:
        missing((replace(MDN, epochs=3),), 2, tmp_path)
    path = path_of(tmp_path, MDN, 0)
    assert str(error.value) == (
        f"{path} is of epochs 75, not 3: give another --output, or delete it"
    )
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(
        ResultError, match=r"^cannot read result .*seed-0\.json: .*: move it away, "
    ):
        missing((MDN,), 2, tmp_path)


def test_what_an_objective_does_not_use_is_not_compared(tmp_path: Path) -> None:
    """Fixed noise has no components, a mixture alone draws no points."""
    noise = replace(MDN, objective="nce")
    written(tmp_path, MDN, [3.3])
    written(tmp_path, noise, [3.3])
    assert missing((replace(MDN, samples=8), replace(noise, components=8)), 1, tmp_path) == []
    with pytest.raises(ResultError, match="is of samples 1024, not 8: give another --output"):
        missing((replace(noise, samples=8),), 1, tmp_path)
    lines = write_report(tmp_path).splitlines()
    assert [line.split(" | ")[:2] for line in lines if line.startswith("| ")][1:] == [
        ["| EBM, fixed noise", "1024"],
        ["| MDN, K = 4", "–"],
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: v["setup"].update(task="cell"), "unknown task 'cell': did you mean cells?"),
        (lambda v: v["setup"].update(objective="mnd"), "setting 'setup.objective' takes 'nce' or 'mdn' or "),
        (lambda v: v["setup"].update(components="4"), "setting 'setup.components' takes a whole number, not '4'"),
        (lambda v: v["setup"].pop("batch"), "setting 'setup.batch' is missing"),
        (lambda v: v.update(setup=[1]), "'setup' is a group, not a setting"),
        (lambda v: v.update(seconds=None), "setting 'seconds' takes a number, not None"),
        (lambda v: v["test"].update(likelihood=None), "setting 'test.likelihood' takes a number, not None"),
        (lambda v: v["test"].update(error="3"), "setting 'test.error' takes a number, not '3'"),
        (lambda v: v["test"].update(proposal_likelihood="3"), "setting 'test.proposal_likelihood' takes a number or none"),
        (lambda v: v["validation"].update(likelihood="3"), "setting 'validation.likelihood' takes a number, not '3'"),
        (lambda v: v.update(losses=[None]), "setting 'losses' takes a list, not [None]"),
        (lambda v: v.update(seed=1), "it is of seed 1"),
    ],
)  # fmt: skip
def test_results_that_were_edited(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    written(tmp_path, MDN, [3.3])
    path = path_of(tmp_path, MDN, 0)
    (path.parent / "seed-0 copy.json").write_text("{}", encoding="utf-8")  # no result
    assert len(read_runs(tmp_path)) == 1
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")
    for read in (lambda: write_report(tmp_path), lambda: missing((MDN,), 1, tmp_path)):
        with pytest.raises(ResultError) as error:
            read()
        assert str(error.value).startswith(f"cannot read result {path}: {reason}")
        assert str(error.value).endswith(
            ": move it away, it was edited or another version wrote it"
        )
