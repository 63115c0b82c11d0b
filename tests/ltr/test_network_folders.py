"""What lies in the folders of networks is made by anybody: one damaged file hinders no other, and nothing in it
reaches the terminal, or takes memory, before it was looked at."""

from __future__ import annotations

import json
import pwd
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ltr.checkpoints import FORMAT, MAX_DEPTH, find_network, known_networks, user_folder
from ltr.cli import main as ltr
from ltr.errors import CheckpointError, ConfigError
from ltr.models.box.energy import EnergyHeadConfig
from ltr.networks import load_network, open_network
from ltr.settings import as_dict
from pytracking.cli import main as pytracking

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of networks."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("PYTRACKING_CHECKPOINTS", raising=False)
    path = tmp_path / "pytracking" / "checkpoints"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: object) -> tuple[int, str, str]:
        program, *rest = map(str, arguments)
        status = {"ltr": ltr, "pytracking": pytracking}[program](rest)
        return status, *capsys.readouterr()

    return command


def write(path: Path, header: Any = (), config: Any = (), card: Any = ()) -> Path:
    """A file of ours that is a header alone; texts stand as they are."""
    config, card = (
        part if isinstance(part, str) else json.dumps(dict(part)) for part in (config, card)
    )
    metadata = {"format": FORMAT, "config": config, "card": card}
    text = header or json.dumps({"__metadata__": metadata})
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode())
    return path


def deep(levels: int) -> str:
    return '{"a":' * levels + "0" + "}" * levels


METADATA = f'"__metadata__": {{"format": "{FORMAT}", "config": "{{}}", "card": "{{}}"}}'
DAMAGE = {
    "blank": " ",
    "deep": deep(100_000),
    "deep_config": f'{{"__metadata__": {{"format": "{FORMAT}", "config": {json.dumps(deep(900))}, "card": "{{}}"}}}}',
    "offsets": f'{{{METADATA}, "w": {{"dtype": "F16", "shape": [1], "data_offsets": ["a", "b"]}}}}',
    "infinite": f'{{{METADATA}, "w": {{"dtype": "F16", "shape": [1e999], "data_offsets": [0, 2]}}}}',
    "types": f'{{{METADATA}, "w": {{"dtype": 7, "shape": [1], "data_offsets": [0, 0]}}}}',
    "list": "[1]",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_one_damaged_file_stops_nothing(kind: str, folder: Path, run: Run) -> None:
    path = write(folder / f"{kind}.safetensors", DAMAGE[kind])
    assert known_networks()[kind].summary == f"cannot be used: ltr inspect {path} says why"
    status, out, _ = run("pytracking", "networks")
    assert status == 0
    assert f"cannot be used: ltr inspect {path} says why" in out
    assert "imagenet18 " in out
    assert run("pytracking", "presets")[0] == 0
    assert load_network("imagenet_mobile")
    for command in (
        ("ltr", "inspect", path),
        ("ltr", "inspect", kind),
        ("pytracking", "networks", kind),
    ):
        status, out, err = run(*command)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(f"{command[0]}: network file {path} ")


def test_damaged_registry_stops_its_folder_alone(folder: Path, run: Run) -> None:
    path = write(folder / "mine.safetensors")
    registry = folder / "models.json"
    registry.write_text(deep(100_000))
    line = f"registry {registry} is damaged: nested deeper than {MAX_DEPTH} levels"
    assert run("ltr", "inspect", "mine") == (2, "", f"ltr: {line}\n")
    assert run("pytracking", "networks", path) == (2, "", f"pytracking: {line}\n")
    assert known_networks()["mine"].summary == f"cannot be used: ltr inspect {path} says why"
    assert run("pytracking", "networks", "imagenet18")[0] == 0
    assert open_network("imagenet_mobile").preset == "imagenet_mobile"


def test_nesting_is_said_in_a_line(folder: Path) -> None:
    said = f"is damaged: its header is not valid (nested deeper than {MAX_DEPTH} levels)"
    for path in (
        write(folder / "a.safetensors", header=deep(100_000)),
        write(folder / "b.safetensors", config=deep(MAX_DEPTH + 1)),
        write(folder / "c.safetensors", card=deep(100_000)),
    ):
        with pytest.raises(CheckpointError) as error:
            load_network(path)
        assert str(error.value) == f"network file {path} {said}"


def test_user_without_a_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Run
) -> None:
    def no_entry(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    for name in ("HOME", "XDG_DATA_HOME", "PYTRACKING_CHECKPOINTS"):
        monkeypatch.delenv(name, raising=False)
    assert user_folder() is None
    assert load_network("imagenet_mobile")
    advice = (
        "ltr convert dimp18.pth FOLDER/dimp18.safetensors, and set PYTRACKING_CHECKPOINTS=FOLDER, "
        "for you have no home folder"
    )
    status, out, _ = run("pytracking", "networks")
    assert status == 0
    assert advice in out
    with pytest.raises(ConfigError) as error:
        load_network("dimp18")
    assert str(error.value) == (
        "network 'dimp18' is not here: download dimp18.pth from its authors (pytracking's model zoo), "
        f"then: {advice}"
    )
    missing = tmp_path / "none"
    assert run("ltr", "convert", tmp_path / "dimp18.pth", missing / "dimp18.safetensors") == (
        2,
        "",
        f"ltr: folder {missing} does not exist: make it first, or give another place for dimp18.safetensors\n",
    )
    monkeypatch.setenv("PYTRACKING_CHECKPOINTS", str(tmp_path))
    with pytest.raises(
        ConfigError, match=f"then: ltr convert dimp18.pth {tmp_path}/dimp18.safetensors$"
    ):
        load_network("dimp18")


ASKING = {
    "trunk": "resnet50",
    "feature_blocks": 4,
    "feature_kernel": 7,
    "channels": 4096,
    "filter_size": 16,
    "initializer": "pooled",
    "box_head": as_dict(EnergyHeadConfig()),
}


def test_a_small_file_takes_no_memory(folder: Path) -> None:
    """It asks for a network of more than 2 GB."""
    path = write(folder / "asking.safetensors", config=ASKING)
    assert path.stat().st_size < 800
    program = """
import resource, sys
from ltr.errors import CheckpointError
from ltr.networks import load_network
load_network("imagenet_mobile")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_network(sys.argv[1])
except CheckpointError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    found = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    message, kilobytes = found.stdout.splitlines()
    assert message == (
        f"network file {path} lacks tensor 'feature_extractor.conv1.weight' and 326 more: it is of another network"
    )
    assert int(kilobytes) < 100_000


HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e\udc80\nnext"
ESCAPED = r"\x1b[2J\x1b]0;owned\x07\u202e\udc80\nnext"


def test_escapes_are_shown_escaped(folder: Path, run: Run) -> None:
    source = find_network("imagenet_mobile").path.read_bytes()
    (length,) = struct.unpack("<Q", source[:8])
    header = json.loads(source[8 : 8 + length])
    card = {"summary": HOSTILE, "preset": "imagenet_mobile", HOSTILE: [HOSTILE]}
    header["__metadata__"]["card"] = json.dumps(card)
    text = json.dumps(header).encode()
    path = folder / "odd\x1b[1m.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + source[8 + length :])
    for command in (
        ("ltr", "inspect", path),
        ("pytracking", "networks", path),
        ("pytracking", "networks"),
    ):
        status, out, err = run(*command)
        assert (status, err) == (0, "")
        assert all(line.isprintable() for line in out.splitlines())
        assert r"odd\x1b[1m" in out
        assert ESCAPED in out
    write(folder / "names.safetensors", config={HOSTILE: 1})
    status, out, err = run("ltr", "inspect", "names")
    assert (status, out) == (2, "")
    assert err[:-1].isprintable()


def test_rows_of_a_network_have_names_of_their_own(run: Run) -> None:
    """Its card has a `trunk` as its configuration has, and says where it is from."""
    status, out, _ = run("ltr", "inspect", "imagenet_mobile")
    names = [line.split()[0] for line in out.splitlines()[1:]]
    assert status == 0
    assert len(names) == len(set(names))
    assert {"trunk", "card.trunk", "card.licence"} <= set(names)
