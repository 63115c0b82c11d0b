"""`ltr regress` as a user calls it."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.cli import main
from ltr.regress import cells
from ltr.regress.metric import Quality
from ltr.regress.training import Training


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Few pictures."""
    monkeypatch.setattr(cells, "COUNTS", (40, 8, 16))
    monkeypatch.chdir(tmp_path)
    return tmp_path


QUICK = ["--seeds", "2", "--epochs", "2", "--samples", "4", "--output", "runs"]


def test_generated_cells(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["regress", "cells", "--generate", *QUICK]) == 0
    out = capsys.readouterr()
    assert "## Cell count: generated pictures, small, 2 epochs" in out.out
    assert "| MDN, K = 4 | – | 2 | " in out.out
    assert "| MDN, EBM as teacher, K = 4 | 4 | 2 | " in out.out
    assert "K = 4: with the teacher the mean NLL is " in out.out
    assert out.err.count(", seed 1: NLL ") == 2
    assert (place / "runs" / "report.md").exists()
    assert main(["regress", "cells", "--generate", *QUICK]) == 0  # all there
    again = capsys.readouterr()
    assert again.out == out.out
    assert "NLL" not in again.err
    assert main(["regress", "report", "runs"]) == 0
    assert capsys.readouterr().out == out.out


@pytest.mark.usefixtures("place")
def test_going_on_after_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is done is kept, and the rest comes out as in one go."""
    words = ["regress", "cells", "--generate", "--objective", "mdn", *QUICK]
    assert main(words) == 0
    whole = [line.rsplit(" | ", 1)[0] for line in capsys.readouterr().out.splitlines()]
    monkeypatch.setattr("ltr.seeds.SAVE_SECONDS", -1.0)
    epoch, calls = Training.epoch, []

    def interrupted(training: Training) -> None:
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(training.seed)
        epoch(training)

    halves = [*words[:-1], "halves"]
    with monkeypatch.context() as context:
        context.setattr(Training, "epoch", interrupted)
        assert main(halves) == 130
    assert calls == [0, 0, 1]
    assert sorted(p.name for p in Path("halves/cells/mdn-k4").iterdir()) == [
        "seed-0.json",
        "state.pt",
    ]
    monkeypatch.setattr(Training, "epoch", lambda t: (calls.append(t.seed), epoch(t)))
    capsys.readouterr()
    assert main(halves) == 0
    assert calls == [0, 0, 1, 1]
    found = [line.rsplit(" | ", 1)[0] for line in capsys.readouterr().out.splitlines()]
    assert found == whole


@pytest.mark.usefixtures("place")
def test_a_state_of_other_settings_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ltr.seeds.SAVE_SECONDS", -1.0)
    epoch = Training.epoch

    def interrupted(training: Training) -> None:
        if training.losses:
            raise KeyboardInterrupt
        epoch(training)

    monkeypatch.setattr(Training, "epoch", interrupted)
    words = ["regress", "cells", "--generate", "--objective", "mdn", *QUICK]
    assert main(words) == 130
    capsys.readouterr()
    path = "runs/cells/mdn-k4/state.pt"
    for option, value, line in (
        ("--learning-rate", "0.01", "learning_rate 0.001, not 0.01"),
        ("--epochs", "1", "epochs 2, not 1"),
    ):
        assert main([*words, option, value]) == 2
        end = ": give another --output, or delete it\n"
        assert capsys.readouterr().err == f"ltr: {path} is of {line}{end}"
    assert main([*words, "--samples", "9"]) == 130, "a mixture draws none"


@pytest.mark.usefixtures("place")
def test_a_likelihood_that_is_not_finite(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ltr.regress.experiment.evaluate", lambda *_: Quality(math.nan, 1.0))
    assert main(["regress", "cells", "--generate", "--objective", "mdn", *QUICK]) == 2
    line = "ltr: cell count, MDN, seed 0: NLL is nan; lower the learning rate"
    assert capsys.readouterr().err.splitlines()[-1] == line
    assert not list(Path("runs").rglob("*.json"))


def test_published_cells(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "Cell200").mkdir()
    for count in range(1, 13):
        image = np.full((64, 64), count, np.uint8)
        cv2.imwrite(str(place / "Cell200" / f"{count}_{count}.0.png"), image)
    words = ["--trunk", "small", "--objective", "mdn", "--components", "2", *QUICK[2:]]
    assert main(["regress", "cells", "Cell200", "--seeds", "1", *words]) == 0
    out = capsys.readouterr().out
    assert "## Cell count: small, 2 epochs" in out
    assert f"weights from elsewhere: none; pictures in {place / 'Cell200'}." in out
    assert "| MDN, K = 2 | – | 1 | " in out
    assert main(["regress", "cells", "Cel200", "--seeds", "1", *words]) == 2
    line = "ltr: DIR Cel200 is no folder: give that of the published files\n"
    assert capsys.readouterr().err == line, "and not that results of another folder are there"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("cells", "give the folder Cell200, or --generate for pictures that are rendered"),
        ("cells DIR --generate", "give the folder Cell200, or --generate for pictures that are rendered"),
        ("cells --generate --objective mdn,techer", "unknown objective 'techer': did you mean teacher?"),
        ("cells --generate --weights imagenet", "--weights imagenet: --trunk small has none, it is trained"),
        ("cells --generate --frozen-epochs 3", "--frozen-epochs 3: without weights from elsewhere (--weights) there is nothing to keep"),
        ("pose . --weights none --frozen-epochs 3", "--frozen-epochs 3: without weights from elsewhere (--weights) there is nothing to keep"),
        ("pose . --weights none --frozen-epochs 0", "cannot read BIWI_train.npz: No such file or directory"),
        ("detection . --step-length 1e-4", "--step-length 0.0001: nce_plus has no chains, ml_mcmc alone has"),
        ("detection . --objective nce,dsm --step-length 1", "--step-length 1.0: nce, dsm have no chains, ml_mcmc alone has"),
        ("cells nowhere", "DIR nowhere is no folder: give that of the published files"),
        ("pose nowhere", "DIR nowhere is no folder: give that of the published files"),
        ("age . --weights odd.pth", "no UTKFace_64x64.h5 and no images in .: give the folder of UTKFace"),
        ("report nowhere", "no results in nowhere: `ltr regress cells --generate --output nowhere` makes some"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("place")
def test_what_cannot_be_done(words: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("h5py")
    assert main(["regress", *words.split()]) == 2
    assert capsys.readouterr().err == f"ltr: {line}\n"


def test_every_default_stands_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that depend on the pictures are not click's own."""
    from ltr.commands.regress_tasks import PUBLISHED, QUICK
    from ltr.regress.training import Setup

    assert main(["regress", "cells", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for name in ("samples", "epochs", "trunk", "weights", "frozen_epochs"):
        assert getattr(Setup("cells", "mdn"), name) == PUBLISHED[name]
        assert f"{PUBLISHED[name]}, of rendered pictures {QUICK[name]}" in text
