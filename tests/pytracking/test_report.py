"""`pytracking report`: what it prints and writes, from a small made-up benchmark."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pytracking.cli import main
from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.evaluation.run_facts import RunFacts, write_facts
from pytracking.evaluation.scoring import one_pass_auc
from pytracking.evaluation.trajectories import Trajectory, write_trajectory
from pytracking.tracker.preset_settings import SizeSearch, TrackerPreset

NAMES = ["car", "dog", "kite"]
FRAMES = 12
SHIFTS = {"good": 2.0, "poor": 9.0}


def true_boxes(name: str) -> np.ndarray:
    x = 10.0 + 3 * np.arange(FRAMES) + 7 * NAMES.index(name)
    return np.stack([x, 2 * x, np.full(FRAMES, 30.0), np.full(FRAMES, 20.0)], axis=1)


def boxes_of(tracker: str, name: str) -> np.ndarray:
    """Off by more from sequence to sequence."""
    boxes = true_boxes(name)
    boxes[1:, 0] += SHIFTS.get(tracker, 9.0) * (1 + NAMES.index(name))
    return boxes


def lines(boxes: np.ndarray) -> str:
    return "".join(",".join(f"{v:g}" for v in row) + "\n" for row in boxes)


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """A folder of sequences, whose frames nobody needs."""
    for name in NAMES:
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        (folder / "groundtruth.txt").write_text(lines(true_boxes(name)))
    return tmp_path / "data"


def results(root: Path, tracker: str, names: list[str] = NAMES) -> Path:
    (root / tracker).mkdir()
    for name in names:
        (root / tracker / f"{name}.txt").write_text(lines(boxes_of(tracker, name)))
    return root / tracker


def test_the_table_is_that_of_the_scores(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, poor = results(tmp_path, "good"), results(tmp_path, "poor")
    assert main(["report", str(benchmark), str(poor), f"mine={good}"]) == 0
    title, header, first, second = capsys.readouterr().out.splitlines()
    assert title == "data, 3 sequences, protocol one_pass"
    words = "tracker AUC 95 % SR50 P NP difference from poor 95 % of it"
    assert header.split() == words.split()
    aucs = {
        tracker: np.array([one_pass_auc(boxes_of(tracker, n), true_boxes(n)) for n in NAMES])
        for tracker in SHIFTS
    }
    low, high = bootstrap_interval(100 * aucs["good"])
    gain = 100 * (aucs["good"] - aucs["poor"])
    gain_low, gain_high = bootstrap_interval(gain)
    cells = first.split()
    assert cells[:5] == [
        "mine",
        f"{100 * aucs['good'].mean():.2f}",
        *f"{low:.1f} to {high:.1f}".split(),
    ]
    assert cells[8:] == [f"{gain.mean():+.2f}", *f"{gain_low:+.1f} to {gain_high:+.1f}".split()]
    assert second.split()[:2] == ["poor", f"{100 * aucs['poor'].mean():.2f}"]
    assert second.split()[-2:] == ["-", "-"]


def test_runs_of_one_tracker_are_averaged_with_their_spread_and_speed(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aucs = []
    for seed, tracker in enumerate(SHIFTS):
        folder = tmp_path / "mobile" / f"seed-{seed}"
        folder.mkdir(parents=True)
        for name in NAMES:
            boxes = boxes_of(tracker, name)
            write_trajectory(
                folder / f"{name}.txt",
                Trajectory(
                    boxes,
                    np.full(FRAMES, 0.5),
                    ("init", *["found"] * (FRAMES - 1)),
                    np.full(FRAMES, 0.05),
                ),
            )
        aucs.append(np.mean([one_pass_auc(boxes_of(tracker, n), true_boxes(n)) for n in NAMES]))
    frame = tmp_path / "all.csv"
    command = ["report", str(benchmark), str(tmp_path / "mobile"), "--frame", str(frame)]
    assert main(command) == 0
    _, header, row = capsys.readouterr().out.splitlines()
    assert header.split()[-3:] == ["runs", "spread", "fps"]
    assert row.split()[:2] == ["mobile", f"{100 * np.mean(aucs):.2f}"]
    assert row.split()[-3:] == ["2", f"{100 * np.std(aucs, ddof=1):.2f}", "20.0"]
    rows = list(csv.DictReader(frame.open()))
    assert len(rows) == 2 * len(NAMES)
    assert [row["run"] for row in rows[::3]] == ["seed-0", "seed-1"]
    kite = one_pass_auc(boxes_of("poor", "kite"), true_boxes("kite"))
    assert float(rows[-1]["AUC"]) == pytest.approx(100 * kite)


def test_the_frames_of_got10k_weigh_alike(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its mean is over frames: so is the interval, and one sequence has no interval."""
    values, weights = np.array([0.2, 0.8]), np.array([1.0, 3.0])
    low, high = bootstrap_interval(values, weights=weights)
    assert (low, high) == pytest.approx((0.2, 0.8))
    drawn = bootstrap_interval(np.repeat(values, 40), weights=np.repeat(weights, 40))
    assert drawn[0] < 0.65 < drawn[1]
    assert drawn[0] > 0.55
    good = results(tmp_path, "good")
    assert main(["report", str(benchmark), str(good), "--sequence", "dog"]) == 0
    assert "95 %" not in capsys.readouterr().out


def test_tables_in_files(benchmark: Path, tmp_path: Path) -> None:
    good, poor = results(tmp_path, "good"), results(tmp_path, "po|or_")
    output = tmp_path / "report"
    command = ["report", str(benchmark), str(good), str(poor), "--output", str(output)]
    assert main(command) == 0
    by_sequence = list(csv.DictReader((output / "sequences.csv").open()))
    assert [row["sequence"] for row in by_sequence] == ["kite", "dog", "car"]
    gains = [float(row["difference"]) for row in by_sequence]
    assert gains == sorted(gains)
    assert gains[0] == pytest.approx(
        float(by_sequence[0]["po|or_"]) - float(by_sequence[0]["good"])
    )
    curve = list(csv.reader((output / "success.csv").open()))
    assert curve[0] == ["overlap threshold", "good", "po|or_"]
    assert len(curve) == 22
    assert (output / "success.png").read_bytes().startswith(b"\x89PNG")
    assert (output / "success.pdf").read_bytes().startswith(b"%PDF")
    assert "po|or_" in (output / "index.html").read_text()
    text = (output / "report.md").read_text()
    assert "data, 3 sequences, protocol one\\_pass" in text
    assert "| po\\|or\\_ |" in text
    assert " | difference from good | 95 % of it |" in text
    assert "| sequence | frames | good | po\\|or\\_ | po\\|or\\_ less good |" in text
    assert "po|or\\_ & " in (output / "report.tex").read_text()
    assert main(command) == 2  # not empty
    assert main([*command, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{data}", "{good}", "--protocol", "otbb"], "unknown protocol 'otbb': did you mean otb?"),
        (["{data}", "{part}"], "{part} has no result of 'dog' and 1 more of 3 sequences in part, which protocol one_pass refuses: track them, or give --sequence NAME for each one that is to be compared"),
        (["{data}", "{short}"], "{short}/dog.txt: 5 boxes for 12 annotated frames, which protocol one_pass refuses"),
        (["{data}", "{good}", "--sequence", "dig"], "no sequence 'dig': did you mean dog?"),
        (["{data}", "{good}", "--frame", "x.doc"], "--frame x.doc: the name must end in .csv or .parquet"),
        (["{data}", "{good}", "--protocol", "lasot"], "{good}/car.txt: the annotation has no flags of absence, which protocol lasot needs"),
        (["lasott", "{good}"], "'lasott' is no folder and no benchmark: did you mean lasot? (pytracking data lists them)"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    benchmark: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    results(tmp_path, "good")
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "car.txt").write_text(lines(true_boxes("car")))
    (tmp_path / "short").mkdir()
    for name in NAMES:
        (tmp_path / "short" / f"{name}.txt").write_text(
            lines(true_boxes(name)[: 5 if name == "dog" else FRAMES])
        )
    places = {name: str(tmp_path / name) for name in ("data", "good", "part", "short")}
    assert main(["report", *(a.format(**places) for a in arguments)]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"pytracking: {message.format(**places)}\n")


def test_parquet_needs_pyarrow(
    benchmark: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    file = tmp_path / "scores.parquet"
    assert (
        main(["report", str(benchmark), str(results(tmp_path, "good")), "--frame", str(file)]) == 2
    )
    assert capsys.readouterr() == (
        "",
        f"pytracking: --frame {file}: pandas writes parquet with pyarrow, which is not installed: pip "
        "install pyarrow, or give a name that ends in .csv\n",
    )
    assert not file.exists()


def test_the_same_label_twice_is_told_apart(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = results(tmp_path, "good")
    (tmp_path / "good.json").write_text(json.dumps({n: true_boxes(n).tolist() for n in NAMES}))
    assert main(["report", str(benchmark), str(good), str(tmp_path / "good.json")]) == 0
    rows = capsys.readouterr().out.splitlines()[2:4]
    assert [row.split("  ")[0] for row in rows] == ["good (2)", "good"]


def test_the_same_name_twice_is_told_apart_by_where_it_lies(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folders of results, and networks that two trainings have called the same."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "theirs").mkdir()
    mine, theirs = (results(tmp_path / place, "good") for place in ("mine", "theirs"))
    assert labels_of([benchmark, mine, theirs], capsys) == ["mine/good", "theirs/good"]
    assert labels_of([benchmark, mine, f"good={theirs}"], capsys) == ["good", "good (2)"]

    for folder, run, interval in (("e-1", "a", 2), ("e-1-2", "b", 2), ("e-1-3", "b", 3)):
        own = results(tmp_path, folder).rename(tmp_path / "seed-0")
        preset = replace(TrackerPreset(), size=SizeSearch(interval=interval))
        network = str(tmp_path / run / "networks" / "e-1.safetensors")
        write_facts(own, RunFacts("data", network, "0" * 64, 0, preset, "0", "cpu", 1))
        (tmp_path / folder).mkdir()
        own.rename(tmp_path / folder / "seed-0")
    first, second, third = (tmp_path / name for name in ("e-1", "e-1-2", "e-1-3"))
    assert labels_of([benchmark, first, second], capsys) == ["a/e-1", "b/e-1"]
    assert labels_of([benchmark, second, third], capsys) == ["e-1-2", "e-1-3"]  # of one network
    assert labels_of([benchmark, first, second, third], capsys) == [
        "a/e-1",
        "b/e-1-2",
        "b/e-1-3",
    ]


def labels_of(words: Sequence[Path | str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The first column of the table of equally good trackers."""
    assert main(["report", *map(str, words)]) == 0
    return [re.split("  +", row)[0] for row in capsys.readouterr().out.splitlines()[2:]]


def test_only_the_first_boxes_are_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data" / "dog").mkdir(parents=True)
    (tmp_path / "data" / "dog" / "groundtruth.txt").write_text("1,2,30,40\n")
    assert main(["report", str(tmp_path / "data"), str(tmp_path)]) == 2
    assert "has the box of the first frame alone" in capsys.readouterr().err


def test_attributes_of_a_folder(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, told = results(tmp_path, "good"), benchmark / "sequences.json"
    told.write_text(
        json.dumps(
            {
                "car": {"attributes": ["occlusion", "blur"]},
                "dog": {"attributes": ["blur", "occlusion", "seen once"], "width": 3},
                "kite": {},
            }
        )
    )
    output = tmp_path / "report"
    assert main(["report", str(benchmark), str(good), "--output", str(output)]) == 0
    rows = list(csv.DictReader((output / "attributes.csv").open()))
    assert [(row["attribute"], row["sequences"]) for row in rows] == [
        ("occlusion", "2"),
        ("blur", "2"),
    ]
    aucs = [one_pass_auc(boxes_of("good", n), true_boxes(n)) for n in ("car", "dog")]
    assert float(rows[0]["good"]) == pytest.approx(100 * np.mean(aucs))
    for bad in ('{"car": {"attributes": "blur"}}', "[1]", "{"):
        told.write_text(bad)
        capsys.readouterr()
        assert main(["report", str(benchmark), str(good)]) == 2
        assert "sequences.json does not say the attributes of sequences" in capsys.readouterr().err


@pytest.fixture
def vot(tmp_path: Path) -> Path:
    """Two sequences of VOT, and a tracker that loses the second once."""
    (tmp_path / "vot").mkdir()
    (tmp_path / "vot" / "list.txt").write_text("a\nb\n")
    for name in "ab":
        folder = tmp_path / "vot" / name
        (folder / "color").mkdir(parents=True)
        cv2.imwrite(str(folder / "color" / "00000001.jpg"), np.zeros((100, 200, 3), np.uint8))
        (folder / "groundtruth.txt").write_text("10,10,50,10,50,50,10,50\n" * 40)
        rows = ["1", *["10,10,40,40"] * 39]
        if name == "b":
            rows[20:25], rows[25] = ["2", "0", "0", "0", "0"], "1"
        place = tmp_path / "Nano" / "baseline" / name
        place.mkdir(parents=True)
        (place / f"{name}_001.txt").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_vot_as_both_toolkits_count(vot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["report", "vot2018", str(vot / "Nano"), "--data", str(vot / "vot")]
    assert main([*command, "--output", str(vot / "out")]) == 0
    title, header, pysot, challenge, _ = capsys.readouterr().out.splitlines()
    assert title == "VOT 2018, short-term, 2 sequences, protocol vot"
    assert header.split() == ["tracker", "toolkit", "EAO", "A", "R", "failures"]
    assert pysot.split()[:2] == ["Nano", "pysot"]
    assert pysot.split()[-2:] == [f"{100 / 80:.4f}", "1.0000"]
    assert challenge.split()[:2] == ["Nano", "votchallenge"]
    assert challenge.split()[-2:] == [f"{np.exp(-30 * 0.5 / 40):.4f}", "0.5000"]
    rows = list(csv.DictReader((vot / "out" / "scores.csv").open()))
    assert [row["toolkit"] for row in rows] == ["pysot", "votchallenge"]
    (vot / "Nano" / "baseline" / "b" / "b_001.txt").write_text("1\n" * 3)
    assert main(command) == 2
    assert "b_001.txt has 3 lines, but the sequence 40 frames" in capsys.readouterr().err
    (vot / "Nano" / "baseline" / "b" / "b_001.txt").unlink()
    assert main(command) == 2
    assert "has no result of 'b', which protocol vot refuses" in capsys.readouterr().err


def test_vot_is_a_protocol_of_its_own_benchmarks(
    benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = results(tmp_path, "good")
    assert main(["report", str(benchmark), str(good), "--protocol", "vot"]) == 2
    assert capsys.readouterr().err == (
        "pytracking: protocol vot scores vot2018 or vot2019: give another --protocol\n"
    )
