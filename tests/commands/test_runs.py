"""Runs and their folders: what is read is never written over, what was written stays until it is said otherwise, and
two runs never share a folder."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.errors import ResultError
from pytracking.cli import main as pytracking
from pytracking.sinks.run_folder import Destination, run_folder
from pytracking.sources.demo_clip import DemoClip

BOX = ",".join(f"{v:.1f}" for v in DemoClip(0).boxes_xywh[0])
N = 4
FAST = ["--net", "imagenet_mobile", "--set", "search.crop_side=96", "--device", "cpu"]
RESULTS = ["boxes.txt", "run.json", "settings.toml", "timing.json", "video.mp4"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, clip = tmp_path_factory.mktemp("clip") / "cat.mp4", DemoClip(0)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (640, 360))
    for k in range(N):
        writer.write(clip.frame(k)[:, :, ::-1])
    writer.release()
    return path


@pytest.fixture
def video(clip: Path) -> Path:
    """A video named cat.mp4 where the test runs."""
    Path("cat.mp4").write_bytes(clip.read_bytes())
    return Path("cat.mp4")


@pytest.fixture
def frames() -> Path:
    """A sequence g/Girl of images, with true boxes."""
    return sequence(Path("g/Girl"))


def sequence(folder: Path) -> Path:
    (folder / "img").mkdir(parents=True)
    for k in range(N):
        cv2.imwrite(str(folder / "img" / f"{k}.png"), DemoClip(0).frame(k)[:, :, ::-1])
    np.savetxt(folder / "groundtruth.txt", DemoClip(0).boxes_xywh[:N], delimiter=",", fmt="%.3f")
    return folder


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line in one string: its status and what it said of an error."""

    def call(line: str) -> tuple[int, str]:
        name, *rest = line.split()
        status = pytracking([name, *FAST, *rest])
        return status, capsys.readouterr().err

    return call


def content(folder: Path) -> dict[str, object]:
    """All that lies below a folder."""
    return {
        str(p): os.readlink(p) if p.is_symlink() else p.is_file() and p.read_bytes()
        for p in folder.rglob("*")
    }


def names(folder: str) -> list[str]:
    return sorted(os.listdir(folder))


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "pytracking", *words, *FAST]


# --- an output equal to an input


REFUSED = {
    "the boxes": (
        "track cat.mp4 --boxes a/boxes.txt --output a",
        "results in a would overwrite the boxes a/boxes.txt: give another --output",
    ),
    "the settings": (
        f"track cat.mp4 --box {BOX} --settings a/settings.toml --output a",
        "results in a would overwrite the settings a/settings.toml: give another --output",
    ),
    "the network": (
        f"track cat.mp4 --box {BOX} --output a --net a/boxes.txt",
        "results in a would overwrite the network a/boxes.txt: give another --output",
    ),
    "the frames": (
        f"track g/Girl --box {BOX} --output g/Girl",
        "results in g/Girl would lie among the frames: give another --output",
    ),
    "the frames in img": (
        f"track g/Girl --box {BOX} --output g/Girl/img",
        "results in g/Girl/img would lie among the frames: give another --output",
    ),
    "pictures among the frames": (
        f"track g/Girl --box {BOX} --output o --debug-dir g/Girl",
        "results in g/Girl would lie among the frames: give another --debug-dir",
    ),
    "pictures below the frames": (
        f"track g/Girl --box {BOX} --output o --debug-dir g/Girl/new/seen",
        "results in g/Girl/new/seen would lie among the frames: give another --debug-dir",
    ),
    "pictures and results": (
        f"track cat.mp4 --box {BOX} --output o --debug-dir x/../o",
        "--debug-dir and --output are one folder, x/../o: give two",
    ),
    "pictures and results of their own folder": (
        f"track cat.mp4 --box {BOX} --debug-dir outputs/track/cat",
        "--debug-dir and --output are one folder, outputs/track/cat: give two",
    ),
    "the video": (
        f"track a/video.mp4 --box {BOX} --output a",
        "results in a would overwrite the video a/video.mp4: give another --output",
    ),
    "the video itself": (
        f"track cat.mp4 --box {BOX} --output cat.mp4",
        "results in cat.mp4 would overwrite the video cat.mp4: give another --output",
    ),
    "an unfinished video": (
        f"track a/video.partial.mp4 --box {BOX} --output a",
        "the video a/video.partial.mp4 has the name of an unfinished result in a: rename it, or give another --output",
    ),
    "a video that a killed run left": (
        f"track a/video.mp4.0123456789abcdef.partial.mp4 --box {BOX} --output a",
        "the video a/video.mp4.0123456789abcdef.partial.mp4 has the name of an unfinished result in a: rename it, or "
        "give another --output",
    ),
    "a link to the folder": (
        f"track a/video.mp4 --box {BOX} --output link",
        "results in link would overwrite the video a/video.mp4: give another --output",
    ),
    "a link to the video": (
        f"track video-link.mp4 --box {BOX} --output a",
        "results in a would overwrite the video video-link.mp4: give another --output",
    ),
    "a link from a result": (
        f"track cat.mp4 --box {BOX} --output links",
        "results in links would overwrite the video cat.mp4: give another --output",
    ),
    "another name of the video": (
        f"track cat.mp4 --box {BOX} --output hard",
        "results in hard would overwrite the video cat.mp4: give another --output",
    ),
    "demo's own video": (
        f"demo --video a/video.mp4 --box {BOX} --output a",
        "results in a would overwrite the video a/video.mp4: give another --output",
    ),
    "demo's settings": (
        "demo --settings a/boxes.txt --output a",
        "results in a would overwrite the settings a/boxes.txt: give another --output",
    ),
    "annotations beside a sequence": (
        "evaluate g/Girl --output g",
        "results in g would lie among the annotations: give another --output",
    ),
    "annotations in a sequence": (
        "evaluate g --output g/Girl",
        "results in g/Girl would lie among the annotations: give another --output",
    ),
    "annotations of the frames": (
        "evaluate g --output g/Girl/img",
        "results in g/Girl/img would lie among the annotations: give another --output",
    ),
    "annotations through a link": (
        "evaluate g --output links",
        "results in links would overwrite the annotations g/Girl/groundtruth.txt: give another --output",
    ),
    "evaluate's settings": (
        "evaluate g --settings a/Girl.txt --output a",
        "results in a would overwrite the settings a/Girl.txt: give another --output",
    ),
}


@pytest.mark.parametrize("overwrite", ["", " --overwrite"])
@pytest.mark.parametrize("how", REFUSED)
def test_no_run_writes_over_what_it_reads(
    how: str, overwrite: str, video: Path, frames: Path, run: Run, tmp_path: Path
) -> None:
    line, said = REFUSED[how]
    for folder in ("a", "links", "hard", "x"):
        Path(folder).mkdir()
    for name in ("video.mp4", "video.partial.mp4", "video.mp4.0123456789abcdef.partial.mp4"):
        Path("a", name).write_bytes(video.read_bytes())
    Path("a/boxes.txt").write_text(BOX + "\n")
    for name in ("settings.toml", "Girl.txt"):
        Path("a", name).write_text("[size]\ninterval = 3\n")
    Path("g/Girl.txt").write_text("the truth of a video Girl.mp4\n")
    Path("link").symlink_to("a")
    Path("video-link.mp4").symlink_to("a/video.mp4")
    Path("links/video.mp4").symlink_to("../cat.mp4")
    Path("hard/video.mp4").hardlink_to("cat.mp4")
    Path("links/Girl.txt").symlink_to("../g/Girl/groundtruth.txt")
    before = content(tmp_path)
    assert run(line + overwrite) == (2, f"pytracking: {said}\n")
    assert content(tmp_path) == before


# --- a second run


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


def test_evaluate_has_a_folder_of_its_own(frames: Path, run: Run) -> None:
    for _ in range(2):
        assert run("evaluate g") == (0, "")
    assert names("outputs/evaluate") == ["imagenet_mobile", "imagenet_mobile-2", "latest"]
    assert names("outputs/evaluate/latest") == ["Girl.txt", "run.json", "scores.json"]


FILLED = "{} is not empty: give --overwrite to replace the results of an earlier run there, or another {}"


@pytest.mark.parametrize(
    ("line", "option"),
    [
        (f"track cat.mp4 --box {BOX} --output a", "--output"),
        (f"track cat.mp4 --box {BOX} --debug-dir a", "--debug-dir"),
        (f"demo --video cat.mp4 --box {BOX} --output a", "--output"),
        ("demo --output a", "--output"),
        ("evaluate g --output a", "--output"),
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
    assert names("d") == ["000002_mine.png", "000002_target.png", "index.html", "run.json"]
    assert json.loads(Path("a/run.json").read_text())["files"] == sorted({*RESULTS} - {"run.json"})


def test_files_of_others_are_not_replaced(
    video: Path, frames: Path, run: Run, tmp_path: Path
) -> None:
    for folder, name in (("a", "video.mp4"), ("b", "run.json"), ("c", "Girl.txt")):
        Path(folder).mkdir()
        Path(folder, name).write_text('{"files": ["mine.txt"]}')
    Path("b/mine.txt").write_text("mine")
    before = content(tmp_path)
    for line, file in (
        (f"track cat.mp4 --box {BOX} --output a", "a/video.mp4"),
        (f"track cat.mp4 --box {BOX} --output b", "b/run.json"),
        ("evaluate g --output c", "c/Girl.txt"),
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
    assert names("a") == ["Boy.txt", "Girl.txt", "run.json", "scores.json"]
    Path("a/Man.txt").write_text("mine")
    assert run("evaluate g Girl --output a --overwrite") == (0, "")
    assert names("a") == ["Girl.txt", "Man.txt", "run.json", "scores.json"]


def test_an_interrupted_evaluation(frames: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was finished stays, without what an earlier run has left; nothing leaves nothing."""
    import pytracking.apps.evaluate as evaluate

    sequence(Path("g/Boy"))
    assert run("evaluate g --output a") == (0, "")
    track = evaluate.track_sequence

    def interrupted(tracker, sequence, path):  # type: ignore[no-untyped-def]
        if sequence.name == "Girl":
            raise KeyboardInterrupt
        return track(tracker, sequence, path)

    monkeypatch.setattr(evaluate, "track_sequence", interrupted)
    said = "pytracking: interrupted; kept the {} sequences that were finished in {}\n"
    assert run("evaluate g --output a --overwrite") == (130, said.format(1, "a"))
    assert names("a") == ["Boy.txt", "run.json", "scores.json"]
    assert run("evaluate g Girl") == (130, said.format(0, "outputs/evaluate/imagenet_mobile"))
    assert names("outputs/evaluate") == []


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


# --- two runs at once


TAKEN = "another run is writing to {}: wait for its end, or give another {}"


@pytest.mark.parametrize(
    ("line", "option"),
    [
        (f"track cat.mp4 --box {BOX} --output a", "--output"),
        (f"track cat.mp4 --box {BOX} --output o --debug-dir a", "--debug-dir"),
        ("demo --output a", "--output"),
        ("evaluate g --output a", "--output"),
    ],
)
def test_a_folder_that_is_being_written_is_refused(
    line: str, option: str, video: Path, frames: Path, run: Run
) -> None:
    with run_folder(Destination("--output", Path("a"), ["boxes.txt"])):
        before = content(Path("a"))
        for more in ("", " --overwrite"):
            assert run(line + more) == (2, f"pytracking: {TAKEN.format('a', option)}\n")
        assert content(Path("a")) == before
    assert not Path("a").exists()
    assert not Path("o").exists()


def test_a_lock_that_is_freed_while_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder removes the file after another run has opened it: to lock that one would lock nothing."""
    flock, left = fcntl.flock, [Path("a/.run.lock")]

    def late(descriptor: int, operation: int) -> None:
        while left:
            left.pop().unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    results = Destination("--output", Path("a"), ["boxes.txt"])
    with (
        run_folder(results),
        pytest.raises(ResultError, match="another run is writing to a: "),
        run_folder(results),
    ):
        raise AssertionError("two runs in one folder")


@pytest.mark.slow
def test_the_lock_of_a_killed_run_is_free(run: Run) -> None:
    """Nor does what it left count as anything."""
    for k in range(1, 151):
        Path("long").mkdir(exist_ok=True)
        cv2.imwrite(f"long/{k}.jpg", DemoClip(0).frame(k - 1)[:, :, ::-1])
    line = ["track", "long", "--box", BOX, "--output", "a"]
    process = subprocess.Popen(command(*line), env={**os.environ, "OMP_NUM_THREADS": "1"})
    wait_for(lambda: any(p.stat().st_size for p in Path().glob("a/boxes.txt.*.partial")), process)
    assert run(" ".join(line)) == (2, f"pytracking: {TAKEN.format('a', '--output')}\n")
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert ".run.lock" in names("a")
    for old in list(Path("long").iterdir())[N:]:
        old.unlink()
    assert run(" ".join(line)) == (0, "")
    assert names("a") == RESULTS


def test_pictures_of_a_killed_run_are_known(video: Path, run: Run) -> None:
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from pytracking.sinks.run_folder import Destination, run_folder\n"
        "with run_folder(Destination('--debug-dir', Path('d'), ['index.html'])) as run:\n"
        "    run.claim(['000031_old.png'])\n"
        "    Path('d/000031_old.png').write_text('old')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code])
    assert killed.returncode == -signal.SIGKILL
    line = f"track cat.mp4 --box {BOX} --output a --debug-dir d"
    assert run(line) == (2, f"pytracking: {FILLED.format('d', '--debug-dir')}\n")
    assert run(f"{line} --overwrite") == (0, "")
    assert names("d") == ["000002_target.png", "index.html", "run.json"]


def test_two_runs_at_once_have_two_folders(video: Path) -> None:
    processes = [
        subprocess.Popen(
            command("track", "cat.mp4", "--box", BOX),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in processes]
    assert [
        (process.returncode, error) for process, (_, error) in zip(processes, said, strict=True)
    ] == [
        (0, ""),
        (0, ""),
    ]
    assert names("outputs/track") == ["cat", "cat-2", "latest"]
    assert os.readlink("outputs/track/latest") in ("cat", "cat-2")
    for folder in ("cat", "cat-2"):
        assert names(f"outputs/track/{folder}") == RESULTS
        assert sum(f"outputs/track/{folder}/boxes.txt" in out for out, _ in said) == 1


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if condition():
            return
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError("nothing happened within a minute")
