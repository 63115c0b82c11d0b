"""The command line as a user meets it: what it writes, its exact one-line errors, its exit statuses."""

from __future__ import annotations

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
from demo_video import write_demo_image, write_demo_video

from pytracking.cli import main as pytracking
from pytracking.sources.demo_clip import DemoClip

BOX = ",".join(f"{v:.1f}" for v in DemoClip(0).boxes_xywh[0])
N = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sequence of the demo clip's first frames, with true boxes."""
    path, clip = tmp_path_factory.mktemp("clip") / "cat", DemoClip(0)
    (path / "img").mkdir(parents=True)
    for k in range(N):
        cv2.imwrite(str(path / "img" / f"{k + 1:05d}.png"), clip.frame(k)[:, :, ::-1])
    np.savetxt(path / "groundtruth.txt", clip.boxes_xywh[:N], delimiter=",", fmt="%.3f")
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_demo_video(tmp_path_factory.mktemp("video") / "cat.mp4", N)
    np.savetxt(path.with_suffix(".txt"), DemoClip(0).boxes_xywh[:N], delimiter=",", fmt="%.3f")
    return path


def test_track_a_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = [
        "track",
        str(folder),
        "--box",
        BOX,
        "--output",
        str(out),
        "--set",
        "size.interval=3",
    ]
    assert pytracking(arguments) == 0
    said = capsys.readouterr().out
    assert "ms to learn the target" in said
    assert f"then         {N - 1} frames" in said
    boxes = np.loadtxt(out / "boxes.txt", delimiter=",", usecols=range(5))
    assert boxes.shape == (N, 5)
    np.testing.assert_allclose(boxes[:, :4], DemoClip(0).boxes_xywh[:N], atol=5)
    lines = (out / "boxes.txt").read_text().splitlines()
    assert lines[0].endswith(",nan,init")
    assert all(line.endswith(",found") for line in lines[1:])
    settings = (out / "settings.toml").read_text()
    assert "interval = 3" in settings
    timing = json.loads((out / "timing.json").read_text())
    assert len(timing["frame_seconds"]) == N - 1
    assert timing["settings"]["size"]["interval"] == 3
    capture = cv2.VideoCapture(str(out / "video.mp4"))
    assert sum(capture.grab() for _ in range(N + 2)) == N
    assert not list(out.glob("*partial*"))

    again = tmp_path / "again"
    assert (
        pytracking(
            [*arguments[:4], "--output", str(again), "--settings", str(out / "settings.toml")]
        )
        == 0
    )
    assert (again / "boxes.txt").read_text() == (out / "boxes.txt").read_text(), (
        "settings.toml repeats the run"
    )


def test_demo_on_a_video(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert pytracking(["demo", "--video", str(video), "--box", BOX, "--output", str(out)]) == 0
    assert len((out / "boxes.txt").read_text().splitlines()) == N


def test_evaluate(
    folder: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pytracking(["evaluate", str(folder.parent), "--output", str(tmp_path / "a")]) == 0
    lines = capsys.readouterr().out.splitlines()
    score = float(lines[0].removeprefix("cat  "))
    assert 0.7 < score <= 20 / 21
    assert lines[1].split() == ["AUC", f"{score:.3f}"]
    assert [line.split()[0] for line in lines[1:5]] == ["AUC", "SR50", "P", "NP"]
    assert lines[5].startswith(f"protocol one_pass, 1 sequence; worst cat {score:.3f}; ")
    assert lines[6] == f"boxes lie in {tmp_path / 'a'}"
    assert len((tmp_path / "a" / "seed-0" / "cat.txt").read_text().splitlines()) == N
    assert pytracking(["evaluate", str(video.parent), "--output", str(tmp_path / "b")]) == 0
    again = capsys.readouterr().out.splitlines()[0]
    assert float(again.removeprefix("cat  ")) == pytest.approx(score, abs=0.1)


def test_absent_targets_and_wrong_counts(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = np.loadtxt(folder / "groundtruth.txt", delimiter=",")
    copy = tmp_path / "data" / "cat"
    copy.mkdir(parents=True)
    (copy / "img").symlink_to(folder / "img")
    truth[2] = np.nan
    np.savetxt(copy / "groundtruth.txt", truth, delimiter=",", fmt="%.3f")
    assert pytracking(["evaluate", str(copy.parent), "--output", str(tmp_path / "out")]) == 0
    assert "nan" not in capsys.readouterr().out
    for rows, said in (
        (truth[:-1], "sequence cat: there are 5 boxes, but 6 frames in "),
        (np.vstack([truth, truth[1]]), "sequence cat: there are 7 boxes, but 6 frames in "),
    ):
        np.savetxt(copy / "groundtruth.txt", rows, delimiter=",", fmt="%.3f")
        again = ["--output", str(tmp_path / "out"), "--overwrite"]
        assert pytracking(["evaluate", str(copy.parent), *again]) == 1
        assert said in capsys.readouterr().err
    (copy / "groundtruth.txt").write_text("1,2,3,4\n1,2,x,4\n")
    assert pytracking(["evaluate", str(copy.parent)]) == 2
    assert (
        capsys.readouterr().err
        == f"pytracking: {copy / 'groundtruth.txt'}, line 2: '1,2,x,4' is not a box x,y,w,h\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trak"], "pytracking: unknown command 'trak': did you mean track? (see pytracking --help)"),
        (["track"], "pytracking track: missing argument SOURCE (see pytracking track --help)"),
        (["track", "x", "-box", "1,2,3,4"], "pytracking track: unknown option '-box': did you mean --box? (see pytracking track --help)"),
        (["track", "x", "--box"], "pytracking track: option '--box' requires an argument (see pytracking track --help)"),
        (["track", "x", "--seed", "one"], "pytracking track: --seed takes a whole number, not 'one' (see pytracking track --help)"),
        (["networks", "a", "b"], "pytracking networks: got unexpected extra argument (b) (see pytracking networks --help)"),
        ([], "pytracking: missing command (see pytracking --help)"),
        (["--verson"], "pytracking: unknown option '--verson': did you mean --version? (see pytracking --help)"),
        (["completion", "zhs"], "pytracking completion: unknown shell 'zhs': did you mean zsh? (see pytracking completion --help)"),
        (["track", "x.mp4"], "pytracking: cannot read video x.mp4 (No such file or directory): check its path and permissions"),
        (["track", "x", "--box", "1,2,3,4", "--ned", "y"], "pytracking track: unknown option '--ned': did you mean --end or --net? (see pytracking track --help)"),
        (["track", "x.mp4", "--box", "1,2,30,40"], "pytracking: cannot read video x.mp4 (No such file or directory): check its path and permissions"),
        (["track", "x.mp4", "--box", "1,2,0,40"], "pytracking: box 1,2,0,40 has no area: give x,y,w,h with a positive width and height in pixels"),
        (["track", "x.mp4", "--box", "1,2,30"], "pytracking: box '1,2,30' is not four numbers: write x,y,w,h in pixels, for example 100,80,60,40"),
        (["track", "FOLDER", "--box", "900,2,30,40"], "pytracking: box 900,2,30,40 lies outside the frame of 640x360 pixels: give x,y,w,h in its pixels"),
        (["track", "FOLDER", "--box", "9,2,-30,40"], "pytracking: box 9,2,-30,40 has no area: give x,y,w,h with a positive width and height in pixels"),
        (["track", "FOLDER", "--box", "9,nan,30,40"], "pytracking: box 9,nan,30,40 holds a number that is not finite: give x,y,w,h in pixels"),
        (["track", "FOLDER", "--box", "9,2,1.5,40"], "pytracking: box 9,2,1.5,40 is smaller than 2 pixels a side: enlarge the frame or the box"),
        (["track", "DANGLING", "--box", "9,2,30,40"], "pytracking: cannot read image DANGLING/1.png (No such file or directory): check its path and permissions"),
        (["track", "FOLDER", "--box", "9,2,30,40", "--seed", "-1"], "pytracking: --seed is -1: give 0 or more"),
        (["track", "FOLDER", "--box", "9,2,30,40", "--device", "meta"], "pytracking: device 'meta' is not supported: give auto, cpu, cuda or cuda:N"),
        (["track", "FOLDER", "--box", "9,2,30,40", "--set", "first_frame.blurs=[[-1,1]]"], "pytracking: setting 'first_frame.blurs' takes 0.1 to 50 px of the crop, not -1 (in --set first_frame.blurs=[[-1,1]])"),
        (["evaluate", "FOLDER", "--output", "FOLDER"], "pytracking: results in FOLDER would lie among the annotations: give another --output"),
        (["track", "FOLDER", "--box", "-90,2,30,40"], "pytracking: box -90,2,30,40 lies outside the frame of 640x360 pixels: give x,y,w,h in its pixels"),
        (["track", "FOLDER", "--box=-90,2,30,40"], "pytracking: box -90,2,30,40 lies outside the frame of 640x360 pixels: give x,y,w,h in its pixels"),
        (["track", "FOLDER", "--box", "0,2,3000,40"], "pytracking: box 0,2,3000,40 is larger than the frame of 640x360 pixels: give x,y,w,h in its pixels"),
        (["track", "FOLDER", "--box", "9,2,30,40", "--net", "imagnet18"], "pytracking: unknown network 'imagnet18': did you mean imagenet18?"),
        (["track", "FOLDER", "--box", "9,2,30,40", "--preset", "mobile"], "pytracking: unknown preset 'mobile': known: dimp18, dimp18_vot18, dimp50, dimp50_vot18, dimp50_vot19, imagenet18, imagenet_mobile, nce_plus18, nce_plus_mobile, prdimp18, prdimp50, prdimp50_vot18, proposals18, super_dimp, super_dimp_simple"),
        (["track", "FOLDER", "--box", "9,2,30,40", "--set", "serch.area=3"], "pytracking: unknown setting 'serch.area' (in --set serch.area=3): did you mean search.area?"),
        (["track", "FOLDER", "--box", "9,2,30,40", "--settings", "no.toml"], "pytracking: cannot read settings no.toml: No such file or directory"),
        (["track", "AV1", "--box", "9,2,30,40"], None),
        (["demo", "--box", "1,2,3,4"], "pytracking: --box goes with --video FILE: the demo clip brings its own box"),
        (["demo", "--video", "x.mp4"], "pytracking: cannot read video x.mp4 (No such file or directory): check its path and permissions"),
        (["evaluate", "/nowhere"], "pytracking: /nowhere is not a folder: sequences are NAME/groundtruth.txt, or NAME.mp4 with NAME.txt"),
        (["evaluate", "FOLDER", "dog"], "pytracking: no sequence 'dog': known: cat"),
        (["networks", "imagenet_mobil"], "pytracking: unknown network 'imagenet_mobil': did you mean imagenet_mobile?"),
        (["presets", "imagenet"], "pytracking: unknown preset 'imagenet': did you mean imagenet18?"),
    ],
)  # fmt: skip
def test_one_line_errors(
    arguments: list[str], message: str | None, folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling" / "1.png").symlink_to(tmp_path / "nowhere.png")
    places = {
        "FOLDER": str(folder),
        "DANGLING": str(tmp_path / "dangling"),
        "AV1": str(Path(__file__).parents[1] / "data" / "av1.mp4"),
    }
    status = pytracking([places.get(a, a) for a in arguments])
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err.count("\n") == 1
    if message is None:
        assert "cannot decode its codec (AV01)" in captured.err
        assert "ffmpeg" in captured.err
    else:
        for name, place in places.items():
            message = message.replace(name, place)
        assert captured.err == message + "\n"
    assert not list(tmp_path.rglob("boxes.txt"))


def test_source_that_ends_early(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "frames"
    broken.mkdir()
    for k in range(1, N + 1):
        data = (folder / "img" / f"{k:05d}.png").read_bytes()
        (broken / f"{k}.png").write_bytes(data if k != 4 else data[:20])
    out = tmp_path / "out"
    assert pytracking(["track", str(broken), "--box", BOX, "--output", str(out)]) == 1
    error = capsys.readouterr().err
    assert error.count("pytracking: ") == 1
    assert f"ended early: folder {broken} stopped after 3 of {N} frames: " in error
    assert error.endswith(f"; kept the 3 frames that were tracked in {out}\n")
    assert len((out / "boxes.txt").read_text().splitlines()) == 3
    assert len(json.loads((out / "timing.json").read_text())["frame_seconds"]) == 2


def test_interrupt_keeps_what_was_tracked(tmp_path: Path) -> None:
    source = tmp_path / "frames"
    source.mkdir()
    for k in range(150):
        write_demo_image(source / f"{k}.jpg", 0)
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "pytracking",
        "track",
        str(source),
        "--box",
        BOX,
        "--output",
        str(out),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    # SIGINT is ignored where the tests run in the background
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for _ in range(600):
        if any(part.read_text().count("\n") >= 3 for part in out.glob("boxes.txt.*.partial")):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    lines = (out / "boxes.txt").read_text().splitlines()
    assert 3 <= len(lines) < 150
    assert (
        error.splitlines()[-1]
        == f"pytracking: interrupted; kept the {len(lines)} frames that were tracked in {out}"
    )
    assert not list(out.glob("*partial*"))


def test_damaged_first_image_and_network_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = cv2.imread(str(folder / "img" / "00001.png"))
    jpeg = cv2.imencode(".jpg", frame)[1].tobytes()
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "1.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    out = tmp_path / "out"
    assert pytracking(["track", str(tmp_path / "cut"), "--box", BOX, "--output", str(out)]) == 2
    image = tmp_path / "cut" / "1.jpg"
    said = f"pytracking: image {image} is a JPEG without its end (cut off): fetch the file again\n"
    assert capsys.readouterr().err == said

    network = tmp_path / "mine.safetensors"
    network.write_bytes(
        (Path(__file__).parents[2] / "checkpoints" / "imagenet_mobile.safetensors").read_bytes()[
            :-7
        ]
    )
    arguments = ["track", str(folder), "--box", BOX, "--output", str(out), "--net", str(network)]
    assert pytracking(arguments) == 2
    assert capsys.readouterr().err.startswith(
        f"pytracking: network file {network} is damaged: it has "
    )
    assert not list(out.glob("boxes*")), "nothing was begun"


def test_what_was_there_before_stays_when_nothing_could_be_tracked(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert pytracking(["track", str(folder), "--box", BOX, "--output", str(out)]) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    wrong = [
        "track",
        str(folder),
        "--box",
        "5000,1,20,20",
        "--output",
        str(out),
        "--overwrite",
        "--set",
        "size.interval=9",
    ]
    assert pytracking(wrong) == 2
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_interrupted_evaluation_keeps_what_was_finished(
    folder: Path,
    tmp_path: Path,
    interrupt_at: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for name in ("first", "second"):
        (data / name).symlink_to(folder)
    interrupt_at("second")
    assert pytracking(["evaluate", str(data), "--output", str(out)]) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    kept = f"kept what was finished in {out}: 1 sequence"
    assert said == f"pytracking: interrupted; {kept}; the same command goes on"
    assert sorted(path.name for path in (out / "seed-0").iterdir()) == [
        "evaluation.json",
        "first.txt",
        "run.json",
    ]


def test_results_never_overwrite_the_video(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "video.mp4"
    mine.write_bytes(video.read_bytes())
    assert pytracking(["track", str(mine), "--box", BOX, "--output", str(tmp_path)]) == 2
    said = f"pytracking: results in {tmp_path} would overwrite the video {mine}: give another --output\n"
    assert capsys.readouterr().err == said
    assert mine.read_bytes() == video.read_bytes()


@pytest.mark.slow
def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pytracking(["demo", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert float(said.split("success AUC")[1].split()[0]) > 0.55
    assert float(said.split("mean overlap")[1].split()[0]) > 0.6
    assert int(said.split("not_found on")[1].split()[0]) > 0
    assert "frames per second" in said
    for name in ("demo.mp4", "strip.png", "overlap.png", "boxes.txt"):
        assert str(tmp_path / name) in said
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "boxes.txt",
        "demo.mp4",
        "overlap.png",
        "run.json",
        "strip.png",
    ]
    assert len((tmp_path / "boxes.txt").read_text().splitlines()) == 150
    assert cv2.imread(str(tmp_path / "strip.png")).shape[1] > 1000
