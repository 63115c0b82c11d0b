"""The comparison of `ltr toy` with runs of the published programs, on made-up results."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
import toy_reference

from ltr.toy.methods import METHODS
from ltr.toy.results import Run, folder_of, write_run


def written(folder: Path, method: str, samples: int, values: list[float | None]) -> None:
    shapes = METHODS[method].setup("1", samples).architecture.shapes()
    weights = tuple((name, torch.zeros(shape).tolist()) for name, shape in shapes.items())
    target = folder_of(folder, "1", method, samples, 75)
    target.mkdir(parents=True)
    for seed, value in enumerate(values):
        write_run(target, Run("1", method, samples, 75, seed, value, None, (), 1.0, weights))


def test_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(method: str, samples: int | None, value: float | None, exact: float | None) -> dict:
        return {
            "method": method,
            "data": "data set 1",
            "M": samples,
            "value": value,
            "value_log_softmax_float64": exact,
        }

    reference = [
        run("NCE", 1024, 0.1, None),
        run("NCE", 1024, 9.0, 0.3),
        run("NCE", 16, 5.0, None),
        run("ML-IS", 1, None, None),
        run("SM", None, 0.2, None),
    ]
    (tmp_path / "reference").mkdir()
    (tmp_path / "reference" / "ebm1d_runs.json").write_text(json.dumps({"runs": reference}))
    results = tmp_path / "results"
    written(results, "nce", 1024, [0.1, None, 0.2, 0.6])
    written(results, "sm", 0, [0.9, 0.91])
    for method, value in (("nce", 0.3), ("nce_plus", 0.4), ("ml_is", 2.0), ("kld_is", 1.0)):
        written(results, method, 2, [value])
    words = ["toy_reference.py", str(results), "--shared", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    toy_reference.main()
    lines = capsys.readouterr().out.splitlines()
    # s = min(.2646, .2 / 2), bound = .2 sqrt(1/3 + 1/2); of SM s = .0071, bound = .0141 sqrt(1.5)
    assert lines[2] == ("| 1 | NCE | 3 | 0.3000 | 0.2646 | 2 | 0.2000 | +0.1000 | 0.1826 | yes |")
    assert lines[3] == "| 1 | SM | 2 | 0.9050 | 0.0071 | 1 | 0.2000 | +0.7050 | 0.0173 | NO |"
    assert "data set 1, NCE: worst seed inf, NOT below .34" in lines
    assert lines[-1].endswith("ratio 0.400, to be at most .5")
