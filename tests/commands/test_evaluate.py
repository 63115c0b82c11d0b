"""A benchmark from the command line: evaluate, interrupted and gone on with, reproduce, tune."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from demo_video import demo_clip, write_demo_image

from pytracking.cli import main
from pytracking.sequences import benchmarks

FAST = ["--net", "imagenet_mobile", "--device", "cpu", "--seed", "3"]
SMALL = ["--set", "search.crop_side=96", "--set", "first_frame.rotations=[]"]
NAMES = ["airplane-1", "airplane-9", "basketball-1", "basketball-6"]
FRAMES = 6


@pytest.fixture
def lasot(tmp_path: Path) -> Path:
    """Four sequences of LaSOT's test set, as it lies on disk."""
    root = tmp_path / "LaSOT"
    for shift, name in enumerate(NAMES):
        folder = root / name.rpartition("-")[0] / name
        (folder / "img").mkdir(parents=True)
        for k in range(FRAMES):
            write_demo_image(folder / "img" / f"{k + 1:08d}.jpg", k, shift)
        boxes = np.round(demo_clip(shift).boxes_xywh[:FRAMES])
        np.savetxt(folder / "groundtruth.txt", boxes, delimiter=",", fmt="%d")
        (folder / "full_occlusion.txt").write_text(",".join("0" * FRAMES))
        (folder / "out_of_view.txt").write_text(",".join("0" * (FRAMES - 1) + "1"))
    return root


def evaluate(lasot: Path, out: Path, *more: str) -> list[str]:
    words = ["evaluate", "lasot", *NAMES, "--data", str(lasot), "--output", str(out)]
    return [*words, *FAST, *SMALL, *more]


def test_a_benchmark_from_end_to_end(
    lasot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(evaluate(lasot, out, "--runs", "2", "--batch", "3")) == 0
    said = capsys.readouterr().out.splitlines()
    assert (said.pop(0), said.pop(4)) == ("seed 3", "seed 4")
    assert sorted(line.split()[0] for line in said[:8]) == sorted(2 * NAMES)
    assert [line.split()[0] for line in said[8:13]] == ["AUC", "SR50", "SR75", "P", "NP"]
    assert re.fullmatch(r"AUC +0\.\d{3}  \(runs 0\.\d{3} 0\.\d{3}\)  \(95 % .*\)", said[8])
    assert said[13].startswith("protocol lasot, 4 sequences; worst ")
    seeds = sorted(path.name for path in out.iterdir())
    assert seeds == ["seed-3", "seed-4"]
    facts = json.loads((out / "seed-4" / "evaluation.json").read_text())
    assert (facts["benchmark"], facts["network"], facts["seed"]) == ("lasot", "imagenet_mobile", 4)
    assert facts["preset"]["search"]["crop_side"] == 96
    # the absent frame is a failure by LaSOT's rule
    assert (
        max(float(line.split()[1]) for line in said[:8]) <= (FRAMES - 1) / FRAMES * 20 / 21 + 1e-3
    )

    assert main(["reproduce", str(out), "--data", str(lasot), "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert said.count("the same") == 8
    path = out / "seed-3" / "airplane-1.txt"
    lines = path.read_text().splitlines()
    lines[2] = "9.0000" + lines[2][lines[2].index(",") :]
    path.write_text("\n".join(lines) + "\n")
    again = ["reproduce", str(out / "seed-3"), "airplane-1", "--data", str(lasot)]
    assert main([*again, "--device", "cpu"]) == 1
    assert (
        "  airplane-1  differs from frame 3 of 6 on, most in frame 3: " in capsys.readouterr().out
    )


def write_frames(folder: Path, first: int, digits: int) -> None:
    folder.mkdir(parents=True)
    for k in range(FRAMES):
        write_demo_image(folder / f"{k + first:0{digits}d}.jpg", k)


def write_got10k(root: Path) -> None:
    """One sequence of val, whose lists lie beside it and which is scored by cover, and one of
    test."""
    demo = demo_clip(0)
    for part, count in (("val", FRAMES), ("test", 1)):
        name = f"GOT-10k_{part.title()}_000001"
        folder = root / part / name
        write_frames(folder, first=1, digits=8)
        np.savetxt(folder / "groundtruth.txt", demo.boxes_xywh[:count], delimiter=",", fmt="%.4f")
        (root / part / "list.txt").write_text(f"{name}\n")
    val = root / "val" / "GOT-10k_Val_000001"
    (val / "absence.label").write_text("0\n" * FRAMES)
    (val / "cover.label").write_text("8\n" * (FRAMES - 1) + "0\n")
    height, width = demo.frame(0).shape[:2]
    (val / "meta_info.ini").write_text(f"[METAINFO]\nresolution: ({width}, {height})\n")


def write_trackingnet(root: Path) -> None:
    """One video of a part for training, and one of TEST."""
    for part, name, count in (("TRAIN_0", "zeta_0", FRAMES), ("TEST", "-Dz7OIf54b0_0", 1)):
        write_frames(root / part / "frames" / name, first=0, digits=1)
        (root / part / "anno").mkdir()
        truth = root / part / "anno" / f"{name}.txt"
        np.savetxt(truth, demo_clip(0).boxes_xywh[:count], delimiter=",", fmt="%.4f")


@pytest.mark.parametrize(
    ("server", "write", "annotated", "names", "hidden", "scores", "packed"),
    [
        (
            "got10k",
            write_got10k,
            "got10k_val",
            ("GOT-10k_Val_000001", "GOT-10k_Test_000001", "GOT-10k_Test_000002"),
            "got10k_test",
            ["AO", "SR50", "SR75"],
            ["GOT-10k_Test_000001/GOT-10k_Test_000001_001.txt"],
        ),
        (
            "trackingnet",
            write_trackingnet,
            "trackingnet_train_0",
            ("zeta_0", "-Dz7OIf54b0_0", "-FCJqWfi9Wo_0"),
            "trackingnet",
            ["AUC", "P", "NP"],
            ["-Dz7OIf54b0_0.txt"],
        ),
    ],
)
def test_results_are_reported_and_packed(
    server: str,
    write: Callable[[Path], None],
    annotated: str,
    names: tuple[str, str, str],
    hidden: str,
    scores: list[str],
    packed: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a server scores and what it does not: a sequence that is annotated has a report, the one
    that is not is packed, but not where it is a part of the server's list alone."""
    write(tmp_path / "data")
    known, tracked, missing = names
    own, archive = ["--data", str(tmp_path / "data")], tmp_path / "a.zip"
    for benchmark, name in ((annotated, known), (hidden, tracked)):
        words = ["evaluate", benchmark, *own, "--output", str(tmp_path / benchmark)]
        assert main([*words, *FAST, *SMALL, "--", name]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[1 : 1 + len(scores)]] == scores
    assert f"{tracked}  not annotated" in said
    assert said[-2] == "1 sequence was tracked: it is scored elsewhere"

    assert main(["report", annotated, str(tmp_path / annotated), *own]) == 0
    table = capsys.readouterr().out.splitlines()
    assert f"protocol {server}" in table[0]
    assert float(table[2].split()[1]) == pytest.approx(100 * float(said[1].split()[1]), abs=0.06)
    words = ["report", hidden, str(tmp_path / hidden), *own, f"--sequence={tracked}"]
    assert main(words) == 2
    assert "`pytracking pack` makes what it takes" in capsys.readouterr().err
    words = ["tune", hidden, *own, *FAST, "--set", "size.interval=1", "--", tracked]
    assert main(words) == 2
    assert "so variants cannot be compared on it" in capsys.readouterr().err
    pack = ["pack", server, str(tmp_path / hidden), "--output", str(archive)]
    assert main(pack) == 2
    assert missing in "".join(capsys.readouterr())
    assert not archive.exists()

    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / f"{hidden}.csv").write_text(f"name,frames\n{tracked},{FRAMES}\n")
    monkeypatch.setattr(benchmarks, "LISTS", tmp_path / "lists")
    assert main([*pack, *own]) == 0
    with zipfile.ZipFile(archive) as out:
        assert [name for name in out.namelist() if not name.endswith("_time.txt")] == packed
        rows = [line.split(",") for line in out.read(packed[0]).decode().splitlines()]
    boxes = np.loadtxt(
        tmp_path / hidden / "seed-3" / f"{tracked}.txt", delimiter=",", usecols=range(4)
    )
    np.testing.assert_allclose(np.array(rows, dtype=float), boxes, atol=0.0051)


def test_what_fails_is_told_of_at_the_end(
    lasot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (lasot / "airplane" / "airplane-1" / "img" / "00000003.jpg").unlink()
    assert main(evaluate(lasot, tmp_path / "out")) == 1
    out, err = capsys.readouterr()
    assert "worst" in out
    assert "3 sequences" in out
    assert err.splitlines()[-1].startswith("pytracking: sequence airplane-1: ")
    assert "00000003.jpg" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "lasott"], "'lasott' is no folder and no benchmark: did you mean lasot?"),
        (
            ["evaluate", "lasot", "--batch", "x"],
            "--batch takes a whole number of 1 or more, not 'x'",
        ),
        (["report"], "missing argument BENCHMARK, a name that `pytracking data` lists or a folder"),
        (["report", "lasot"], "missing argument [LABEL=]RESULT..., a folder that `pytracking eval"),
        (["play", "LASOT", "x", "y", "--output", "z.mp4", "--rate", "0"], "a number from 1 to 240"),
        (["evaluate", "lasot", "--protocol", "otb10"], "unknown protocol 'otb10': "),
        (["evaluate", "lasot", "airplane-2", "--data", "LASOT"], "no sequence 'airplane-2': "),
        (["evaluate", "lasot", "--data", "/nowhere"], "/nowhere"),
        (
            ["evaluate", "lasot", "airplane-1", "--data", "LASOT", "--protocol", "vot"],
            "protocol vot scores vot2018 and vot2019, not lasot",
        ),
        (
            ["evaluate", "LASOT/airplane", "--protocol", "lasot"],
            "sequence airplane-1: the annotation has no flags of absence, which protocol lasot",
        ),
        (["reproduce", "LASOT"], "holds no results of ours: give a folder that"),
        (
            ["tune", "lasot", "--data", "LASOT", "--set", "size.interval"],
            "is no field=value,value..: ",
        ),
        (
            [
                "tune",
                "lasot",
                "--data",
                "LASOT",
                "--set",
                "size.interval=1",
                "--set",
                "size.interval=2",
            ],
            "--set size.interval is there twice: give all its values at once",
        ),
        (
            ["tune", "vot2018", "--data", "LASOT", "--set", "size.interval=1"],
            "variants are not run through VOT's experiment with restarts: give --protocol otb",
        ),
        (
            ["tune", "lasot", "airplane-1", "--data", "LASOT", "--set", "size.interva=1"],
            "unknown setting 'size.interva' (in --set size.interva=1): did you mean size.interval?",
        ),
    ],
)
def test_bad_words_are_a_line(
    words: list[str], said: str, lasot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.replace("LASOT", str(lasot)) for word in words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_variants_are_tried_once(
    lasot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tune", "lasot", *NAMES[:2], "--data", str(lasot), "--output", str(tmp_path / "out")]
    words += [*FAST, "--set", "search.crop_side=96", "--set", "size.interval=2,1"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-2] == "AUC by protocol lasot over 2 sequences"
    assert len(said.splitlines()) == 5
    folders = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert folders[0] == "as_it_is"
    assert len(folders) == 3
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("airplane*")}
    assert len(times) == 6
    assert main(words) == 0
    assert capsys.readouterr().out == said
    assert times == {path: path.stat().st_mtime_ns for path in times}


def test_vot_is_run_with_restarts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tmp_path / "vot2018", tmp_path / "out"
    demo = demo_clip(0)
    (root / "bag" / "color").mkdir(parents=True)
    (root / "list.txt").write_text("bag\n")
    lines = []
    for k in range(9):
        image = np.ascontiguousarray(demo.frame(k)[:, :, ::-1])
        cv2.imwrite(str(root / "bag" / "color" / f"{k + 1:08d}.jpg"), image)
        x, y, w, h = np.array([5, 5, 40, 40]) if k == 2 else demo.boxes_xywh[k]
        lines.append(",".join(map(str, (x, y, x + w, y, x + w, y + h, x, y + h))))
    (root / "bag" / "groundtruth.txt").write_text("\n".join(lines) + "\n")
    words = ["evaluate", "vot2018", "--data", str(root), "--output", str(out), *FAST, *SMALL]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "bag  1 failure"
    assert re.search(r"^pysot +A (0\.\d{4}|nan)  R 11\.1111  EAO ", said, re.MULTILINE)
    (path,) = out.rglob("bag_001.txt")
    assert path.relative_to(out).parts[:3] == ("seed-3", "results", "imagenet_mobile")
    codes = [line.split(",")[0] for line in path.read_text().splitlines()]
    assert [code for code in codes if len(code) == 1] == ["1", "2", "0", "0", "0", "0", "1"]
    before = path.stat().st_mtime_ns
    assert main(words) == 0
    assert capsys.readouterr().out == said
    assert path.stat().st_mtime_ns == before
    assert main(["reproduce", str(out), "--data", str(root), "--device", "cpu"]) == 2
    assert "holds no boxes of vot2018 in one pass" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert capsys.readouterr().out == said
    assert path.stat().st_mtime_ns != before


@pytest.mark.slow
def test_a_killed_evaluation_goes_on(lasot: Path, tmp_path: Path) -> None:
    """The numbers of one that was not, and what was finished is untouched."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run = [sys.executable, "-m", "pytracking"]
    assert subprocess.run([*run, *evaluate(lasot, whole)], env=environment).returncode == 0
    process = subprocess.Popen([*run, *evaluate(lasot, killed)], env=environment)
    while not (done := list(killed.glob("seed-3/*-*.txt"))):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(done) < len(NAMES)
    before = {path: path.stat().st_mtime_ns for path in done}
    assert subprocess.run([*run, *evaluate(lasot, killed)], env=environment).returncode == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}
    for name in NAMES:
        one, other = (
            np.loadtxt(p / "seed-3" / f"{name}.txt", delimiter=",", usecols=range(4))
            for p in (whole, killed)
        )
        np.testing.assert_array_equal(one, other)
