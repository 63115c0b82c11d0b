"""benchmarks/publish.py: a run becomes a bundled network, with a card that says what its log says."""

from __future__ import annotations

import argparse
import json
import shlex
from dataclasses import replace
from pathlib import Path

import cards
import numpy as np
import publish
import pytest
import torch
from data_trees import write_boxes, write_video, write_videos
from safetensors.torch import load_file

from ltr.checkpoints import find_network, read_header, sha256_of, write_network
from ltr.data.configuration import DataConfig, Part
from ltr.errors import CheckpointError, ConfigError
from ltr.models.tracker_net import stored_tensors
from ltr.networks import open_network
from ltr.recipes import RECIPES
from ltr.settings import as_dict, to_toml
from ltr.training.log import append_line, read_log
from ltr.training.start import first_network
from pytracking.evaluation.metrics import Array
from pytracking.sequences.sequence import Sequence

NAME = "nce_plus_mobile"
RECIPE = replace(
    RECIPES[NAME],
    start="/somewhere/earlier/networks/epoch-0007.safetensors",
    batch=4,
    data=DataConfig(
        mix=(Part(name="clips", layout="videos", path="train"),), left_out="train/clips.json"
    ),
)
LICENCES = (
    "# Networks\n\n| network | made from | terms |\n|---|---|---|\n| `old` | a | b |\n\nEnd.\n"
)


def network_card(epoch: int) -> dict[str, object]:
    return {
        "preset": NAME,
        "recipe": "mine",
        "recipe_sha256": "0123456789abcdef" * 4,
        "step": 10 * epoch,
        "epoch": epoch,
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs, the first of which tracks better; data; a folder for networks."""
    folder = tmp_path_factory.mktemp("made")
    data = folder / "shared" / "data"
    write_videos(data / "train")
    write_video(data / "val" / "c.mp4", [20, 30, 40])
    write_boxes(data / "val" / "c.txt")
    run = folder / "run"
    (run / "networks").mkdir(parents=True)
    (run / "recipe.toml").write_text(to_toml(RECIPE))
    net = first_network(RECIPES[NAME])
    for epoch in (1, 2):
        path = run / "networks" / f"epoch-{epoch:04d}.safetensors"
        write_network(path, stored_tensors(net), as_dict(net.config), network_card(epoch))
        losses = {"total": 8.0 / epoch, "box/loss": 3.0 / epoch}
        append_line(run, "train", {"step": 10 * epoch, "epoch": epoch, "losses": losses})
        append_line(run, "validation", {"step": 10 * epoch, "epoch": epoch, "losses": losses})
        auc = {"epoch": epoch, "auc": 0.7 / epoch, "sequences": {"c": 0.7 / epoch}}
        append_line(run, "tracking", {"step": 10 * epoch, **auc})
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "LICENSE.md").write_text(LICENCES)
    (folder / "more.md").write_text("## Ablation\n\nOf parts.\n")
    return folder


def arguments(made: Path, **others: object) -> argparse.Namespace:
    given = {
        "run": made / "run",
        "name": NAME,
        "network": None,
        "hardware": "an abacus",
        "before": [],
        "commit": "abc123",
        "append": [made / "more.md"],
        "shared": made / "shared",
        "scores": made / "scores",
        "seeds": 1,
        "jobs": 1,
    }
    return argparse.Namespace(**{**given, **others})


def test_a_run_becomes_a_bundled_network(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made / "checkpoints"
    path, source = folder / f"{NAME}.safetensors", made / "run/networks/epoch-0001.safetensors"

    def scores_of(contenders: list[str], sequences: list[Sequence], *_: object) -> dict[str, Array]:
        """Instead of tracking, which is judge.py's."""
        floor, trained = contenders
        assert (floor, shlex.split(trained)) == ("imagenet_mobile", [str(source)])
        assert [sequence.name for sequence in sequences] == ["c", "b"]
        return {floor: np.array([0.5, 0.25]), trained: np.array([0.75, 0.625])}

    monkeypatch.setattr(publish, "scores_of", scores_of)
    publish.publish(arguments(made), folder)
    kept, given = load_file(path), load_file(source)
    assert kept.keys() == given.keys()
    assert all(tensor.equal(given[key]) for key, tensor in kept.items())
    assert {t.dtype for key, t in kept.items() if "running" in key} == {torch.float32}
    found = find_network(path)
    assert (found.preset, found.sha256) == (NAME, sha256_of(path))
    assert open_network(path).preset == NAME
    licences = (folder / "LICENSE.md").read_text()
    assert licences.count(f"| `{NAME}` | weights of `imagenet_mobile`, trained") == 1
    assert licences.endswith(" |\n\nEnd.\n")

    card = (folder / f"{NAME}.md").read_text()
    assert str(made) not in card
    assert "/somewhere" not in card + json.dumps(read_header(path).card)
    for text in (
        f"- recipe: `mine`, epoch 1 of {RECIPE.epochs} (step 10, batch 4), sha256 of its fields "
        "0123456789abcdef;",
        'start` "imagenet_mobile" -> earlier/epoch-0007, ',
        f"`batch` {RECIPES[NAME].batch} -> 4",
        "- commit: abc123\n- hardware: an abacus\n- hours: 0.0\n",
        "| clips | train/ | video | 100% | 1 | 3 | 1 |",
        "| **1** | **8** | **8** | **3** | **0.700 (1 sequence)** |\n| 2 | 4 | 4 | 1.5 | 0.350",
        "**not a benchmark**",
        "| network | val and clips (2) | val (1) | clips (1) | val and clips (2): difference from imagenet",
        "| sequence | imagenet_mobile | nce_plus_mobile |\n| --- | --- | --- |\n| c | 0.500 | 0.750 |",
        "Worst: b 0.62.",
        "## Ablation\n\nOf parts.\n\nMade by `benchmarks/publish.py`.",
    ):
        assert text in card, f"{text}\n\nis not in\n\n{card}"

    publish.publish(arguments(made), folder)  # once more: nothing is added twice
    assert (folder / "LICENSE.md").read_text() == licences
    assert (folder / f"{NAME}.md").read_text() == card


def test_nothing_is_published_before_it_was_tracked(
    made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(*_: object) -> dict[str, Array]:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish, "scores_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publish.publish(arguments(made), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_published(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run is for the preset nce_plus_mobile, not nce_plus18"):
        publish.publish(arguments(made, name="nce_plus18"), tmp_path)
    net = first_network(RECIPES[NAME])
    with pytest.raises(CheckpointError, match="at most 100000 are bundled"):
        cards.bundle(tmp_path, NAME, net, {"summary": "", "licence": ""}, 100_000)
    assert not [*tmp_path.iterdir()]


def test_hours_are_those_of_training(tmp_path: Path) -> None:
    times = [("event", 0), ("train", 1800), ("tracking", 3000), ("train", 3600)]
    log = [{"kind": kind, "time": time} for kind, time in times]
    later = [
        {"kind": "event", "time": 90_000, "event": "resume"},
        {"kind": "train", "time": 91_800},
    ]
    assert publish.hours(log) == 1
    assert publish.hours([*log, *later]) == 1.5


def test_of_many_epochs_some_are_shown(made: Path) -> None:
    line = next(line for line in read_log(made / "run") if line["kind"] == "train")
    rows = publish.curve([{**line, "step": k, "epoch": k} for k in range(1, 101)], 50).splitlines()
    shown = [int(row.split("|")[1].strip(" *")) for row in rows[2:]]
    assert {50, 100} <= set(shown)
    assert len(shown) <= publish.ROWS + 2
