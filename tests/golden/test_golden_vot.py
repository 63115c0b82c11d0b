"""VOT2018 as two toolkits score it: the published run of NanoTrackV3, to all digits."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ltr.data.layouts.vot import read_regions
from pytracking.evaluation.vot import (
    EAO_FRAMES,
    SupervisedRun,
    SupervisedScores,
    supervised_run,
    supervised_scores,
)
from pytracking.evaluation.vot_overlap import Toolkit
from pytracking.evaluation.vot_run import read_result, result_path, write_result

NANO_TRACK = {
    "pysot": SupervisedScores(0.5651, 0.1639, 35, 0.4491),
    "votchallenge": SupervisedScores(0.5714, 0.9343, 0.8057, 0.4535),
}


@pytest.fixture(scope="module")
def vot2018(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vot2018")
    with zipfile.ZipFile(shared / "data" / "benchmarks" / "vot2018.zip") as archive:
        archive.extractall(folder)
    return folder


def published_runs(folder: Path, toolkit: Toolkit) -> list[SupervisedRun]:
    runs = []
    with (folder / "vot2018" / "sizes.csv").open() as sizes:
        for row in csv.DictReader(sizes):
            name, frame_wh = row["name"], (int(row["width"]), int(row["height"]))
            annotation = read_regions(folder / "vot2018" / name / "groundtruth.txt")
            result = read_result(result_path(folder, "NanoTrackV3", name), int(row["frames"]))
            runs.append(supervised_run(result, annotation, frame_wh, toolkit))
    return runs


@pytest.mark.parametrize("toolkit", ["pysot", "votchallenge"])
def test_scores_of_a_published_run(vot2018: Path, toolkit: Toolkit) -> None:
    runs = published_runs(vot2018, toolkit)
    assert (len(runs), sum(len(run.codes) for run in runs)) == (60, 21356)
    scores = supervised_scores([[run] for run in runs], EAO_FRAMES["vot2018"], toolkit)
    wanted = NANO_TRACK[toolkit]
    for name in ("accuracy", "robustness", "failures", "eao"):
        assert round(getattr(scores, name), 4) == getattr(wanted, name), name
    again = supervised_scores([[run] * 3 for run in runs], EAO_FRAMES["vot2018"], toolkit)
    for name in ("accuracy", "robustness", "failures", "eao"):  # a run repeated says the same
        np.testing.assert_allclose(getattr(again, name), getattr(scores, name), rtol=1e-12)


def test_published_results_are_written_as_they_were(vot2018: Path, tmp_path: Path) -> None:
    files = sorted((vot2018 / "results").rglob("*_001.txt"))
    for path in files:
        result = read_result(path, len(path.read_text().splitlines()))
        write_result(tmp_path / path.name, result)
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert len(files) == 60
