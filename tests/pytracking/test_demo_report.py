"""What the demo writes and says of a run, with matplotlib and without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pytracking.apps import demo
from pytracking.apps.tracker_choice import TrackerChoice
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.prediction import Prediction

CHOICE = TrackerChoice("imagenet_mobile", None, None, [], "cpu", 0)


@pytest.fixture
def perfect(monkeypatch: pytest.MonkeyPatch) -> demo.Run:
    """A run that found the true boxes; nothing is tracked."""
    clip = DemoClip(0)
    frame = clip.frame(0)
    prediction = Prediction((230.0, 150.0, 60.0, 60.0), 0.9, "found", (110.0, 30.0, 300.0, 300.0))
    column = demo.Column(frame, prediction, frame[:64, :64], np.eye(18, dtype="f4"), "frame 1")
    statuses = tuple("not_found" if 100 <= k < 105 else "found" for k in range(150))
    run = demo.Run(clip.boxes_xywh, np.ones(150), statuses, (column,), 10.0)
    monkeypatch.setattr(demo, "tracked", lambda *_: run)
    return run


@pytest.mark.usefixtures("perfect")
def test_pictures_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.run_demo(CHOICE, tmp_path) == 0
    said = capsys.readouterr().out
    assert "mean overlap      1.000" in said
    for name in demo.FILES:
        assert f"  {tmp_path / name} " in said
    assert "matplotlib" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "overlap.png",
        "run.json",
        "strip.png",
    ]


@pytest.mark.usefixtures("perfect")
def test_pictures_are_left_out_without_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert demo.run_demo(CHOICE, tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == (
        "overlap.png and strip.png are left out: they need matplotlib, pip install matplotlib"
    )
    assert [line.split()[0] for line in lines[-3:-1]] == [
        str(tmp_path / name) for name in ("demo.mp4", "boxes.txt")
    ]
    assert list(tmp_path.iterdir()) == []
