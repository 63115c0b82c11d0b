"""`pytracking track` with several boxes that cannot be tracked: one line, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from demo_video import write_demo_folder

Track = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_folder(tmp_path_factory.mktemp("clip") / "cat", 2)


REFUSED: dict[str, tuple[list[str], str | None, str]] = {
    "one name twice": (
        ["--box", "a=1,2,30,40", "--box", "a=5,6,30,40"],
        None,
        "two targets are named 'a': give each its own name",
    ),
    "one name twice, but for spaces": (
        ["--box", "a=1,2,30,40", "--box", " a =5,6,30,40"],
        None,
        "two targets are named 'a': give each its own name",
    ),
    "a number that is a name": (
        ["--box", "target2=1,2,30,40", "--box", "5,6,30,40"],
        None,
        "two targets are named 'target2': give each its own name",
    ),
    "one name twice in the file": (
        [],
        "a=1,2,30,40\n\na=5,6,30,40\n",
        "two targets are named 'a' (FILE, line 3): give each its own name",
    ),
    "one name on the line and in the file": (
        ["--box", "a=1,2,30,40"],
        "b=1,2,30,40\na=5,6,30,40\n",
        "two targets are named 'a' (FILE, line 2): give each its own name",
    ),
    "a line that is no box": (
        [],
        "a=1,2,30,40\n# b=5,6,30,40\nc\n",
        "box 'c' is not four numbers: write x,y,w,h in pixels, for example 100,80,60,40 (FILE, line 3)",
    ),
    "a box without area in the file": (
        [],
        "a=1,2,0,40\n",
        "box 1,2,0,40 has no area: give x,y,w,h with a positive width and height in pixels (FILE, line 1)",
    ),
    "a name without a box": (
        ["--box", "a="],
        None,
        "box '' is not four numbers: write x,y,w,h in pixels, for example 100,80,60,40",
    ),
    "an empty name": (
        ["--box", "=1,2,30,40"],
        None,
        "box '=1,2,30,40' has an empty name: write name=x,y,w,h, or x,y,w,h alone",
    ),
    "a name that is no text": (
        ["--box", "\udcff=1,2,30,40"],
        None,
        "a target cannot be named '\\udcff': give printable text",
    ),
    "a name that steers a terminal": (
        [],
        "a=1,2,30,40\n\x1b[2J=1,2,30,40",
        "a target cannot be named '\\x1b[2J': give printable text (FILE, line 2)",
    ),
    "an empty file": (
        [],
        " \n# none\n",
        "boxes FILE holds no box: write a line [name=]x,y,w,h for each target",
    ),
    "names that are one as file names": (
        ["--box", "a b=1,2,30,40", "--box", "a/b=5,6,30,40"],
        None,
        "two of the names a b, a/b are one as file names: give others",
    ),
    "a second target outside the frame": (
        ["--box", "a=1,2,30,40", "--box", "b=900,2,30,40"],
        None,
        "box 900,2,30,40 lies outside the frame of 640x360 pixels: give x,y,w,h in its pixels",
    ),
    "a preset whose network lacks the head": (
        ["--box", "1,2,30,40", "--preset", "dimp18"],
        None,
        "the preset refines boxes in the 'default' space, but the network has no box head: choose another network, or "
        "refinement.space=none",
    ),
}


@pytest.mark.parametrize("how", REFUSED)
def test_one_line_errors(how: str, folder: Path, tmp_path: Path, track: Track) -> None:
    arguments, text, said = REFUSED[how]
    out, file = tmp_path / "out", tmp_path / "list"
    if text is not None:
        file.write_text(text)
        arguments = [*arguments, "--boxes", str(file)]
    status, printed, error = track(
        folder, *arguments, "--output", out, "--debug-dir", tmp_path / "debug"
    )
    assert (status, printed) == (2, "")
    assert error == f"pytracking: {said.replace('FILE', str(file))}\n"
    assert not list(tmp_path.rglob("*.txt*"))
    assert not list(tmp_path.rglob("*.mp4"))
    if "file names" in how or "head" in how:
        assert not out.exists(), "refused before anything is written"


def test_files_of_boxes_that_cannot_be_read(folder: Path, tmp_path: Path, track: Track) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9=1,2,30,40\n")
    for name, why in (
        ("none", "No such file or directory"),
        (".", "Is a directory"),
        ("latin", "'utf-8' codec can't"),
    ):
        path = tmp_path / name
        status, _, error = track(folder, "--boxes", path, "--output", tmp_path / "out")
        assert status == 2
        assert error.startswith(f"pytracking: cannot read boxes {path}: {why}")
        assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_more_targets_than_the_memory_holds(
    folder: Path, tmp_path: Path, track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told at once, not after the first of them were learned."""
    monkeypatch.setattr("pytracking.api.free_bytes", lambda device: 12_000_000)
    file = tmp_path / "list"
    file.write_text("".join(f"{k},50,40,40\n" for k in range(200)))
    status, _, error = track(folder, "--boxes", file, "--yes", "--output", tmp_path / "out")
    assert status == 2
    assert error.startswith(
        "pytracking: 200 targets do not fit into the memory of cpu: (200 + 200 while they are added) x 0."
    )
    assert error.endswith(" MB, and 12 MB are free; track fewer, or lower memory.size\n")
    each, total = (float(part.split()[0]) for part in error.split(") x ")[1].split(" = "))
    assert total == pytest.approx(400 * each, rel=0.1)
    assert not (tmp_path / "out").exists()
