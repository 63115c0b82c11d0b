"""`pytracking track` with several boxes: a boxes file a target, one video, strips of what was seen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from demo_video import write_demo_folder, write_demo_video

from ltr.files import safe_name
from pytracking import read_results
from pytracking.apps.targets import named_boxes
from pytracking.sources.demo_clip import DemoClip

BOXES = {
    "cat": ",".join(f"{v:.1f}" for v in DemoClip(0).boxes_xywh[0]),
    "table": "300,60,70,50",
    "corner": "40,200,60,90",
}
N = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_folder(tmp_path_factory.mktemp("clip") / "cat", N)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_video(tmp_path_factory.mktemp("video") / "cat.mp4", N)


Track = Callable[..., tuple[int, str, str]]


def read(path: Path) -> tuple[np.ndarray, list[str]]:
    """Boxes and statuses of a boxes file."""
    statuses = [line.rsplit(",", 1)[1] for line in path.read_text().splitlines()]
    return np.loadtxt(path, delimiter=",", usecols=range(4)), statuses


def frames_in(path: Path) -> int:
    capture = cv2.VideoCapture(str(path))
    return sum(capture.grab() for _ in range(N + 3))


def options(names: tuple[str, ...] = tuple(BOXES)) -> list[str]:
    return [part for name in names for part in ("--box", f"{name}={BOXES[name]}")]


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_each_target_as_if_it_were_alone(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, track: Track
) -> None:
    source, out = request.getfixturevalue(kind), tmp_path / "out"
    status, said, error = track(source, *options(), "--output", out)
    assert (status, error) == (0, "")
    files = [
        "boxes_cat.txt",
        "boxes_corner.txt",
        "boxes_table.txt",
        "settings.toml",
        "timing.json",
        "video.mp4",
    ]
    assert sorted(p.name for p in out.iterdir()) == sorted([*files, "run.json"])
    assert frames_in(out / "video.mp4") == N
    assert "ms to learn 3 targets" in said
    assert f"then         {N - 1} frames, mean " in said
    assert re.search(rf"^cat +{N - 1} +0 +0 +0 +[.1]", said, re.MULTILINE)
    for name in files:
        assert f"  {out / name}" in said
    table = f"{out / 'boxes_table.txt'}  table: a line a frame: x,y,w,h,score,status"
    assert table in [
        " ".join(line.split()).replace(" table:", "  table:") for line in said.splitlines()
    ]
    timing = json.loads((out / "timing.json").read_text())
    assert timing["targets"] == ["cat", "table", "corner"]
    assert len(timing["frame_seconds"]) == N - 1
    moved = 0.0
    for name in BOXES:
        alone = tmp_path / name
        assert track(source, "--box", f"{name}={BOXES[name]}", "--output", alone)[0] == 0
        assert (alone / "boxes.txt").exists(), "a single target has the plain name"
        (boxes, statuses), (expected, same) = (
            read(out / f"boxes_{name}.txt"),
            read(alone / "boxes.txt"),
        )
        assert boxes.shape == (N, 4)
        np.testing.assert_allclose(boxes, expected, atol=0.01, rtol=0)
        assert statuses == same
        assert statuses[0] == "init"
        moved = max(moved, float(np.abs(boxes[-1] - boxes[0]).max()))
    assert moved > 1, "something was tracked"


def test_the_video_shows_every_target(folder: Path, tmp_path: Path, track: Track) -> None:
    """Frames differ from the source along the borders of all boxes, on the first frame and on the last."""
    out = tmp_path / "out"
    assert track(folder, *options(), "--output", out)[0] == 0
    capture = cv2.VideoCapture(str(out / "video.mp4"))
    shown = [capture.read()[1][:, :, ::-1].astype(int) for _ in range(N)]
    for k in (0, N - 1):
        change = np.abs(shown[k] - DemoClip(0).frame(k)).max(axis=2)
        for name in BOXES:
            x, y, w, h = read(out / f"boxes_{name}.txt")[0][k].round().astype(int)
            left, right = (
                change[y + 5 : y + h - 5, side - 2 : side + 3].max(axis=1) for side in (x, x + w)
            )
            assert np.median(left) > 60, (k, name)
            assert np.median(right) > 60, (k, name)


def test_the_video_shows_the_way(folder: Path, tmp_path: Path, track: Track) -> None:
    """With --trail the last frame differs within the box, where it is untouched without."""
    changes = []
    for out, more in ((tmp_path / "trail", ("--trail", "5")), (tmp_path / "plain", ())):
        assert track(folder, "--box", BOXES["cat"], "--output", out, *more)[0] == 0
        capture = cv2.VideoCapture(str(out / "video.mp4"))
        last = [capture.read()[1][:, :, ::-1].astype(int) for _ in range(N)][-1]
        x, y, w, h = read(out / "boxes.txt")[0][-1].round().astype(int)
        change = np.abs(last - DemoClip(0).frame(N - 1)).max(axis=2)
        changes.append(np.count_nonzero(change[y + 8 : y + h - 8, x + 8 : x + w - 8] > 80))
    assert changes[0] > changes[1] + 5


def test_boxes_from_a_file(folder: Path, tmp_path: Path, track: Track) -> None:
    """Windows's editors put a mark before the first character."""
    list_, out, plain = tmp_path / "boxes", tmp_path / "out", tmp_path / "plain"
    list_.write_text(
        f"cat = {BOXES['cat']}\r\n\r\n  table={BOXES['table']}  \n", encoding="utf-8-sig"
    )
    assert (
        track(folder, "--boxes", list_, "--box", f"corner={BOXES['corner']}", "--output", out)[0]
        == 0
    )
    assert track(folder, *options(), "--output", plain)[0] == 0
    for name in BOXES:
        assert (out / f"boxes_{name}.txt").exists()
        boxes, expected = (read(place / f"boxes_{name}.txt")[0] for place in (out, plain))
        np.testing.assert_allclose(boxes, expected, atol=0.01, rtol=0)


def test_targets_without_a_name_are_numbered(folder: Path, tmp_path: Path, track: Track) -> None:
    boxes = ["--box", BOXES["cat"], "--box", BOXES["table"]]
    status, said, _ = track(folder, *boxes, "--output", tmp_path / "out")
    assert status == 0
    assert "ms to learn 2 targets" in said
    assert sorted(p.name for p in (tmp_path / "out").glob("boxes*")) == [
        "boxes_target1.txt",
        "boxes_target2.txt",
    ]
    assert named_boxes(["1,2,3,4"], None) == {"target": (1, 2, 3, 4)}
    assert list(named_boxes(["1,2,3,4", "b=1,2,3,4", "5,6,7,8"], None)) == [
        "target1",
        "b",
        "target3",
    ]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("the left one", "the_left_one"),
        ("../../etc/x", "_.._etc_x"),
        ("a=b", "a_b"),
        ("猫", "猫"),
        (".hidden", "hidden"),
        ("...", "_"),
        ("-", "-"),
        ("a" * 300, "a" * 100),
        ("猫" * 300, "猫" * 33),
    ],
)
def test_names_with_odd_characters(name: str, file: str) -> None:
    assert list(named_boxes([f"{name}=1,2,3,4"], None)) == [name]
    assert safe_name(name) == file
    assert len(f"boxes_{file}.txt".encode()) < 255


def test_odd_names_are_written_and_said(folder: Path, tmp_path: Path, track: Track) -> None:
    out = tmp_path / "out"
    names = ["../up/<b>%s{x}", "猫" * 90]
    boxes = [
        part
        for name, box in zip(names, BOXES.values(), strict=False)
        for part in ("--box", f"{name}={box}")
    ]
    status, said, error = track(folder, *boxes, "--output", out, "--debug-dir", tmp_path / "debug")
    assert (status, error) == (0, "")
    assert sorted(p.name for p in out.glob("boxes*")) == [
        "boxes__up_b_s_x_.txt",
        f"boxes_{'猫' * 33}.txt",
    ]
    assert f"  {names[0]}: a line a frame" in said
    assert "&lt;b&gt;%s{x}" in (tmp_path / "debug" / "index.html").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["debug", "out"]


def test_strips_of_what_was_seen(folder: Path, tmp_path: Path, track: Track) -> None:
    debug = tmp_path / "debug"
    status, said, _ = track(
        folder, *options(("cat", "table")), "--output", tmp_path / "out", "--debug-dir", debug
    )
    assert status == 0
    assert f"  {debug / 'index.html'}  what the tracker saw, frame by frame" in said
    assert (
        f"  {debug / 'run.html'}  the whole run: score, size, status, and what is in memory" in said
    )
    assert {"000002_cat.png", "000002_table.png", "index.html", "run.html"} <= {
        p.name for p in debug.iterdir()
    }
    index = (debug / "index.html").read_text()
    for picture in debug.glob("*.png"):
        assert picture.name in index
        assert cv2.imread(str(picture)).shape[1] >= 1600
    first, second = (cv2.imread(str(debug / f"000002_{name}.png")) for name in ("cat", "table"))
    assert not np.array_equal(first, second)
    plain = tmp_path / "plain"
    assert track(folder, *options(("cat", "table")), "--output", plain)[0] == 0
    assert (plain / "boxes_cat.txt").read_text() == (
        tmp_path / "out" / "boxes_cat.txt"
    ).read_text(), "only looked at"


def test_demo_on_a_video_of_ones_own(video: Path, tmp_path: Path, track: Track) -> None:
    out = tmp_path / "out"
    assert track(video, "--box", BOXES["cat"], "--output", out, command="demo")[0] == 0
    assert len(read(out / "boxes.txt")[0]) == N
    assert (
        track(video, *options(("cat", "table")), "--output", tmp_path / "two", command="demo")[0]
        == 0
    )
    assert len(read(tmp_path / "two" / "boxes_table.txt")[0]) == N


def test_what_was_tracked_of_each_target_is_kept(
    folder: Path, tmp_path: Path, track: Track
) -> None:
    broken, out = tmp_path / "frames", tmp_path / "out"
    broken.mkdir()
    for k in range(1, N + 1):
        data = (folder / f"{k:05d}.png").read_bytes()
        (broken / f"{k}.png").write_bytes(data if k != 4 else data[:20])
    status, _, error = track(broken, *options(("cat", "table")), "--output", out)
    assert status == 1
    assert error.count("\n") == 1
    assert error.endswith(f"; kept the 3 frames that were tracked in {out}\n")
    assert [len(read(out / f"boxes_{name}.txt")[0]) for name in ("cat", "table")] == [3, 3]
    assert frames_in(out / "video.mp4") == 3


def test_further_formats_say_the_same(folder: Path, tmp_path: Path, track: Track) -> None:
    out = tmp_path / "out"
    formats = [part for name in ("csv", "json", "mot", "got10k") for part in ("--format", name)]
    status, said, _ = track(folder, *options(("cat", "table")), *formats, "--output", out)
    assert status == 0
    files = ("results.csv", "results.jsonl", "mot.txt", "cat_cat_001.txt", "cat_table_001.txt")
    for name in (*files, "cat_cat_time.txt"):
        assert f"  {out / name} " in said
    csv, lines, mot, *got = (read_results(out / name) for name in files)
    assert list(csv.frame) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    sides = ["x", "y", "w", "h"]
    for name, number, of_it in (("cat", "1", got[0]), ("table", "2", got[1])):
        plain = read_results(out / f"boxes_{name}.txt")
        assert set(plain.target) == {name}
        for table, target in ((csv, name), (lines, name), (mot, number), (of_it, "target")):
            rows = table[table.target == target]
            assert list(rows.frame) == list(plain.frame)
            np.testing.assert_allclose(rows[sides], plain[sides], atol=1e-3, rtol=0)
        for table in (csv, lines):
            assert list(table[table.target == name].status) == list(plain.status)
            np.testing.assert_allclose(table[table.target == name].score, plain.score, atol=1e-4)
    seconds = json.loads((out / "timing.json").read_text())
    times = seconds["first_frame_seconds"] + seconds["frame_seconds"]
    np.testing.assert_allclose(np.loadtxt(out / "cat_cat_time.txt"), times, atol=1e-8)
