"""pytracking validate: the networks of a run are tracked with once, and its log is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ltr.checkpoints import write_network
from ltr.data.configuration import DataConfig, Part
from ltr.errors import CheckpointError, ConfigError, DataError
from ltr.models.tracker_net import stored_tensors
from ltr.networks import load_network
from ltr.settings import as_dict, to_toml
from ltr.training.log import read_log
from ltr.training.recipe import Recipe
from ltr.training.run import best_network, open_run
from pytracking.apps import kept_boxes, validate
from pytracking.cli import main
from pytracking.sources.demo_clip import DemoClip

FRAMES = 3
RECIPE = Recipe(
    epochs=2,
    steps=10,
    data=DataConfig(
        mix=(
            Part(name="clips", layout="folders", path="train"),
            Part(name="photographs", layout="coco", path="images", use="motion"),
        ),
        left_out="left_out.txt",
    ),
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first frames of the demo."""
    demo, folder = DemoClip(0), tmp_path_factory.mktemp("clip")
    for k in range(FRAMES):
        cv2.imwrite(str(folder / f"{k}.jpg"), demo.frame(k)[:, :, ::-1])
    np.savetxt(folder / "groundtruth.txt", demo.boxes_xywh[:FRAMES], delimiter=",")
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled one as a training writes it, with a card that names its preset."""
    net, path = load_network("imagenet_mobile"), tmp_path_factory.mktemp("network") / "it"
    write_network(path, stored_tensors(net), as_dict(net.config), {"preset": "imagenet_mobile"})
    return path


@pytest.fixture
def data(tmp_path: Path, clip: Path) -> Path:
    """Training data with a sequence that is left out and one that is not, and one in val."""
    for place in ("train/trained", "train/held", "val/cat"):
        shutil.copytree(clip, tmp_path / "data" / place)
    (tmp_path / "data" / "left_out.txt").write_text("held\n")
    return tmp_path / "data"


@pytest.fixture
def run(tmp_path: Path, network: Path) -> Path:
    """What a training of one epoch of two has left."""
    folder = tmp_path / "run"
    (folder / "networks").mkdir(parents=True)
    (folder / "recipe.toml").write_text(to_toml(RECIPE))
    shutil.copy(network, folder / "networks" / "epoch-0001.safetensors")
    return folder


def add_second(run: Path) -> None:
    """The network of the last epoch."""
    networks = run / "networks"
    shutil.copy(networks / "epoch-0001.safetensors", networks / "epoch-0002.safetensors")


def lines(run: Path) -> list[dict[str, object]]:
    return [line for line in read_log(run) if line["kind"] == "tracking"]


def test_a_network_is_tracked_with_once_and_told_once(
    run: Path,
    data: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ["validate", str(run), "--data", str(data), "--device", "cpu"]
    assert main(command) == 0
    (line,) = lines(run)
    assert (line["network"], line["step"], line["epoch"]) == ("epoch-0001.safetensors", 10, 1)
    scores = line["sequences"]
    assert isinstance(scores, dict)
    assert list(scores) == ["cat", "held"]  # what is trained on says nothing
    assert line["auc"] == pytest.approx(np.mean([*scores.values()]))
    assert 0.7 < line["auc"] < 1
    said, err = capsys.readouterr()
    assert err.splitlines()[-1] == (
        "best network, by success AUC of 2 sequences (of fewer than 10 chance chooses): "
        "epoch-0001.safetensors"
    )
    assert said.startswith(
        f"epoch-0001.safetensors  step 10  success AUC {line['auc']:.3f}  (95 % "
    )
    assert "over 2 sequences; worst " in said
    assert best_network(run) == run / "networks" / "epoch-0001.safetensors"
    with open_run(run, RECIPE, "mine"):  # the training goes on in the same folder
        pass

    monkeypatch.delattr(kept_boxes, "track_sequences")
    assert main(command) == 0
    assert capsys.readouterr().out == said
    assert lines(run) == [line]
    assert main([*command, "--set", "size.interval=3"]) == 1  # asks for what was not tracked


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores without tracking."""
    monkeypatch.setattr(validate, "kept_auc", lambda engine, sequence, folder: 0.5)


def test_it_watches_until_the_last_network(
    run: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch)
    waited = []

    def pause(seconds: float) -> None:
        waited.append([line["epoch"] for line in lines(run)])
        if len(waited) == 2:
            add_second(run)

    monkeypatch.setattr(validate.time, "sleep", pause)
    assert main(["validate", str(run), "--data", str(data), "--watch", "--seeds", "2"]) == 0
    assert waited == [[1], [1]]
    assert [line["epoch"] for line in lines(run)] == [1, 2]
    assert [line["seeds"] for line in lines(run)] == [2, 2]


def test_a_network_that_the_training_removes_is_passed_over(
    run: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch)
    add_second(run)
    engines = validate.Question.engines

    def late(question: validate.Question, network: Path) -> object:
        if network.name == "epoch-0001.safetensors":
            network.unlink()
        return engines(question, network)

    monkeypatch.setattr(validate.Question, "engines", late)
    assert main(["validate", str(run), "--data", str(data)]) == 0
    assert [line["epoch"] for line in lines(run)] == [2]


def test_an_interrupt_keeps_what_was_told(
    run: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch)

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(validate.time, "sleep", interrupt)
    assert main(["validate", str(run), "--data", str(data), "--watch"]) == 130
    assert "interrupted; what was tracked is kept" in capsys.readouterr().err
    assert len(lines(run)) == 1


def test_a_damaged_network_is_told_of(run: Path, data: Path) -> None:
    (run / "networks" / "epoch-0001.safetensors").write_bytes(b"no network")
    choice = validate.TrackerChoice("", None, None, [], "cpu", 0)
    question = validate.Question(validate.sequences_of(run, data, [], []), choice, 1)
    with pytest.raises(CheckpointError, match="epoch-0001"):
        validate.run_validate(run, question, watch=False)


def test_sequences_can_be_others(run: Path, data: Path) -> None:
    def names(folders: list[Path], *chosen: str) -> list[str]:
        found = validate.sequences_of(run, Path("nowhere"), folders, list(chosen))
        return [sequence.name for sequence in found]

    assert names([data / "train"]) == ["held", "trained"]
    assert names([data / "train", data / "val"], "cat") == ["cat"]
    with pytest.raises(ConfigError, match="no data: give --data DIR"):
        validate.sequences_of(run, None, [], [])
    with pytest.raises(DataError, match="two sequences are named 'cat'"):
        names([data / "val", data / "val"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run, data: shutil.rmtree(run), "is no run of `ltr train`"),
        (lambda run, data: shutil.rmtree(data), "give that of the training data as --data"),
        (lambda run, data: (run / "recipe.toml").unlink(), "recipe.toml"),
        (lambda run, data: (data / "left_out.txt").unlink(), "left_out.txt: No such file"),
        (lambda run, data: (run / "recipe.toml").write_text("epoch = 1"), "did you mean epochs"),
    ],
)
def test_bad_input_is_one_line(
    run: Path,
    data: Path,
    change: Callable[[Path, Path], object],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change(run, data)
    assert main(["validate", str(run), "--data", str(data)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (run / "log.jsonl").exists()


def test_a_name_that_is_not_there_is_suggested(
    run: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", str(run), "hold", "--data", str(data)]) == 2
    assert "no sequence 'hold': did you mean held?" in capsys.readouterr().err
