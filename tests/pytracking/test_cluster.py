"""Sequences spread by Ray: who gets what, and on one machine the same boxes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.errors import TrackingError
from pytracking.cli import main
from pytracking.evaluation.cluster import Desk
from pytracking.sources.demo_clip import DemoClip


def test_the_desk_hands_out_each_sequence_once_and_knows_what_is_lost() -> None:
    desk = Desk(4)
    assert [desk.next(0), desk.next(1), desk.next(0)] == [0, 1, 2]
    desk.tell(0, 5)
    desk.tell(0, (0, TrackingError("broken")))
    (first, second) = desk.fetch()
    assert first == (0, 5)
    assert second[1][0] == 0  # type: ignore[index]
    assert desk.fetch() == []
    assert desk.lost(0) == [2]
    assert desk.lost(0) == []
    assert desk.lost() == [3]
    assert desk.next(1) == 3
    assert desk.next(1) is None
    assert desk.lost(1) == [1, 3]
    assert desk.lost() == []


def test_without_ray_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    words = ["evaluate", str(clips(tmp_path)), "--ray", "--output", str(tmp_path / "out")]
    assert main([*words, "--device", "cpu"]) == 2
    assert "--ray spreads work by Ray, which is not installed: pip install" in (
        capsys.readouterr().err
    )


def clips(folder: Path) -> Path:
    demo = DemoClip(0)
    for name in ("a", "b", "c"):
        (folder / "data" / name).mkdir(parents=True)
        for k in range(3):
            image = np.ascontiguousarray(demo.frame(k)[:, :, ::-1])
            cv2.imwrite(str(folder / "data" / name / f"{k}.png"), image)
        truth = folder / "data" / name / "groundtruth.txt"
        np.savetxt(truth, demo.boxes_xywh[:3], delimiter=",")
    return folder / "data"


@pytest.fixture
def _ray_ends() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("_ray_ends")
def test_a_cluster_of_one_machine_gives_the_same_boxes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = clips(tmp_path)
    own = ["--net", "imagenet_mobile", "--device", "cpu", "--set", "search.crop_side=96"]
    alone, spread = tmp_path / "alone", tmp_path / "spread"
    assert main(["evaluate", str(data), *own, "--output", str(alone)]) == 0
    words = ["evaluate", str(data), *own, "--ray", "--workers", "2", "--output", str(spread)]
    assert main(words) == 0
    capsys.readouterr()
    for name in ("a", "b", "c"):
        one, other = (
            np.loadtxt(out / "seed-0" / f"{name}.txt", delimiter=",", usecols=range(4))
            for out in (alone, spread)
        )
        np.testing.assert_allclose(one, other, rtol=0, atol=0.05)
