"""A run has a folder of its own: what was written stays until it is said otherwise."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from run_line import BOX, EVALUATED, FILLED, RESULTS, N, Run, content, names, sequence


def test_each_run_has_a_folder_of_its_own(video: Path, run: Run) -> None:
    for number, folder in enumerate(("cat", "cat-2", "cat-3"), 1):
        assert run(f"track cat.mp4 --box {BOX}") == (0, "")
        assert names("outputs/track") == [*["cat", "cat-2", "cat-3"][:number], "latest"]
        assert names(f"outputs/track/{folder}") == RESULTS
        assert os.readlink("outputs/track/latest") == folder
    first = Path("outputs/track/cat/timing.json").read_text()
    assert run(f"track cat.mp4 --box {BOX} --overwrite") == (0, "")
    assert os.readlink("outputs/track/latest") == "cat"
    assert Path("outputs/track/cat/timing.json").read_text() != first
    assert names("outputs/track") == ["cat", "cat-2", "cat-3", "latest"]


def test_a_result_can_be_tracked(video: Path, run: Run) -> None:
    """Its own folder is taken: the run gets another one, and the video stays."""
    Path("outputs/track/video").mkdir(parents=True)
    own = Path("outputs/track/video/video.mp4")
    own.write_bytes(video.read_bytes())
    assert run(f"track {own} --box {BOX}") == (0, "")
    assert own.read_bytes() == video.read_bytes()
    assert names("outputs/track") == ["latest", "video", "video-2"]


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_latest_is_left_out_where_it_cannot_be(kind: str, video: Path, run: Run) -> None:
    latest = Path("outputs/track/latest")
    latest.parent.mkdir(parents=True)
    if kind == "file":
        latest.write_text("mine")
    elif kind == "folder":
        latest.mkdir()
    os.rename("cat.mp4", "latest.mp4")
    assert run(f"track latest.mp4 --box {BOX}") == (0, "")
    assert names("outputs/track") == ["latest", "latest-2"]
    assert latest.is_symlink() == (kind == "link"), "no run is named so"


def test_evaluate_has_a_folder_for_each_tracker(frames: Path, run: Run) -> None:
    for _ in range(2):
        assert run("evaluate g") == (0, "")
    assert run("evaluate g --set size.interval=5") == (0, "")
    assert run("evaluate g --runs 2") == (0, "")
    assert names("outputs/evaluate/g") == ["imagenet_mobile", "imagenet_mobile-2"]
    assert names("outputs/evaluate/g/imagenet_mobile") == ["seed-0", "seed-1"]
    assert names("outputs/evaluate/g/imagenet_mobile-2/seed-0") == EVALUATED


def test_results_of_another_tracker_are_not_mixed(frames: Path, run: Run) -> None:
    assert run("evaluate g --output a") == (0, "")
    before = content(Path("a"))
    status, said = run("evaluate g --output a --set size.interval=5")
    assert status == 2
    assert said.startswith(
        "pytracking: a/seed-0 holds results of another tracker (size.interval 2, not 5): "
    )
    assert content(Path("a")) == before
    assert run("evaluate g --output a --set size.interval=5 --overwrite") == (0, "")
    assert (
        json.loads(Path("a/seed-0/evaluation.json").read_text())["preset"]["size"]["interval"] == 5
    )


@pytest.mark.parametrize(
    ("line", "option"),
    [
        (f"track cat.mp4 --box {BOX} --output a", "--output"),
        (f"track cat.mp4 --box {BOX} --debug-dir a", "--debug-dir"),
        (f"demo --video cat.mp4 --box {BOX} --output a", "--output"),
        ("demo --output a", "--output"),
    ],
)
def test_a_folder_that_is_not_empty_is_refused(
    line: str, option: str, video: Path, frames: Path, run: Run, tmp_path: Path
) -> None:
    Path("a").mkdir()
    Path("a/notes.txt").write_text("mine")
    before = content(tmp_path)
    assert run(line) == (2, f"pytracking: {FILLED.format('a', option)}\n")
    assert content(tmp_path) == before


def test_stale_files_never_lie_among_the_new(video: Path, run: Run) -> None:
    """Those of ours go, others stay."""
    line = "track cat.mp4 --output a --debug-dir d --overwrite"
    assert run(f"{line} --box left={BOX} --box right={BOX}") == (0, "")
    assert "boxes_right.txt" in names("a")
    assert "000002_right.png" in names("d")
    Path("a/boxes_mine.txt").write_text("mine")
    Path("a/mine").mkdir()
    Path("d/000002_mine.png").write_text("mine")
    assert run(f"{line} --box {BOX}") == (0, "")
    assert names("a") == sorted([*RESULTS, "boxes_mine.txt", "mine"])
    assert names("d") == [
        "000002_mine.png",
        "000002_target.png",
        "index.html",
        "run.html",
        "run.json",
    ]
    assert json.loads(Path("a/run.json").read_text())["files"] == sorted({*RESULTS} - {"run.json"})


def test_files_of_others_are_not_replaced(
    video: Path, frames: Path, run: Run, tmp_path: Path
) -> None:
    for folder, name in (("a", "video.mp4"), ("b", "run.json"), ("c/seed-0", "Girl.txt")):
        Path(folder).mkdir(parents=True)
        Path(folder, name).write_text('{"files": ["mine.txt"]}')
    Path("b/mine.txt").write_text("mine")
    before = content(tmp_path)
    for line, file in (
        (f"track cat.mp4 --box {BOX} --output a", "a/video.mp4"),
        (f"track cat.mp4 --box {BOX} --output b", "b/run.json"),
        ("evaluate g --output c", "c/seed-0/Girl.txt"),
    ):
        said = (
            f"pytracking: {file} is not of an earlier run: move it away, or give another --output\n"
        )
        assert run(f"{line} --overwrite") == (2, said)
    assert content(tmp_path) == before


def test_a_list_of_files_cannot_name_others(video: Path, run: Run) -> None:
    """Whatever was written into run.json: only plain files of the folder itself go."""
    Path("a/folder").mkdir(parents=True)
    files = ["../cat.mp4", str(video.absolute()), "folder", "..", ".", "", "old.txt"]
    Path("a/run.json").write_text(json.dumps({"program": "pytracking", "files": files}))
    Path("a/old.txt").write_text("old")
    assert run(f"track cat.mp4 --box {BOX} --output a --overwrite") == (0, "")
    assert video.exists()
    assert names("a") == sorted([*RESULTS, "folder"])


def test_a_run_without_a_frame_leaves_what_was_there(video: Path, run: Run, tmp_path: Path) -> None:
    lines = (f"track cat.mp4 --box {BOX} --output a", "track cat.mp4 --box b=9,9,0.1,9 --output a")
    said = (
        "pytracking: box 9,9,0.1,9 is smaller than 2 pixels a side: enlarge the frame or the box\n"
    )
    assert run(f"{lines[1]} --debug-dir d") == (2, said)
    assert names(".") == ["cat.mp4"], "a folder in which nothing lies is removed"
    assert run(lines[0]) == (0, "")
    before = content(tmp_path)
    assert run(f"{lines[1]} --overwrite") == (2, said)
    assert content(tmp_path) == before


def test_evaluate_overwrites_its_own_alone(frames: Path, run: Run) -> None:
    sequence(Path("g/Boy"))
    assert run("evaluate g --output a") == (0, "")
    assert names("a/seed-0") == ["Boy.txt", *EVALUATED]
    Path("a/seed-0/Man.txt").write_text("mine")
    assert run("evaluate g Girl --output a --overwrite") == (0, "")
    assert names("a/seed-0") == ["Girl.txt", "Man.txt", "evaluation.json", "run.json"]


def test_an_interrupted_evaluation(
    frames: Path, run: Run, interrupt_at: Callable[[str], None]
) -> None:
    """What was finished stays, without what an earlier run has left; nothing leaves nothing."""
    sequence(Path("g/Boy"))
    assert run("evaluate g --output a") == (0, "")
    interrupt_at("Girl")
    said = "pytracking: interrupted; kept what was finished in {}: {}; the same command goes on\n"
    assert run("evaluate g --output a --overwrite") == (130, said.format("a", "1 sequence"))
    assert names("a/seed-0") == ["Boy.txt", "evaluation.json", "run.json"]
    assert run("evaluate g Girl") == (
        130,
        said.format("outputs/evaluate/g/imagenet_mobile", "0 sequences"),
    )
    assert names("outputs/evaluate/g/imagenet_mobile/seed-0") == ["evaluation.json", "run.json"]


def test_a_full_disk_keeps_what_earlier_runs_wrote(
    video: Path, run: Run, file_size_limit: Callable[[int], None]
) -> None:
    line = "track cat.mp4 --output a --overwrite"
    assert run(f"{line} --box left={BOX} --box right={BOX}") == (0, "")
    before = Path("a/video.mp4").read_bytes()
    file_size_limit(8_000)
    status, error = run(f"{line} --box {BOX}")
    assert (status, error.count("\n")) == (1, 1)
    assert error.startswith("pytracking: cannot write video a/video.mp4: ")
    assert Path("a/video.mp4").read_bytes() == before
    assert names("a") == sorted([*RESULTS, "boxes_left.txt", "boxes_right.txt"])


def test_the_demo_overwrites_its_own_folder(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what a version without run.json left, and pictures that an interrupted demo does not come to."""
    import pytracking.apps.demo as demo

    Path("outputs/demo").mkdir(parents=True)
    for name in ("boxes.txt", "strip.png", "mine.txt"):
        Path("outputs/demo", name).write_text("old")
    tracked = demo.tracked

    def interrupted(clip, tracker, output):  # type: ignore[no-untyped-def]
        clip.length = N
        monkeypatch.setattr(type(clip), "__iter__", lambda self: map(self.frame, range(N)))
        tracked(clip, tracker, output)
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "tracked", interrupted)
    said = "pytracking: interrupted; video and boxes until then are in outputs/demo\n"
    assert run("demo") == (130, said)
    assert names("outputs/demo") == ["boxes.txt", "demo.mp4", "mine.txt", "run.json"]
    assert len(Path("outputs/demo/boxes.txt").read_text().splitlines()) == N
