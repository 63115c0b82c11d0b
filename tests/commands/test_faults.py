"""Nothing is lost: a full disk, signals and kill -9 in the middle of a command."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

import pytracking.sinks.video_writer as video_writer
from ltr.errors import ResultError
from ltr.signals import Termination, ending_of, termination
from pytracking import Tracker
from pytracking.cli import main as pytracking
from pytracking.sinks.run_folder import Destination, run_folder
from pytracking.sinks.video_writer import VideoWriter, frame_count, has_h264

BOX, FRAMES = "24,16,16,16", 60
LIMIT = 150_000
ENCODERS = [False, pytest.param(True, marks=pytest.mark.skipif(not has_h264(), reason="needs av"))]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise, which no encoder makes small: some 7 kB a frame."""
    folder, random = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for k in range(FRAMES):
        cv2.imwrite(
            str(folder / f"{k:03d}.png"), random.integers(0, 256, (120, 160, 3), dtype=np.uint8)
        )
    return folder


def command(source: Path, out: Path) -> list[str]:
    words = ["track", str(source), "--box", BOX, "--output", str(out), "--overwrite"]
    return [sys.executable, "-m", "pytracking", *words, "--net", "imagenet_mobile"]


def former_results(out: Path) -> bytes:
    """A folder with a video and boxes of an earlier run; the video's bytes."""
    files = ["boxes.txt", "video.mp4"]
    with run_folder(Destination("--output", out, files)), VideoWriter(out / files[1], 25) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
        (out / files[0]).write_text("former\n")
    return (out / "video.mp4").read_bytes()


# --- a full disk


@pytest.mark.parametrize("h264", ENCODERS)
@pytest.mark.parametrize(("frames", "limit"), [(12, 40_000), (100, LIMIT)])
def test_a_video_that_does_not_fit(
    tmp_path: Path, file_size_limit: Callable[[int], None], monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], h264: bool, frames: int, limit: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(video_writer, "has_h264", lambda: h264)
    former, path = former_results(tmp_path / "out"), tmp_path / "out" / "video.mp4"
    random, written = np.random.default_rng(0), []
    file_size_limit(limit)

    def write() -> None:
        with VideoWriter(path, 25) as video:
            for k in range(frames):
                video.write(random.integers(0, 256, (120, 160, 3), dtype=np.uint8))
                written.append(k)

    with pytest.raises(ResultError) as error:
        write()
    assert str(error.value) == f"cannot write video {path}: File too large"
    assert len(written) < 75, "told while the video is written, not at its end"
    assert "WARN" not in capfd.readouterr().err
    assert path.read_bytes() == former
    assert sorted(p.name for p in path.parent.iterdir()) == ["boxes.txt", "run.json", "video.mp4"]


def test_track_with_a_file_size_limit(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    former = former_results(out)
    done = subprocess.run(
        command(source, out),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )
    lines = (out / "boxes.txt").read_text().splitlines()
    assert done.returncode == 1
    assert done.stderr == (
        f"pytracking: cannot write video {out / 'video.mp4'}: File too large; "
        f"kept the {len(lines)} frames that were tracked in {out}\n"
    )
    assert done.stdout == ""
    assert 5 < len(lines) < FRAMES
    assert (out / "video.mp4").read_bytes() == former
    assert sorted(p.name for p in out.iterdir()) == [
        "boxes.txt",
        "run.json",
        "settings.toml",
        "timing.json",
        "video.mp4",
    ]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={LIMIT // 1024}k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a disk, and not everywhere")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_track_onto_a_full_disk(
    source: Path, tiny_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tiny_disk / "out"
    former = former_results(out)
    assert pytracking(command(source, out)[3:]) == 1
    lines = (out / "boxes.txt").read_text().splitlines()
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == (
        f"pytracking: cannot write video {out / 'video.mp4'}: No space left on device; "
        f"kept the {len(lines)} frames that were tracked in {out}"
    )
    assert all(line.count(",") == 5 for line in lines)
    assert (out / "video.mp4").read_bytes() == former
    assert not list(out.glob("*partial*"))


# --- signals


def started(source: Path, out: Path) -> subprocess.Popen[str]:
    """A run that has tracked three frames or more."""
    default = lambda: [signal.signal(n, signal.SIG_DFL) for n in (signal.SIGINT, signal.SIGHUP)]  # noqa: E731
    process = subprocess.Popen(
        command(source, out), stderr=subprocess.PIPE, text=True, preexec_fn=default
    )
    for _ in range(600):
        parts = list(out.glob("boxes.txt.*.partial"))
        if parts and parts[0].read_text().count("\n") >= 3:
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate())


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up")],
)
def test_termination_keeps_what_was_tracked(
    source: Path, tmp_path: Path, number: signal.Signals, status: int, word: str
) -> None:
    process = started(source, tmp_path / "out")
    process.send_signal(number)
    process.send_signal(signal.SIGTERM)  # as service managers do: once is enough
    _, error = process.communicate(timeout=60)
    lines = (tmp_path / "out" / "boxes.txt").read_text().splitlines()
    kept = f"kept the {len(lines)} frames that were tracked in {tmp_path / 'out'}"
    assert (process.returncode, error) == (status, f"pytracking: {word}; {kept}\n")
    assert frame_count(tmp_path / "out" / "video.mp4") == len(lines)
    assert not list((tmp_path / "out").glob("*partial*"))


def test_kill_leaves_the_former_results_and_the_next_run_clears_up(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    former = former_results(out)
    process = started(source, out)
    process.kill()
    process.communicate()
    assert (out / "video.mp4").read_bytes() == former
    assert (out / "boxes.txt").read_text() == "former\n"
    assert list(out.glob("*partial*"))
    short = tmp_path / "short"
    short.mkdir()
    for k in range(3):
        (short / f"{k}.png").symlink_to(source / f"{k:03d}.png")
    assert pytracking(command(short, out)[3:]) == 0
    assert len((out / "boxes.txt").read_text().splitlines()) == 3
    assert not list(out.glob("*partial*"))


KILLED = """
import os, signal, sys
import numpy as np
from ltr.files import write_text
from pytracking import Tracker

state, settings = sys.argv[1:]
tracker = Tracker.load("imagenet_mobile", device="cpu")
frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
tracker.initialize(frame, (24, 16, 16, 16))
tracker.save(state)
write_text(settings, "former", "settings")
print(tracker.track(frame).box)
tracker.resume(state)
print(tracker.track(frame).box, flush=True)
os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
if os.fork() == 0:
    write_text(settings, "new", "settings")
os.wait()
tracker.save(state)
"""


def test_kill_in_the_middle_of_a_state_and_of_settings(tmp_path: Path) -> None:
    state, settings = tmp_path / "state", tmp_path / "settings.toml"
    program = [sys.executable, "-c", KILLED, str(state), str(settings)]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert settings.read_text() == "former"
    assert len(list(tmp_path.glob("*partial"))) == 2
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    tracker = Tracker.load("imagenet_mobile", device="cpu")
    tracker.resume(state)
    assert done.stdout.splitlines() == [str(tracker.track(frame).box)] * 2


def test_the_first_termination_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert before is signal.SIG_DFL

    def ended() -> None:
        with termination():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Termination) as error:
        ended()
    assert ending_of(error.value) == (143, "terminated")
    assert ending_of(KeyboardInterrupt()) == (130, "interrupted")
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_ignored_hangup_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with termination():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
