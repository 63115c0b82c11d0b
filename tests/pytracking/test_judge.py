"""benchmarks/judge.py: what it prints, and that nothing is tracked twice."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import judge
import numpy as np
import pytest
from score_tables import by_sequence, comparison, worst_sequences

from ltr.errors import ConfigError
from pytracking.apps import kept_boxes
from pytracking.sequences.sequence import Sequence, find_sequences
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.presets import preset_named


def demo_sequences(folder: Path, *names: str) -> list[Sequence]:
    """Three frames of a demo clip each."""
    for seed, name in enumerate(names):
        clip = DemoClip(seed)
        (folder / name).mkdir(parents=True)
        for k in range(3):
            cv2.imwrite(str(folder / name / f"{k}.png"), clip.frame(k)[:, :, ::-1])
        np.savetxt(folder / name / "groundtruth.txt", clip.boxes_xywh[:3], delimiter=",")
    return find_sequences(folder)


def test_it_judges_on_ten_validation_sequences_and_49_clips(shared: Path) -> None:
    sequences = judge.sequences_of(shared, "listed")
    assert len(sequences) == len({s.name for s in sequences}) == 59
    assert {s.frames.path.parent.name for s in sequences[:10]} == {"val"}
    assert {s.frames.path.parent.name for s in sequences[10:]} == {"train"}
    assert len(judge.sequences_of(shared, "all")) > 59


def test_trained_networks_are_judged_on_what_is_left_out(shared: Path) -> None:
    held_out = judge.sequences_of(shared, "held out")
    assert len(held_out) == len({s.name for s in held_out}) == 36
    assert {s.frames.path.parent.name for s in held_out[:10]} == {"val"}
    clips = json.loads((shared / "data" / "train" / "clips.json").read_text())
    assert all(clips[s.name]["left_out"] for s in held_out[10:])


def test_tables() -> None:
    scores = {"one": np.array([0.5, 0.7, 0.2, 0.6]), "two": np.array([0.4, 0.5, 0.3, 0.4])}
    head, _, one, two = comparison(scores, 2).splitlines()
    assert head == (
        "| network | val and clips (4) | val (2) | clips (2) | val and clips (4): difference "
        "from one | val (2): difference from one | clips (2): difference from one | better on |"
    )
    assert one.startswith("| one | **0.500** (0.")
    assert one.endswith(
        " | **0.600** (0.500 to 0.700) | **0.400** (0.200 to 0.600) | - | - | - | - |"
    )
    assert "| **-0.150** (-0.200 to -0.100) | **-0.050** (-0.200 to 0.100) | 1 of 4 |" in two
    alone = comparison({"one": scores["one"]}, 4).splitlines()
    assert alone[0] == "| network | val (4) |"
    assert worst_sequences(scores, "abcd").splitlines()[2:] == [
        "| one | c 0.20, a 0.50, d 0.60, b 0.70 |",
        "| two | c 0.30, a 0.40, d 0.40, b 0.50 |",
    ]
    assert by_sequence(scores, "abcd").splitlines()[3] == "| b | 0.700 | 0.500 |"


def test_variants_are_all_combinations_that_track_otherwise() -> None:
    interval = preset_named("imagenet_mobile").size.interval
    values = {"size.interval": [str(interval), "7"], "size.ratios": ["[0.9, 1.1]"]}
    assert list(judge.variants(["imagenet_mobile", "imagenet_mobile size.interval=7"], values)) == [
        "imagenet_mobile",
        f"imagenet_mobile size.interval={interval} 'size.ratios=[0.9, 1.1]'",
        "imagenet_mobile size.interval=7 'size.ratios=[0.9, 1.1]'",
        "imagenet_mobile size.interval=7",
    ]
    with pytest.raises(ConfigError):
        list(judge.variants(["imagenet_mobile"], {"size.interval": ["often"]}))


def test_a_contender_is_tracked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = demo_sequences(tmp_path / "data", "cat")
    network = "imagenet_mobile"
    score = judge.scores_of([network], sequences, tmp_path / "out", 1)[network]
    assert score.shape == (1,)
    assert 0.7 < score < 1
    two = judge.scores_of([network], sequences, tmp_path / "out", 2)[network]
    (files,) = [p.parent for p in (tmp_path / "out").iterdir()]
    assert len([*files.rglob("cat.txt")]) == 2  # a seed each

    monkeypatch.delattr(kept_boxes, "track_sequences")
    assert judge.scores_of([network], sequences, tmp_path / "out", 1) == {network: score}
    assert judge.scores_of([network], sequences, tmp_path / "out", 2) == {network: two}
    with pytest.raises(NameError):  # other settings are another contender
        judge.scores_of([f"{network} size.interval=3"], sequences, tmp_path / "out", 1)


@pytest.mark.slow
def test_processes_track_as_one_does(tmp_path: Path) -> None:
    sequences = demo_sequences(tmp_path / "data", "cat", "dog")
    contenders = ["imagenet_mobile", "imagenet_mobile size.interval=3"]
    one = judge.scores_of(contenders, sequences, tmp_path / "one", 1)
    two = judge.scores_of(contenders, sequences, tmp_path / "two", 1, jobs=2)
    assert list(one) == list(two) == contenders
    for contender in contenders:
        np.testing.assert_array_equal(one[contender], two[contender])
