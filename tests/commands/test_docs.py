"""Every code block of the documents runs as a user would run it; one without a language is only shown."""

from __future__ import annotations

import inspect
import itertools
import re
import shlex
import shutil
from dataclasses import is_dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import data_trees
import numpy as np
import pytest
from demo_video import demo_clip, write_demo_image, write_demo_video

from ltr.data.configuration import Layout, Sampling, Use
from ltr.ebm import objectives, proposals, slopes
from ltr.models.zoo import NETWORKS, PUBLISHED_FILES
from ltr.recipes import RECIPES
from ltr.regress import cells
from ltr.settings import with_toml
from ltr.toy import experiment
from ltr.training.recipe import FeatureBank, Recipe
from pytracking import DEFAULT_NETWORK
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.presets import PRESETS, preset_named

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
)
BLOCKS = [
    (name, language, text)
    for name in DOCUMENTS
    for language, text in re.findall(
        r"```(\w+)\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL
    )
]
VARIANTS = "docs/write_your_own_variant.md"
TRAINING = "docs/train.md"
ELSEWHERE = ("bash setup.sh ", "source .venv/bin/activate")
"""Run by the project's own checks: they make the environment that this test runs in."""
SETTINGS = preset_named(DEFAULT_NETWORK)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_video(tmp_path_factory.mktemp("video") / "video.mp4", 4)


@pytest.fixture
def workplace(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the documents speak of: video.mp4, results.csv, DATA with the sequence NAME,
    and results of it."""
    shutil.copy(video, tmp_path)
    (tmp_path / "DATA" / "NAME").mkdir(parents=True)
    for k in range(4):
        write_demo_image(tmp_path / "DATA" / "NAME" / f"{k}.png", k)
    truth = tmp_path / "DATA" / "NAME" / "groundtruth.txt"
    np.savetxt(truth, demo_clip(0).boxes_xywh[:4], delimiter=",")
    for tracker in ("one", "two"):
        (tmp_path / "results" / tracker).mkdir(parents=True)
        (tmp_path / "results" / tracker / "NAME.txt").write_text("230,150,60,60\n" * 4)
    rows = "frame,target,x,y,w,h,score,status\n1,target,230,150,60,60,,init\n"
    (tmp_path / "results.csv").write_text(rows, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trainings(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny data for every part of the recipe nce_plus_mobile, which is cut down to two steps."""
    data_trees.write_videos(workplace / "data" / "train")
    data_trees.write_coco(workplace / "data" / "images")
    data_trees.write_objects(workplace / "data" / "objects")
    whole = RECIPES["nce_plus_mobile"]
    short = replace(
        whole,
        data=replace(
            whole.data,
            crops=replace(whole.data.crops, side=64),
            sampling=Sampling(train_frames=1, test_frames=1, min_visible=2, min_frames=2),
        ),
        batch=2,
        epochs=1,
        steps=2,
        bank=FeatureBank(samples=2, uses=2),
        validation_samples=1,
    )
    monkeypatch.setitem(RECIPES, "nce_plus_mobile", short)


@pytest.fixture
def experiments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those in one dimension a seed and an epoch, with two samples; a constant for the metric. Of cells few
    pictures."""
    monkeypatch.setattr(cells, "COUNTS", (16, 4, 4))
    carry_out = experiment.carry_out
    monkeypatch.setattr(experiment, "evaluate", lambda data, scores: 0.25)
    monkeypatch.setattr(
        experiment,
        "carry_out",
        lambda plan, root: carry_out(replace(plan, seeds=1, samples=2, epochs=1), root),
    )


@pytest.mark.parametrize(("document", "language", "text"), BLOCKS)
@pytest.mark.usefixtures("trainings", "experiments")
def test_block(
    document: str, language: str, text: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # settings files of the document, each named by the comment that it begins with
    files = {t.split()[1]: t for name, kind, t in BLOCKS if (name, kind) == (document, "toml")}
    for name, settings in files.items():
        Path(name).write_text(settings, encoding="utf-8")
    if language == "toml":
        defaults = Recipe() if document == TRAINING else SETTINGS
        assert with_toml(defaults, Path(text.split()[1])) != defaults
        return
    if language == "python":
        exec(compile(text, document, "exec"), {"__name__": "__main__"})
        assert capsys.readouterr().out
        return
    assert language == "bash", f"{document}: a block in {language} is run by nothing"
    from ltr.cli import main as ltr
    from pytracking.cli import main as pytracking

    for line in text.strip().splitlines():
        if line.startswith(ELSEWHERE):
            continue
        program, *arguments = shlex.split(line)
        run = {"pytracking": pytracking, "ltr": ltr}[program]
        try:
            status = run(arguments)
        except SystemExit as done:  # --help
            status = done.code or 0  # type: ignore[assignment]
        assert status == 0, line


def test_variants_are_short() -> None:
    variants = [text for name, kind, text in BLOCKS if (name, kind) == (VARIANTS, "python")]
    assert len(variants) == 4, "another value, and three rules"
    assert max(len(text.splitlines()) for text in variants) < 60


def test_the_examples_of_the_library_have_ten_lines() -> None:
    examples = [
        text for name, kind, text in BLOCKS if (name, kind) == ("docs/library.md", "python")
    ]
    lengths = [len([line for line in text.splitlines() if line.strip()]) for text in examples]
    assert len(lengths) == 5
    assert max(lengths) <= 10


def test_blocks_are_found() -> None:
    assert {language for _, language, _ in BLOCKS} == {"python", "bash", "toml"}
    assert {name for name, _, _ in BLOCKS} >= {
        "README.md",
        "docs/published_networks.md",
        "docs/train.md",
        "docs/write_your_own_variant.md",
    }
    assert len(BLOCKS) >= 9


def test_files_that_are_named_exist() -> None:
    for document in DOCUMENTS:
        for name in re.findall(
            r"`((?:ltr|pytracking|benchmarks|tests|checkpoints)/[\w./]+)`",
            (ROOT / document).read_text(),
        ):
            assert (ROOT / name).exists(), f"{document} names {name}"


def rows(document: str, first: str) -> list[list[str]]:
    """The cells of that table of a document whose first column is called `first`."""
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    begin = next(k for k, line in enumerate(lines) if line.startswith(f"| {first} |"))
    body = itertools.takewhile(lambda line: line.startswith("|"), lines[begin + 2 :])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body]


def test_objectives_are_where_the_table_says() -> None:
    """All of them, and what they do is told by `help`."""
    table = rows("docs/energies.md", "name")
    named = {(module.strip("`"), value.strip("`")) for _, value, module, *_ in table}
    known = {
        (module.__name__, name)
        for module in (objectives, slopes, proposals)
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
        and is_dataclass(value)
        and callable(value)
    }
    assert named == known
    for module, name in named:
        objective = getattr(import_module(module), name)
        for half in {"draw", "loss", "__call__"} & set(dir(objective)):
            told = inspect.getdoc(getattr(objective, half))
            assert told not in (None, "Call self as a function."), f"{name}.{half}"


def test_the_examples_of_energies_come_near_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (
        text for name, kind, text in BLOCKS if (name, kind) == ("docs/energies.md", "python")
    )
    known: dict[str, Any] = {}
    exec(compile(first, "first", "exec"), known)
    assert float((known["sample"].mean - known["truth"][:3]).abs().max()) < 0.06
    width = (known["high"] - known["low"]).mean(0)
    assert bool(((width > 0.14) & (width < 0.26)).all())
    exec(compile(second, "second", "exec"), known)
    share = float(known["sample"].expectation(known["sample"].points[..., 0] < 0))
    assert 0.21 < share < 0.34
    assert capsys.readouterr().out.count("truth:") == 3


def test_published_networks_are_those_of_the_code() -> None:
    table = rows("docs/published_networks.md", "name")
    assert {name.strip("`"): file.strip("`") for name, file, *_ in table} == PUBLISHED_FILES
    for name, _, trunk, presets in table:
        known = name.strip("`")
        assert trunk.lower().replace("-", "") == NETWORKS[known].trunk
        assert re.findall(r"\w+", presets) == [
            preset for preset in PRESETS if preset.startswith(f"{known}_vot")
        ]


def test_published_presets_hold_what_is_said() -> None:
    published = [
        preset
        for name, preset in PRESETS.items()
        if name.startswith(("dimp", "prdimp", "super_dimp"))
    ]
    assert len(published) == 10
    for setting, value, _ in rows("docs/published_networks.md", "setting"):
        if setting:  # a row without one goes on with the row above
            group, field = setting.strip("`").split(".")
            found = {getattr(getattr(preset, group), field) for preset in published}
            assert found == {True if value == "on" else value.strip("`")}, setting


def test_layouts_and_uses_of_training_data_are_those_of_the_code() -> None:
    layouts = [
        name for cell, _ in rows(TRAINING, "layout") for name in re.findall(r"`(\w+)`", cell)
    ]
    assert sorted(layouts) == sorted(get_args(Layout))
    use = re.search(r"A part's use is (.*?)\.", (ROOT / TRAINING).read_text(), re.DOTALL)
    assert use
    assert sorted(re.findall(r"`(\w+)`", use[1])) == sorted(get_args(Use))


def test_settings_and_functions_that_are_named_exist() -> None:
    for what, values, functions in rows("docs/write_your_own_variant.md", "what"):
        group = ""
        for before, field in re.findall(r"`(\w*)\.([a-z_]+|\*)`", values):
            group = before or group  # `.size` after `memory.interval` is one of the memory
            assert field == "*" or hasattr(getattr(SETTINGS, group), field), (
                f"{what}: {group}.{field}"
            )
        for rule in re.findall(r"\*\*`(\w+)`\*\*", functions):
            assert rule in inspect.signature(TrackerEngine).parameters, f"{what}: {rule}"
        for names, file in re.findall(r"([^;]+) in `([\w/.]+)`", functions):
            source = (ROOT / file).read_text(encoding="utf-8")
            for name in re.findall(r"`(\w+)`", names):
                found = re.search(rf"^(def|class) {name}\b", source, re.MULTILINE)
                assert found, f"{what}: {name} in {file}"
