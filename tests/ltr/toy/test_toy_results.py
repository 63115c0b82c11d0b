"""Results of seeds in files, what a run does when it is called again, and the tables of the report."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ltr.errors import ResultError
from ltr.seeds import STATE
from ltr.toy import experiment, pictures
from ltr.toy.data import data_set
from ltr.toy.experiment import Plan, carry_out, plans
from ltr.toy.methods import METHODS
from ltr.toy.metric import evaluate
from ltr.toy.report import write_report
from ltr.toy.results import Run, done_seeds, folder_of, read_runs, write_run
from ltr.toy.training import Training, trained_scores

PLAN = Plan("1", "nce", 2, 2, 2)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 pairs, evaluated for the first of them alone."""
    whole = data_set("1")
    monkeypatch.setattr(
        experiment, "data_set", lambda _: replace(whole, x=whole.x[:64], y=whole.y[:64])
    )
    monkeypatch.setattr(
        experiment, "evaluate", lambda data, scores: float(scores(data.x[:1], data.y[:4])[0, 3])
    )


@pytest.mark.usefixtures("small")
def test_seeds_are_kept(tmp_path: Path) -> None:
    carry_out(PLAN, tmp_path)
    folder = folder_of(tmp_path, "1", "nce", 2, 2)
    assert done_seeds(folder) == {0, 1}
    assert sorted(path.name for path in folder.iterdir()) == ["seed-0.json", "seed-1.json"]
    before = [path.read_bytes() for path in sorted(folder.iterdir())]
    carry_out(replace(PLAN, seeds=3), tmp_path)  # trains the third alone
    assert done_seeds(folder) == {0, 1, 2}
    assert [path.read_bytes() for path in sorted(folder.iterdir())][:2] == before
    run = read_runs(tmp_path)[1]
    assert (run.data, run.method, run.samples, run.epochs, run.seed) == ("1", "nce", 2, 2, 1)
    assert len(run.losses) == 2
    data = data_set("1")
    scores = trained_scores(METHODS["nce"].setup("1", 2), run.tensors, of_mixture=False)
    assert float(scores(data.x[:1], data.y[:4])[0, 3]) == pytest.approx(run.value, abs=1e-6)


@pytest.mark.usefixtures("small")
def test_going_on_after_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the last state, with the same result as in one go."""
    carry_out(PLAN, tmp_path / "whole")
    monkeypatch.setattr("ltr.seeds.SAVE_SECONDS", -1.0)
    epoch = Training.epoch

    def once(training: Training) -> None:
        if training.losses:
            raise KeyboardInterrupt
        epoch(training)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(Training, "epoch", once)
        with pytest.raises(KeyboardInterrupt):
            carry_out(PLAN, tmp_path / "halves")
    folder = folder_of(tmp_path / "halves", "1", "nce", 2, 2)
    assert [path.name for path in folder.iterdir()] == [STATE]
    with pytest.raises(ResultError, match="of the seeds 0, 1, not 0: --seeds 2 goes on with it"):
        carry_out(replace(PLAN, seeds=1), tmp_path / "halves")
    epochs = []
    monkeypatch.setattr(Training, "epoch", lambda t: (epochs.append(1), epoch(t)))
    carry_out(PLAN, tmp_path / "halves")
    assert len(epochs) == 1
    for whole, halves in zip(
        read_runs(tmp_path / "whole"), read_runs(tmp_path / "halves"), strict=True
    ):
        assert replace(halves, seconds=whole.seconds) == whole
    assert not (folder / STATE).exists()


@pytest.mark.usefixtures("small")
def test_a_damaged_state_and_a_damaged_result(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "1", "nce", 2, 2)
    folder.mkdir(parents=True)
    (folder / STATE).write_bytes(b"no state")
    with pytest.raises(
        ResultError, match=r"^cannot read state .*state\.pt: delete it, it is damaged$"
    ):
        carry_out(PLAN, tmp_path)
    (folder / STATE).unlink()
    (folder / "seed-1.json").write_text("{}", encoding="utf-8")
    with pytest.raises(
        ResultError, match=r"^cannot read result .*seed-1\.json: .*: move it away, "
    ):
        carry_out(PLAN, tmp_path)


@pytest.mark.usefixtures("small")
def test_a_seed_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is stopped, said and kept as failed, over an interrupt as well; the others go on as if
    nothing were."""
    plan = replace(PLAN, method="proposal4", seeds=3)
    carry_out(plan, tmp_path / "whole")
    monkeypatch.setattr("ltr.seeds.SAVE_SECONDS", -1.0)
    step = Training.step

    def broken(training: Training, x: Tensor, y: Tensor) -> Tensor:
        if training.steps == 1:
            training.weights["predictor.fc3_xy.weight"].data[1, 0, 0] = math.inf
        if training.steps == 3:
            raise KeyboardInterrupt
        return step(training, x, y)

    monkeypatch.setattr(Training, "step", broken)
    with pytest.raises(KeyboardInterrupt):
        carry_out(plan, tmp_path / "failed")
    monkeypatch.setattr(Training, "step", step)
    capsys.readouterr()
    carry_out(plan, tmp_path / "failed")
    words = r"at step 2 its loss is (nan|inf); at most effective_samples .*, largest_log_weight "
    assert re.search(
        "data set 1, NCE, learned proposal, K = 4, M = 2, seed 1 failed: " + words,
        capsys.readouterr().err,
    )
    whole, failed = read_runs(tmp_path / "whole"), read_runs(tmp_path / "failed")
    for place in (0, 2):
        assert failed[place].value == whole[place].value
        assert failed[place].failure is None
    assert failed[1].value is None
    assert failed[1].weights == ()
    assert re.match(words, failed[1].failure or "")


@pytest.mark.usefixtures("small")
def test_two_runs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    epoch = Training.epoch

    def run_too(training: Training) -> None:
        carry_out(PLAN, tmp_path)
        epoch(training)

    monkeypatch.setattr(Training, "epoch", run_too)
    with pytest.raises(ResultError, match=r"^another process is training in .*: wait for its end$"):
        carry_out(PLAN, tmp_path)


def test_default_seeds() -> None:
    found = {(p.data, p.method): p for p in plans(("1", "2", "3"), tuple(METHODS), None, 1024, 75)}
    assert {m: found["1", m].seeds for m in METHODS} == {
        "nce": 20, "nce_plus": 20, "ml_is": 20, "kld_is": 20, "sm": 20, "dsm": 10, "ml_mcmc1": 5,
        "ml_mcmc16": 1, "mdn1": 5, "mdn4": 10, "mdn16": 5, "teacher4": 10, "proposal1": 5, "proposal4": 10,
        "proposal16": 5, "nce_2022": 10,
    }  # fmt: skip
    assert ("2", "mdn4") not in found
    assert ("3", "nce") not in found
    assert found["2", "sm"].samples == 0


def untrained(method: str) -> Any:
    shapes = METHODS[method].setup("1", 1).architecture.shapes().items()
    return tuple((name, torch.zeros(shape).tolist()) for name, shape in shapes)


def written(folder: Path, method: str, values: list[float | None], samples: int = 16) -> None:
    weights = untrained(method)
    target = folder_of(folder, "1", method, samples, 75)
    target.mkdir(parents=True)
    for seed, value in enumerate(values):
        run = Run("1", method, samples, 75, seed, value, None, (1.0,), 2.0, weights)
        write_run(target, run)


def test_tables(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    written(tmp_path, "nce", [0.01 * (seed + 1) for seed in range(20)])
    written(tmp_path, "ml_is", [None, 0.3, 0.5])
    written(tmp_path, "nce_plus", [0.1, 0.12], samples=4)
    written(tmp_path, "nce_plus", [0.05])
    tables = write_report(tmp_path)
    # 0.01 to 0.2: s = .01 sqrt(35), best five .01 to .05 with s = .01 sqrt(2) of a population
    table = [line for line in tables.splitlines() if line.startswith("| NCE | 16 |")]
    assert table == [
        "| NCE | 16 | 20 | 0.1050 | 0.0132 | 0.0592 | 0.0300 ± 0.0141 | 0.0100 to 0.2000 | – | 2 |"
    ]
    table = [line for line in tables.splitlines() if line.startswith("| ML-IS | 16 |")]
    assert table == [
        "| ML-IS | 16 | 3, 1 failed | 0.4000 | 0.1000 | 0.1414 | – | 0.3000 to 0.5000 | – | 2 |"
    ]
    assert "- NCE: lower than ML-IS" in tables
    assert "| mean (seeds) | M = 4 | M = 16 |" in tables
    assert "| NCE+ | 0.1100 (2) | 0.0500 (1) |" in tables
    assert "\n| NCE | –" not in tables  # of a single number of samples
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert tables.splitlines()[2] in report
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", report)
    assert len(pictures) == 4
    assert all((tmp_path / name).stat().st_size > 5000 for name in pictures)


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: v.update(method="nce_pls"), "unknown objective 'nce_pls': did you mean nce_plus?"),
        (lambda v: v.update(data="3"), "nce is not for data set '3'"),
        (lambda v: v.update(weights={}), "its weights are not those of nce"),
        (lambda v: v["weights"].update({"feature.fc1_x.bias": [[0.5]]}), "its weights are not those of nce"),
        (lambda v: v["weights"]["feature.fc2_x.weight"].pop(), "its weights are not those of nce"),
        (lambda v: v["weights"]["feature.fc2_x.weight"][0].pop(), "expected sequence of length 9 at dim 1 (got 10)"),
        (lambda v: v.update(weights=3), "'int' object has no attribute 'items'"),
        (lambda v: v["weights"].update({"feature.fc1_x.bias": 1}), "setting 'weights' takes a list, not "),
        (lambda v: v.update(seconds=None), "setting 'seconds' takes a number, not None"),
        (lambda v: v.update(seconds=math.inf), "setting 'seconds' takes a number, not None"),
        (lambda v: v.update(value="low"), "setting 'value' takes a number or none, not 'low'"),
        (lambda v: v.update(epochs="75"), "setting 'epochs' takes a whole number, not '75'"),
        (lambda v: v.update(losses="1"), "setting 'losses' takes a list, not '1'"),
        (lambda v: v.update(proposal_value=[1]), "setting 'proposal_value' takes a number or none, not [1]"),
        (lambda v: v.update(seed=7), "it is of seed 7"),
        (lambda v: v.pop("samples"), "setting 'samples' is missing"),
        (lambda v: v.update(valu=1), "unknown setting 'valu': did you mean value?"),
    ],
)  # fmt: skip
def test_results_that_were_edited(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    written(tmp_path, "nce", [0.5, 0.6])
    path = folder_of(tmp_path, "1", "nce", 16, 75) / "seed-1.json"
    edited(path, change)
    for read in (lambda: write_report(tmp_path), lambda: done_seeds(path.parent)):
        with pytest.raises(ResultError) as error:
            read()
        line = str(error.value)
        assert line.startswith(f"cannot read result {path}: {reason}")
        assert line.endswith(": move it away, it was edited or another version wrote it")
        assert "\n" not in line


def test_files_that_are_no_results(tmp_path: Path) -> None:
    """Names of others are ignored; what has the name of a result is one."""
    written(tmp_path, "nce", [0.5])
    folder = folder_of(tmp_path, "1", "nce", 16, 75)
    for name in ("seed-0 copy.json", "seed-.json", "seed-1.json.bak", "notes.json", "seed-x.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    assert [run.seed for run in read_runs(tmp_path)] == [0]
    assert done_seeds(folder) == {0}
    deep = "[" * 100_000
    for content in ("[1]", "7", "no JSON", deep, ""):
        todo = "move it away, " if content in ("[1]", "7") else "delete it, it is damaged$"
        (folder / "seed-1.json").write_text(content, encoding="utf-8")
        with pytest.raises(ResultError, match=rf"^cannot read result .*seed-1\.json: .*: {todo}"):
            done_seeds(folder)


def test_results_of_before(tmp_path: Path) -> None:
    """Failures were not told, and numbers that are not finite were written as such."""
    written(tmp_path, "nce", [0.5])
    path = folder_of(tmp_path, "1", "nce", 16, 75) / "seed-0.json"
    edited(path, lambda values: (values.pop("failure"), values.update(losses=[1, math.nan])))
    assert "NaN" in path.read_text(encoding="utf-8")
    (run,) = read_runs(tmp_path)
    assert (run.failure, run.losses, run.value) == (None, (1, None), 0.5)


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(ResultError) as error:
        write_report(tmp_path)
    assert str(error.value) == (
        f"no results in {tmp_path}: `ltr toy run --output {tmp_path}` makes some"
    )


def test_stored_value_is_the_metric(tmp_path: Path) -> None:
    """Of an untrained network: f = 0 there."""
    written(tmp_path, "nce", [0.0])
    run = read_runs(tmp_path)[0]
    scores = trained_scores(METHODS["nce"].setup("1", 1), run.tensors, of_mixture=False)
    assert evaluate(data_set("1"), scores) == pytest.approx(2.118826, abs=1e-6)


@pytest.mark.parametrize(
    ("data", "label", "scale"),
    [("1", "KL to the truth", "log"), ("3", "negative log likelihood", "linear")],
)
def test_curves_say_what_they_are_of(
    data: str, label: str, scale: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    drawn = []
    monkeypatch.setattr(pictures, "_save", lambda figure, path: drawn.append(figure))
    rows = [[Run(data, "nce_2022", m, 75, 0, 0.5, None, (), 1.0, {})] for m in (4, 16)]
    assert pictures.write_curves(tmp_path, data, 75, rows) == [f"samples-{data}-e75.png"]
    (axes,) = drawn[0].axes
    assert (axes.get_ylabel(), axes.get_yscale()) == (label, scale)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["4", "16"]
    assert axes.get_xticks().tolist() == [4, 16]
    assert not axes.get_xticks(minor=True).size


@pytest.mark.parametrize(
    ("data", "metric"), [("1", "KL to the truth"), ("3", "negative log likelihood")]
)
def test_densities_say_what_they_are_of(
    data: str, metric: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    drawn = []
    monkeypatch.setattr(pictures, "_save", lambda figure, path: drawn.append(figure))
    run = Run(data, "nce_2022", 1, 75, 0, 0.5, None, (), 1.0, untrained("nce_2022"))
    pictures.write_densities(tmp_path, data, 75, [run])
    left, right = drawn[0].axes
    assert right.get_title() == f"NCE, network of 2022, seed 0\n{metric} 0.5000"
    assert (left.get_xlabel(), left.get_ylabel(), right.get_xlabel()) == ("x", "y", "x")
