"""`ltr toy` as a user calls it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ltr.cli import main
from ltr.toy import experiment
from ltr.toy.data import data_set


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of each data set 64 pairs; a metric that costs nothing."""

    def few(name: str) -> object:
        whole = data_set(name)
        return replace(whole, x=whole.x[:64], y=whole.y[:64])

    monkeypatch.setattr(experiment, "data_set", few)
    monkeypatch.setattr(experiment, "evaluate", lambda data, scores: 0.25)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_run_sweep_and_report(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--objective", "nce,mdn4", "--seeds", "2", "--epochs", "1", "--output", "toy"]
    threads = torch.get_num_threads()
    assert main(["toy", "run", "--data", "1,3", "--samples", "4", *words]) == 0
    assert torch.get_num_threads() == threads
    assert torch.tensor(1e-310, dtype=torch.float64) / 2 > 0, "still rounds small numbers to 0"
    out = capsys.readouterr()
    assert "| NCE | 4 | 2 | 0.2500 |" in out.out
    assert "## Data set 3, 1 epoch" in out.out
    assert "data set 3, MDN, K = 4: 2 seeds" in out.err
    assert len(list(place.glob("toy/data*/*/seed-*.json"))) == 6
    sweep = ["toy", "sweep", "--samples", "1,4", "--objective", "nce"]
    assert main([*sweep, "--seeds", "2", "--epochs", "1", "--output", "toy"]) == 0
    out = capsys.readouterr()
    assert "data set 1, NCE, M = 4: 2 seeds, all there" in out.err
    assert "| NCE | 0.2500 (2) | 0.2500 (2) |" in out.out
    assert main(["toy", "report", "toy"]) == 0
    assert capsys.readouterr().out == out.out
    assert (place / "toy" / "report.md").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("run --data 4", "unknown data set '4': known: 1, 2, 3"),
        ("run --objective nce_pls", "unknown objective 'nce_pls': did you mean nce_plus?"),
        ("run --objective NCE+", "unknown objective 'NCE+': did you mean nce_plus?"),
        ("run --objective ML-IS", "unknown objective 'ML-IS': did you mean ml_is?"),
        ("sweep --objective mdn4 --data 1,3", "--objective mdn4 draws no points: nothing to sweep"),
        ("sweep --objective nce_pls", "unknown objective 'nce_pls': did you mean nce_plus?"),
        ("sweep --objective sm,mdn1", "--objective sm,mdn1 draws no points: nothing to sweep"),
        (
            "run --data 3 --objective nce,sm",
            "--objective nce,sm is not for data set 3: nce is for 1 and 2, sm is for 1 and 2",
        ),
        ("sweep --samples 1,two", "--samples 1,two: give numbers from 1, separated by commas"),
        ("sweep --samples 0,2", "--samples 0,2: give numbers from 1, separated by commas"),
        ("report nowhere", "no results in nowhere: `ltr toy run --output nowhere` makes some"),
    ],
)
@pytest.mark.usefixtures("place")
def test_what_cannot_be_done(words: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["toy", *words.split()]) == 2
    assert capsys.readouterr().err == f"ltr: {line}\n"
