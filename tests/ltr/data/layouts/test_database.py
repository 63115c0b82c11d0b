"""Sequences in one LMDB file: what comes out is what went in."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numbered_clip import index_of, write_images, write_video

from ltr.data.annotated import AnnotatedVideo, UnopenedFrames
from ltr.data.configuration import Part
from ltr.data.layouts import open_store
from ltr.data.layouts.database import database_videos, pack
from ltr.errors import ConfigError, DataError, FrameError
from ltr.frame_folder import NumberedFrames
from pytracking.cli import main

lmdb = pytest.importorskip("lmdb", reason="the extra lmdb is not installed")


@pytest.fixture
def videos(tmp_path: Path) -> list[AnnotatedVideo]:
    folder = write_images(tmp_path / "a", ["0.png", "1.png", "2.png"])
    numbered = write_images(tmp_path / "n", ["00000001.jpg", "00000002.jpg"])
    video = write_video(tmp_path / "b.avi", "MJPG", 4)
    boxes = np.array([[1.5, 2, 3, 4], [np.nan] * 4, [0.1 + 0.2, -7, -5, 0]])
    return [
        AnnotatedVideo(
            "a",
            UnopenedFrames(folder),
            boxes,
            folder / "groundtruth.txt",
            absent=np.array([False, True, False]),
            cover=np.array([8, 0, 3]),
            frame_wh=(64, 48),
            category="bear",
            attributes=("IV", "OCC"),
            regions=(np.arange(8.0), np.array([np.nan]), np.arange(4.0)),
        ),
        AnnotatedVideo("b", UnopenedFrames(video), boxes[:1], video),
        AnnotatedVideo("n", NumberedFrames(numbered, 1, 8), boxes[:2], numbered),
    ]


def test_sequences_come_back_as_they_were(tmp_path: Path, videos: list[AnnotatedVideo]) -> None:
    pack(videos, path := tmp_path / "all.lmdb")
    assert [p.name for p in tmp_path.glob("all*")] == ["all.lmdb"]
    for old, new in zip(videos, database_videos(path), strict=True):
        assert new.name == old.name
        np.testing.assert_array_equal(new.boxes_xywh, old.boxes_xywh)
        for name in ("absent", "cover"):
            np.testing.assert_array_equal(getattr(new, name), getattr(old, name))
        assert (new.frame_wh, new.category) == (old.frame_wh, old.category)
        assert new.attributes == old.attributes
        for ours, theirs in zip(new.regions or (), old.regions or (), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        frames = pickle.loads(pickle.dumps(new.frames))
        assert len(frames) == len(old.frames)
        for number, frame in enumerate(old.frames):
            np.testing.assert_array_equal(frames.frame(number), frame)
        assert [index_of(frame) for frame in new.frames] == list(range(len(frames)))
        with pytest.raises(IndexError):
            frames.frame(len(frames))


def test_it_is_learned_from_and_tracked(
    tmp_path: Path, videos: list[AnnotatedVideo], capsys: pytest.CaptureFixture[str]
) -> None:
    pack(videos, tmp_path / "all.lmdb")
    store = open_store(Part(name="packed", layout="lmdb", path="all.lmdb"), tmp_path)
    assert [track.name for track in store.tracks] == ["a", "b", "n"]
    assert store.tracks[0].visible.tolist() == [True, False, False]
    assert index_of(store.frame(0, 2)) == 2

    data = tmp_path / "data" / "cat"
    write_images(data, ["1.png", "2.png"])
    (data / "groundtruth.txt").write_text("8,8,20,20\n8,8,20,20\n")
    file = tmp_path / "cat.lmdb"
    assert main(["data", "pack", str(data.parent), str(file)]) == 0
    assert capsys.readouterr().out.startswith(f"{file}: 1 sequence, 2 frames, ")
    assert main(["data", "check", str(file)]) == 0
    words = ["evaluate", str(file), "--net", "imagenet_mobile", "--set", "search.crop_side=96"]
    assert main([*words, "--device", "cpu", "--output", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"boxes lie in {tmp_path / 'out'}"
    assert main(["data", "pack", str(data.parent), str(file)]) == 2
    assert f"{file} is there already: remove it, or give another name" in capsys.readouterr().err
    assert main(["data", "pack", str(data.parent), str(tmp_path / "cat")]) == 2
    assert "does not end in .lmdb" in capsys.readouterr().err


def test_what_is_broken_leaves_nothing(tmp_path: Path, videos: list[AnnotatedVideo]) -> None:
    (tmp_path / "a" / "1.png").unlink()
    (tmp_path / "a" / "1.png").symlink_to("nothing")
    with pytest.raises(FrameError, match=r"1\.png"):
        pack(videos, tmp_path / "all.lmdb")
    assert not list(tmp_path.glob("all*"))


def test_another_file_is_refused_in_a_line(tmp_path: Path, videos: list[AnnotatedVideo]) -> None:
    with pytest.raises(DataError, match="is no file: `pytracking data pack` writes one"):
        database_videos(tmp_path / "none.lmdb")
    (tmp_path / "text.lmdb").write_text("no database")
    with pytest.raises(DataError, match=r"cannot open .*text\.lmdb"):
        database_videos(tmp_path / "text.lmdb")
    for content in (None, b"{", b"[]", b'{"format": "x"}', b'{"format": "pytracking sequences 1"}'):
        path = tmp_path / f"{len(content or b'')}.lmdb"
        environment = lmdb.open(str(path), subdir=False, lock=False)
        with environment.begin(write=True) as transaction:
            transaction.put(b"content" if content is not None else b"other", content or b"x")
        environment.close()
        with pytest.raises(DataError, match="holds no sequences that `pytracking data pack` wrote"):
            database_videos(path)


def test_without_lmdb_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(ConfigError, match=r"files \.lmdb need the package lmdb: pip install lmdb"):
        pack([], tmp_path / "all.lmdb")


def test_pixels_of_videos_are_kept(tmp_path: Path) -> None:
    """Frames of videos become PNGs, without loss and with their colours."""
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    writer.write(frame)
    writer.release()
    video = UnopenedFrames(tmp_path / "v.avi")
    pack([AnnotatedVideo("v", video, np.ones((1, 4)), tmp_path)], tmp_path / "v.lmdb")
    (packed,) = database_videos(tmp_path / "v.lmdb")
    np.testing.assert_array_equal(packed.frames.frame(0), video.frame(0))
