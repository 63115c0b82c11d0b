"""`pytracking pack`: archives byte by byte, and everything that is wrong said at once."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from pytracking.cli import main
from pytracking.evaluation.results import find_runs
from pytracking.evaluation.trajectories import Trajectory, write_trajectory
from pytracking.sequences.benchmarks import BENCHMARKS

GOT10K = {row.name: row.frames or 0 for row in BENCHMARKS["got10k_test"].listed()}
TRACKINGNET = [row.name for row in BENCHMARKS["trackingnet"].listed()]


def trajectory(frames: int, x: float = 1.23456) -> Trajectory:
    boxes = np.tile([x, 2.0, 30.5, 40.25], (frames, 1))
    return Trajectory(
        boxes,
        np.full(frames, 0.5),
        ("init", *["found"] * (frames - 1)),
        np.full(frames, 0.125),
    )


def ours_for_got10k(root: Path, seeds: int = 1) -> Path:
    for seed in range(seeds):
        (root / "mine" / f"seed-{seed}").mkdir(parents=True)
        for name, frames in GOT10K.items():
            path = root / "mine" / f"seed-{seed}" / f"{name}.txt"
            write_trajectory(path, trajectory(frames, 1.23456 + seed))
    return root / "mine"


def test_got10k_takes_runs_as_repetitions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, output = ours_for_got10k(tmp_path, seeds=2), tmp_path / "out.zip"
    assert main(["pack", "got10k", str(results), "--output", str(output)]) == 0
    assert capsys.readouterr().out == (
        f"{output}: 180 sequences, 2 runs, as GOT-10k, test is submitted\n"
    )
    with zipfile.ZipFile(output) as archive:
        names = [
            f"{name}/{name}_{end}.txt" for name in sorted(GOT10K) for end in ("001", "002", "time")
        ]
        assert archive.namelist() == names
        assert len(names) == 3 * 180
        first = next(iter(GOT10K))
        boxes, second, times = (archive.read(name).decode() for name in names[:3])
    assert boxes == "1.235,2.000,30.500,40.250\n" * GOT10K[first]
    assert second.startswith("2.235,")
    assert times == "0.12500000,0.12500000\n" * GOT10K[first]
    # what is packed is what is read
    runs = find_runs(output, GOT10K)
    assert [run.name for run in runs] == ["001", "002"]
    again = runs[1].readers[first]()
    np.testing.assert_allclose(again.boxes_xywh[:, 0], 2.235)
    assert again.seconds is not None
    assert again.seconds.tolist() == [0.125] * GOT10K[first]


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    results = ours_for_got10k(tmp_path)
    for name in ("a.zip", "b.zip"):
        assert main(["pack", "got10k", str(results), "--output", str(tmp_path / name)]) == 0
        for file in (results / "seed-0").iterdir():
            file.touch()
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_all_that_is_wrong_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "plain"
    for name, frames in GOT10K.items():
        (folder / name).mkdir(parents=True)
        (folder / name / f"{name}_001.txt").write_text("1,2,3,4\n" * frames)
        (folder / name / f"{name}_time.txt").write_text("0.1\n" * frames)
    missing, short, nan, text, untimed, timed, negative = list(GOT10K)[:7]
    (folder / missing / f"{missing}_001.txt").rename(folder / "GOT10k_Test_1.txt")
    (folder / short / f"{short}_001.txt").write_text("1,2,3,4\n" * 9)
    (folder / nan / f"{nan}_001.txt").write_text(
        "1,2,3,4\nnan,2,3,4\n" + "1,2,3,4\n" * (GOT10K[nan] - 2)
    )
    (folder / text / f"{text}_001.txt").write_text("1,2,3,4\nx\n")
    (folder / untimed / f"{untimed}_time.txt").unlink()
    (folder / timed / f"{timed}_time.txt").write_text("0.1\n")
    (folder / negative / f"{negative}_time.txt").write_text("-1\n" * GOT10K[negative])
    output = tmp_path / "out.zip"
    assert main(["pack", "got10k", str(folder), "--output", str(output)]) == 2
    place = lambda name: f"{folder}/{name}/{name}_001.txt"  # noqa: E731
    assert capsys.readouterr().err.splitlines() == [
        f"pytracking: {line}"
        for line in (
            f"{folder} has no result of {missing}",
            f"{place(short)} has 9 boxes, but the sequence {GOT10K[short]} frames",
            f"{place(short)} has 9 boxes, but the times of {GOT10K[short]} frames",
            f"{place(timed)} has {GOT10K[timed]} boxes, but the times of 1 frame",
            f"{place(nan)}, line 2: nan,2,3,4 is not finite",
            f"{place(text)}, line 2: 'x' is not a box x,y,w,h",
            f"{place(untimed)} has no times beside it, which the server wants: NAME_time.txt",
            f"{place(negative)}: -1 s, the time of frame 1, is none",
            f"{folder}/GOT10k_Test_1.txt is called after no sequence of the benchmark",
            "nothing is packed: 9 things are wrong",
        )
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain"]


def test_of_a_part_of_a_benchmark_a_few_lines_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = ours_for_got10k(tmp_path)
    names = list(GOT10K)
    for name in names[3:]:
        (results / "seed-0" / f"{name}.txt").unlink()
    assert main(["pack", "got10k", str(results), "--output", str(tmp_path / "out.zip")]) == 2
    *lines, more, last = capsys.readouterr().err.splitlines()
    assert lines == [
        f"pytracking: {results} has no result of run seed-0 of {name}" for name in names[3:8]
    ]
    assert more == "pytracking: and 172 more of this kind"
    assert last == "pytracking: nothing is packed: 177 things are wrong"


def test_trackingnet_is_flat_and_of_one_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("dimp_000", "dimp_001"):
        (tmp_path / "tracker" / folder).mkdir(parents=True)
        for name in TRACKINGNET:
            (tmp_path / "tracker" / folder / f"{name}.txt").write_text("1\t2.345\t3\t4\n" * 3)
    assert main(["pack", "trackingnet", "tracker"]) == 2
    assert capsys.readouterr().err == (
        "pytracking: tracker holds 2 runs, dimp 000 and dimp 001 among them, and the server takes "
        "one: give the folder of one\n"
    )
    assert main(["pack", "trackingnet", "tracker/dimp_001"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("dimp_001_trackingnet.zip: 511 sequences, as TrackingNet")
    assert out[1].startswith("line counts were not compared")
    with zipfile.ZipFile("dimp_001_trackingnet.zip") as archive:
        assert archive.namelist() == sorted(f"{name}.txt" for name in TRACKINGNET)
        rows = archive.read(f"{TRACKINGNET[0]}.txt").decode()
    assert rows == "1.00,2.35,3.00,4.00\n" * 3 or rows == "1.00,2.34,3.00,4.00\n" * 3
    assert main(["pack", "trackingnet", "tracker/dimp_001"]) == 2
    assert "is there: give another --output, or --overwrite" in capsys.readouterr().err
    packed = "dimp_001_trackingnet.zip"
    assert main(["pack", "trackingnet", packed, "--output", packed, "--overwrite"]) == 2
    assert "is what is packed: give another --output" in capsys.readouterr().err
    assert main(["pack", "trackingnet", "tracker/dimp_001", "--overwrite"]) == 0


def test_trackingnet_with_its_folder_knows_the_lengths(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "data" / "TEST" / "anno").mkdir(parents=True)
    for k, name in enumerate(TRACKINGNET):
        (tmp_path / "results" / f"{name}.txt").write_text("1,2,3,4\n" * (2 if k else 3))
        (tmp_path / "data" / "TEST" / "anno" / f"{name}.txt").write_text("1,2,3,4\n")
        frames = tmp_path / "data" / "TEST" / "frames" / name
        frames.mkdir(parents=True)
        for number in range(2):
            (frames / f"{number}.jpg").touch()
    command = ["pack", "trackingnet", str(tmp_path / "results"), "--data", str(tmp_path / "data")]
    assert main([*command, "--output", str(tmp_path / "out.zip")]) == 2
    assert capsys.readouterr().err.splitlines()[0] == (
        f"pytracking: {tmp_path}/results/{TRACKINGNET[0]}.txt has 3 boxes, but the sequence 2 "
        "frames"
    )
