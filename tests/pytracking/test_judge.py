"""benchmarks/judge.py: what it prints, and that nothing is tracked twice."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import judge
import numpy as np
import pytest

from pytracking.apps import kept_boxes
from pytracking.sequences.sequence import Sequence, find_sequences
from pytracking.sources.demo_clip import DemoClip


def test_it_judges_on_ten_validation_sequences_and_49_clips(shared: Path) -> None:
    sequences = judge.sequences_of(shared, "listed")
    assert len(sequences) == len({s.name for s in sequences}) == 59
    assert {s.frames.parent.name for s in sequences[:10]} == {"val"}
    assert {s.frames.parent.name for s in sequences[10:]} == {"train"}
    assert len(judge.sequences_of(shared, "all")) > 59


def test_trained_networks_are_judged_on_what_is_left_out(shared: Path) -> None:
    held_out = judge.sequences_of(shared, "held out")
    assert len(held_out) == len({s.name for s in held_out}) == 36
    assert {s.frames.parent.name for s in held_out[:10]} == {"val"}
    clips = json.loads((shared / "data" / "train" / "clips.json").read_text())
    assert all(clips[s.name]["left_out"] for s in held_out[10:])


def test_tables() -> None:
    sequences = [Sequence(name, Path(name), np.zeros((1, 4))) for name in "abcd"]
    scores = {"one": np.array([0.5, 0.7, 0.2, 0.6]), "two": np.array([0.4, 0.5, 0.3, 0.4])}
    lines = judge.tables(scores, sequences, 2).splitlines()
    assert lines[2].startswith("| one | val and clips (4) | **0.500** | 0.")
    assert lines[2].endswith(" | c 0.20, a 0.50, d 0.60, b 0.70 |")
    assert lines[3] == "| one | val (2) | **0.600** | 0.500 to 0.700 | a 0.50, b 0.70 |"
    assert lines[4] == "| one | clips (2) | **0.400** | 0.200 to 0.600 | c 0.20, d 0.60 |"
    assert lines[-3].startswith("| one - two | val and clips (4) | **0.100** | -0.0")
    assert lines[-3].endswith(" | 3 of 4 |")
    assert lines[-2] == "| one - two | val (2) | **0.150** | 0.100 to 0.200 | 2 of 2 |"
    assert len(judge.tables({"one": scores["one"]}, sequences, 2).splitlines()) == 5


def test_a_contender_is_tracked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = DemoClip(0)
    (tmp_path / "data" / "cat").mkdir(parents=True)
    for k in range(3):
        cv2.imwrite(str(tmp_path / "data" / "cat" / f"{k}.png"), clip.frame(k)[:, :, ::-1])
    np.savetxt(tmp_path / "data" / "cat" / "groundtruth.txt", clip.boxes_xywh[:3], delimiter=",")
    sequences = find_sequences(tmp_path / "data")
    (score,) = judge.scores_of("imagenet_mobile", sequences, tmp_path / "out", 1)
    assert 0.7 < score < 1
    (two,) = judge.scores_of("imagenet_mobile", sequences, tmp_path / "out", 2)
    (files,) = [p.parent for p in (tmp_path / "out").iterdir()]
    assert len([*files.rglob("cat.txt")]) == 2  # a seed each

    monkeypatch.delattr(kept_boxes, "track_sequence")
    assert judge.scores_of("imagenet_mobile", sequences, tmp_path / "out", 1) == [score]
    assert judge.scores_of("imagenet_mobile", sequences, tmp_path / "out", 2) == [two]
    with pytest.raises(NameError):  # other settings are another contender
        judge.scores_of("imagenet_mobile size.interval=3", sequences, tmp_path / "out", 1)
