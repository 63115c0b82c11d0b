"""Two runs never share a folder, and a killed one bars nobody."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from run_line import BOX, FILLED, RESULTS, N, Run, command, content, names

from ltr.errors import ResultError
from pytracking.sinks.run_folder import Destination, run_folder
from pytracking.sources.demo_clip import DemoClip

TAKEN = "another run is writing to {}: wait for its end, or give another {}"


@pytest.mark.parametrize(
    ("line", "option"),
    [
        (f"track cat.mp4 --box {BOX} --output a", "--output"),
        (f"track cat.mp4 --box {BOX} --output o --debug-dir a", "--debug-dir"),
        ("demo --output a", "--output"),
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


def test_a_seed_that_is_being_evaluated_is_refused(frames: Path, run: Run) -> None:
    seed = Path("a/seed-0")
    said = f"pytracking: {TAKEN.format(seed, '--output')}\n"
    with run_folder(Destination("--output", seed, ["Girl.txt"])):
        assert run("evaluate g --output a") == (2, said)


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
    assert names("d") == ["000002_target.png", "index.html", "run.html", "run.json"]


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
