"""What a run reads is never written over."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_line import BOX, Run, content

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
        "results in links/seed-0 would overwrite the annotations g/Girl/groundtruth.txt: give another --output",
    ),
    "evaluate's settings": (
        "evaluate g --settings a/seed-0/Girl.txt --output a",
        "results in a/seed-0 would overwrite the settings a/seed-0/Girl.txt: give another --output",
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
    for folder in ("a/seed-0", "links/seed-0"):
        Path(folder).mkdir()
    for name in ("settings.toml", "seed-0/Girl.txt"):
        Path("a", name).write_text("[size]\ninterval = 3\n")
    Path("g/Girl.txt").write_text("the truth of a video Girl.mp4\n")
    Path("link").symlink_to("a")
    Path("video-link.mp4").symlink_to("a/video.mp4")
    Path("links/video.mp4").symlink_to("../cat.mp4")
    Path("hard/video.mp4").hardlink_to("cat.mp4")
    Path("links/seed-0/Girl.txt").symlink_to("../../g/Girl/groundtruth.txt")
    before = content(tmp_path)
    assert run(line + overwrite) == (2, f"pytracking: {said}\n")
    assert content(tmp_path) == before
