"""What `ltr train` says of bad input, a line each, and that nothing is lost."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from data_trees import write_videos
from toy_recipe import TOY, steps_of

import ltr.data.samples as samples
import ltr.training.learner as learner
from ltr.cli import main as ltr
from ltr.data.configuration import Part
from ltr.settings import to_toml
from ltr.training.log import read_log
from ltr.training.recipe import FeatureBank, ParameterGroup

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--bach", "3"], "ltr: unknown setting 'bach' (in --bach 3): did you mean batch?"),
        (
            ["--box.objectiv", "nce"],
            "ltr: unknown setting 'box.objectiv' (in --box.objectiv nce): did you mean box.objective?",
        ),
        (
            ["--batch", "many"],
            "ltr: setting 'batch' takes a whole number, not 'many' (in --batch many)",
        ),
        (["--batch"], "ltr train: option --batch needs a value (see ltr train --help)"),
        (
            ["--devise", "cpu"],
            "ltr train: unknown option '--devise': did you mean --device? (see ltr train --help)",
        ),
        (["dimp18"], "ltr train: one recipe at a time, not {0} and dimp18 (see ltr train --help)"),
    ],
)
def test_bad_options(
    words: list[str], tmp_path: Path, capsys: Capture, more: list[str], line: str
) -> None:
    assert ltr([*words, *more]) == 2
    assert capsys.readouterr().err == line.format(tmp_path / "toy.toml") + "\n"
    assert not (tmp_path / "run").exists()


def test_bad_recipes_and_data(
    words: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LTR_DATA", raising=False)
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    toy = words[1]
    for arguments, line in (
        ([], "ltr train: missing argument RECIPE: `ltr recipes` lists them (see ltr train --help)"),
        (["dimp81"], "ltr: unknown recipe 'dimp81': did you mean dimp18?"),
        ([toy], "ltr: no data: give --data DIR, the folder of all data sets, or set LTR_DATA"),
        (
            [toy, "--data", str(tmp_path / "file")],
            f"ltr: data {tmp_path / 'file'} is no folder: give the folder of all data sets as --data",
        ),
        (
            [toy, "--data", str(tmp_path / "empty")],
            f"ltr: {tmp_path / 'empty' / 'photographs'} is not there: give part 'photographs' of the data the path of its folder",
        ),
    ):
        assert ltr(["train", *arguments, *(["--run", words[5]] if arguments else [])]) == 2
        assert capsys.readouterr().err == line + "\n"
    assert not (tmp_path / "run").exists()
    monkeypatch.setenv("LTR_DATA", words[3])
    assert ltr(["train", toy, "--run", words[5]]) == 0


def test_a_full_disk_is_one_line(
    words: list[str], tmp_path: Path, capsys: Capture, file_size_limit: Callable[[int], None]
) -> None:
    assert ltr(words) == 0
    capsys.readouterr()
    file_size_limit(100_000)
    other = str(tmp_path / "other")
    assert ltr([*words[:5], other, *words[6:]]) == 1
    state = Path(other) / "states" / "newest.safetensors"
    assert capsys.readouterr().err == f"ltr: cannot write training state {state}: File too large\n"


def test_a_full_disk_in_the_middle_keeps_the_last_state(
    words: list[str],
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    file_size_limit: Callable[[int], None],
) -> None:
    words += ["--averaging", "0.5", "--epochs", "2"]
    steps = itertools.count(1)

    def filling(*_: object) -> None:
        if next(steps) == 3:
            file_size_limit(100_000)

    with monkeypatch.context() as patch:
        patch.setattr(learner, "average", filling)
        assert ltr(words) == 1
    state = tmp_path / "run" / "states" / "newest.safetensors"
    line = f"ltr: cannot write training state {state}: File too large"
    assert capsys.readouterr().err.splitlines()[-1] == line
    assert steps_of(tmp_path / "run") == 2
    assert not list(tmp_path.rglob("*.partial*"))
    file_size_limit(resource.RLIM_INFINITY)
    assert ltr(words) == 0
    assert steps_of(tmp_path / "run") == 4


def test_a_state_of_another_network(words: list[str], tmp_path: Path, capsys: Capture) -> None:
    assert ltr(words) == 0
    other = ["--run", str(tmp_path / "other"), "--network.channels", "16"]
    assert ltr([*words[:4], *other, "--device", "cpu"]) == 0
    name = Path("states", "newest.safetensors")
    before = (tmp_path / "other" / name).read_bytes()
    (tmp_path / "run" / name).write_bytes(before)
    capsys.readouterr()
    assert ltr(words) == 2
    assert capsys.readouterr().err == (
        f"ltr: {tmp_path / 'run'} holds a training of a network of another kind: network.channels "
        "16 -> 8; give the same recipe to go on with it, or another folder as --run\n"
    )
    network = next((tmp_path / "run" / "networks").iterdir())
    state = tmp_path / "run" / name
    state.write_bytes(network.read_bytes())
    assert ltr(words) == 2
    assert capsys.readouterr().err == (
        f"ltr: training state {state} is none: it is a tracker's network\n"
    )


@pytest.mark.parametrize(
    ("boxes", "line"),
    [
        (
            "1,2,3,4\n",
            "{0}/b.txt has 1 lines, but {0}/b.mp4 has 3 frames: write one line a frame, "
            "nan,nan,nan,nan where the target is absent",
        ),
        ("1,2,3,4\n1,2,x,4\n", "{0}/b.txt, line 2: '1,2,x,4' is not a box x,y,w,h"),
        (None, "{0} is a file, not a folder: give part 'clips' of the data the path of its folder"),
        ("", "no track in {0}: layout videos is NAME.mp4 with NAME.txt; is another one meant?"),
    ],
)
def test_data_that_are_wrong(
    words: list[str], tmp_path: Path, capsys: Capture, boxes: str | None, line: str
) -> None:
    clips = tmp_path / "data" / "clips"
    if boxes is None:
        clips.touch()
    elif not boxes:
        clips.mkdir()
    else:
        write_videos(clips)
        (clips / "b.txt").write_text(boxes)
    data = replace(TOY.data, mix=(Part(name="clips", layout="videos", path="clips"),))
    (tmp_path / "toy.toml").write_text(to_toml(replace(TOY, data=data)))
    assert ltr(words) == 2
    assert capsys.readouterr().err == f"ltr: {line.format(clips)}\n"
    assert not (tmp_path / "run").exists()


def test_unknown_fields_of_a_file(words: list[str], tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "toy.toml").write_text("[box]\nkind = 'energy'\nobjectiv = 'nce'\n")
    assert ltr(words) == 2
    assert capsys.readouterr().err == (
        f"ltr: unknown setting 'box.objectiv' (in {tmp_path / 'toy.toml'}): did you mean "
        "box.objective?\n"
    )
    assert not (tmp_path / "run").exists()


def test_pictures_that_do_not_decode(
    words: list[str], tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "data" / "photographs" / "jpg" / "one.png"
    broken.write_bytes(b"no picture")
    assert ltr(words) == 0
    lines = [line for line in read_log(tmp_path / "run") if line["kind"] == "train"]
    assert lines[-1]["unreadable"] > 0
    capsys.readouterr()
    monkeypatch.setattr(samples, "JUDGED_FROM", 2)
    words[words.index("--run") + 1] = str(tmp_path / "judged")
    assert ltr(words) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "ltr: 3 pictures of 2 samples cannot be read, more than the share of 0.01 "
        f"(data.unreadable); the last: image {broken} is in no format that can be decoded, or "
        "damaged: fetch the file again"
    )
    assert steps_of(tmp_path / "judged") == 0


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"network": replace(TOY.network, box_head=None)},
            "box is an objective for a box head, but network.box_head is none: set one of them",
        ),
        (
            {"classifier": None, "box": None},
            "the recipe minimises nothing: set classifier or box, with a weight",
        ),
        (
            {"bank": FeatureBank(samples=1)},
            "bank.samples is 1, but a step uses 2 different ones: give bank.samples at least 2",
        ),
        (
            {"data": replace(TOY.data, resident=True, workers=1)},
            "data.resident keeps all frames in one process: set data.workers to 0, or turn it off",
        ),
        (
            {"groups": (ParameterGroup(parameters=("clasifier.",)),)},
            "groups.0.parameters: the network has none whose names begin with 'clasifier.': did you "
            "mean classifier.?",
        ),
        (
            {"start": "imagenet18"},
            "start: tensor 'feature_extractor.conv1.weight' of network imagenet18 has shape [64, 3, "
            "7, 7], the recipe's network none: take other start_parts",
        ),
    ],
)
def test_recipes_that_are_refused_leave_nothing(
    words: list[str], tmp_path: Path, capsys: Capture, changes: dict[str, Any], line: str
) -> None:
    (tmp_path / "toy.toml").write_text(to_toml(replace(TOY, **changes)))
    assert ltr(words) == 2
    assert capsys.readouterr().err == f"ltr: {line}\n"
    assert not (tmp_path / "run").exists()
