"""Paths that are not UTF-8 are read, written and printed: in a process of its own, for OpenCV ended it at one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from demo_video import write_demo_video

from ltr.checkpoints import find_network
from ltr.paths import utf8_name
from pytracking.sources.demo_clip import DemoClip

N = 3
BOX = "150,250,50,50"
PROGRAM = """
import os, sys
from ltr.cli import main as ltr
from pytracking import Tracker
from pytracking.cli import main
from pytracking.sinks.video_writer import VideoWriter
from pytracking.sources.demo_clip import DemoClip

os.chdir(sys.argv[1])
folder = os.getcwd()
clip, frames, net, settings, boxes, state, out = (
    os.path.join(folder, os.fsdecode(name))
    for name in (b"v\\xfe.mp4", b"f\\xfd", b"n\\xf0.safetensors", b"s\\xfb.toml", b"b\\xfa.txt", b"t\\xf9", b"o\\xf8")
)
chosen = ["--boxes", boxes, "--settings", settings]
print(main(["track", clip, *chosen, "--net", net, "--preset", "imagenet_mobile", "--output", out, "--debug-dir", out + "d"]))
print(main(["track", frames, *chosen, "--net", "imagenet_mobile"]))
print(main(["track", clip + "x", *chosen]))
print(ltr(["inspect", net]))
tracker = Tracker.load(net, "imagenet_mobile", device="cpu")
tracker.initialize(DemoClip(0).frame(0), (150, 250, 50, 50))
tracker.save(state)
tracker.resume(state)
sys.modules["av"] = None
with VideoWriter(os.path.join(folder, os.fsdecode(b"m\\xf7.mp4")), 25) as video:
    for k in range(3):
        video.write(DemoClip(0).frame(k))
"""


def frames_in(path: Path) -> int:
    with utf8_name(path) as name:
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    return sum(capture.grab() for _ in range(N + 1))


def test_paths_that_are_not_utf8(tmp_path: Path) -> None:
    write_demo_video(tmp_path / "plain.mp4", N)
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xff"))
    frames = folder / os.fsdecode(b"f\xfd")
    try:
        frames.mkdir(parents=True)
    except OSError:
        pytest.skip("this file system has no such names")
    (tmp_path / "plain.mp4").rename(folder / os.fsdecode(b"v\xfe.mp4"))
    for k in range(N):
        data = cv2.imencode(".png", DemoClip(0).frame(k)[:, :, ::-1])[1].tobytes()
        (frames / os.fsdecode(b"%d\xfc.png" % k)).write_bytes(data)
    shutil.copy(find_network("imagenet_mobile").path, folder / os.fsdecode(b"n\xf0.safetensors"))
    (folder / os.fsdecode(b"s\xfb.toml")).write_text("[size]\ninterval = 3\n")
    (folder / os.fsdecode(b"b\xfa.txt")).write_text(f"{BOX}\n")

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder],
        capture_output=True,
        env={
            **os.environ,
            "PYTHONIOENCODING": "utf-8:strict",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )
    said, errors = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == 0, errors
    lines = said.splitlines()
    assert [line for line in lines if line.isdigit()] == ["0", "0", "2", "0"], said + errors
    shown = str(folder).encode(errors="backslashreplace").decode()
    assert f"  {shown}/o\\udcf8/boxes.txt " in said
    assert "  outputs/track/f\\udcfd/video.mp4 " in said
    assert errors.splitlines()[-1] == (  # progress may be told before it
        f"pytracking: cannot read video {shown}/v\\udcfe.mp4x (No such file or directory): "
        "check its path and permissions"
    )
    for out in (folder / os.fsdecode(b"o\xf8"), folder / "outputs" / "track" / frames.name):
        assert {"boxes.txt", "settings.toml", "timing.json", "video.mp4"} <= set(os.listdir(out))
        assert np.loadtxt(out / "boxes.txt", delimiter=",", usecols=range(4)).shape == (N, 4)
        assert frames_in(out / "video.mp4") == N
    assert frames_in(folder / os.fsdecode(b"m\xf7.mp4")) == N, "without PyAV as well"
    assert (folder / os.fsdecode(b"o\xf8d") / "index.html").is_file()
    assert (folder / os.fsdecode(b"t\xf9")).is_file()


def test_a_name_by_way_of_a_descriptor(tmp_path: Path) -> None:
    """Of a name alone that is not UTF-8, or of its folder; it ends with the block."""
    folder = tmp_path / "\udcff"
    folder.mkdir()
    (folder / "\udcfe.txt").write_text("by itself")
    (folder / "a.txt").write_text("by its folder")
    with utf8_name(folder / "\udcfe.txt") as itself, utf8_name(folder / "a.txt") as beside:
        assert Path(itself).read_text() == "by itself"
        assert Path(beside).read_text() == "by its folder"
        assert Path(beside).name == "a.txt"
    assert not os.path.exists(itself)
    assert not os.path.exists(beside)
    with utf8_name(tmp_path / "plain ü") as plain:
        assert plain == str(tmp_path / "plain ü")
