"""What several tests of commands use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from data_trees import write_coco
from setup_stand_in import House
from toy_recipe import TOY

from ltr.settings import to_toml
from pytracking.cli import main as pytracking

FAST = ["--net", "imagenet_mobile", "--set", "search.crop_side=96", "--device", "cpu"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A copy of setup.sh and what it reads, with a stand-in for Python."""
    return House(tmp_path)


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Interrupts evaluations as they come to the sequence of a name."""
    import pytracking.apps.evaluate as evaluate

    track = evaluate.track_sequences

    def at(name: str) -> None:
        def interrupted(engine, sequences, *rest, **more):  # type: ignore[no-untyped-def]
            for sequence in sequences:
                if sequence.name == name:
                    raise KeyboardInterrupt
                yield from track(engine, [sequence], *rest, **more)

        monkeypatch.setattr(evaluate, "track_sequences", interrupted)

    return at


@pytest.fixture
def track(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `pytracking track` (or another command): its status, what it said, its errors."""

    def run(source: Path, *arguments: str | Path, command: str = "track") -> tuple[int, str, str]:
        first = ["track"] if command == "track" else ["demo", "--video"]
        status = pytracking([*first, str(source), *map(str, arguments), *FAST])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A training of two steps."""
    write_coco(tmp_path / "data" / "photographs")
    (tmp_path / "toy.toml").write_text(to_toml(TOY))
    data, run = str(tmp_path / "data"), str(tmp_path / "run")
    return ["train", str(tmp_path / "toy.toml"), "--data", data, "--run", run, "--device", "cpu"]
