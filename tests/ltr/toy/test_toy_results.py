"""Results of seeds in files, what a run does when it is called again, and the tables of the report."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ltr.errors import ResultError
from ltr.seeds import STATE
from ltr.toy import experiment
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
    with pytest.raises(ResultError, match=r"^cannot read result .*seed-1\.json: .*: delete it$"):
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
    assert math.isnan(failed[1].value)
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


def written(folder: Path, method: str, values: list[float], samples: int = 16) -> None:
    architecture = METHODS[method].setup("1", samples).architecture
    weights = {
        f"{name}.{part}": torch.zeros(outputs, inputs if part == "weight" else 1).tolist()
        for name, (outputs, inputs) in architecture.layers().items()
        for part in ("weight", "bias")
    }
    target = folder_of(folder, "1", method, samples, 75)
    target.mkdir(parents=True)
    for seed, value in enumerate(values):
        run = Run("1", method, samples, 75, seed, value, None, (1.0,), 2.0, weights)
        write_run(target, run)


def test_tables(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    written(tmp_path, "nce", [0.01 * (seed + 1) for seed in range(20)])
    written(tmp_path, "ml_is", [0.3, math.nan, 0.5])
    written(tmp_path, "nce_plus", [0.1, 0.12], samples=4)
    tables = write_report(tmp_path)
    rows = {
        line.split(" | ")[0].strip("| "): [cell.strip(" |") for cell in line.split(" | ")[1:]]
        for line in tables.splitlines()
        if line.startswith("| ") and "range" not in line
    }
    # 0.01 to 0.2: s = .01 sqrt(35), best five .01 to .05 with s = .01 sqrt(2) of a population
    assert rows["NCE"] == ["0.1050 (20)"] or rows["NCE"][0] == "–"
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
    assert "| NCE+ | 0.1100 (2) | – |" in tables
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert tables.splitlines()[2] in report
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", report)
    assert len(pictures) == 3
    assert all((tmp_path / name).stat().st_size > 5000 for name in pictures)


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
