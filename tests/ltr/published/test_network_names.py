"""Networks by name: which there are, and how a published one comes to be among them."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from published_files import Save, assert_same
from torch import Tensor

from ltr.checkpoints import find_network, known_networks, write_network
from ltr.cli import main as ltr
from ltr.errors import ConfigError
from ltr.models.tracker_net import stored_tensors
from ltr.models.zoo import PUBLISHED_FILES
from ltr.networks import load_network, open_network
from ltr.settings import as_dict
from pytracking.cli import main as pytracking

# --- Which networks there are ---


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder, not made yet, under a name that a shell must have quoted."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "my data"))
    monkeypatch.delenv("PYTRACKING_CHECKPOINTS", raising=False)
    return tmp_path / "my data" / "pytracking" / "checkpoints"


def test_listing_leads_from_a_published_file_to_a_network(
    own_folder: Path, save: Save, state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def rows() -> dict[str, str]:
        assert pytracking(["networks"]) == 0
        return {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}

    before = rows()
    assert {"imagenet18", "imagenet_mobile", *PUBLISHED_FILES} <= set(before)
    assert "preset imagenet18 " in before["imagenet18"]
    for name, file in PUBLISHED_FILES.items():
        command = f"ltr convert {file} '{own_folder / name}.safetensors'"
        assert before[name] == f"{name:<18} {file:<26} {command}"
        for run in (pytracking(["networks", name]), ltr(["inspect", name])):
            assert run == 2
        said = f"network {name!r} is not here: download {file} from its authors (pytracking's model zoo), then: {command}"
        assert capsys.readouterr().err == f"pytracking: {said}\nltr: {said}\n"
        with pytest.raises(ConfigError) as error:
            load_network(name)
        assert str(error.value) == said

    program, *arguments = shlex.split(before["dimp18"].split(maxsplit=2)[2])
    assert program == "ltr"
    monkeypatch.chdir(tmp_path)
    Path("dimp18.pth").write_bytes(b"damaged")
    assert ltr(arguments) == 2
    assert not own_folder.exists()
    save(state, "dimp18.pth")
    assert ltr(arguments) == 0
    assert capsys.readouterr().out.endswith("--net dimp18\n")
    assert [path.name for path in own_folder.iterdir()] == ["dimp18.safetensors"]
    assert (
        rows()["dimp18"]
        == "dimp18              43.0 MB  preset dimp18             converted from dimp18.pth"
    )
    assert rows().keys() == before.keys()
    assert open_network("dimp18").preset == "dimp18"
    assert_same(stored_tensors(load_network("dimp18")), state)
    assert pytracking(["networks", "dimp18"]) == 0
    shown = capsys.readouterr().out
    for line in (
        "  preset           dimp18",
        "  licence          its authors'",
        "  trunk            resnet18",
    ):
        assert shown.splitlines().count(line) == 1
    assert "displacement 0.1" in shown


def test_the_card_says_the_preset_where_no_registry_does(
    own_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ltr.models.tracker_net import NetworkConfig, TrackerNet

    net = TrackerNet(NetworkConfig(trunk="mobilenet_v2", channels=8))
    own_folder.mkdir(parents=True)

    def write(name: str, card: dict[str, Any]) -> Path:
        write_network(
            own_folder / f"{name}.safetensors", stored_tensors(net), as_dict(net.config), card
        )
        return own_folder / f"{name}.safetensors"

    path = write("mine", {"preset": "dimp18", "summary": "my own", "sha256": "of something else"})
    for found in (find_network("mine"), find_network(path), known_networks()["mine"]):
        assert (found.preset, found.summary, found.sha256) == ("dimp18", "my own", None)
    assert open_network("mine").preset == "dimp18"
    assert open_network(write("odd", {"preset": ["dimp18"], "summary": "two\nlines"})).preset == ""
    (own_folder / "models.json").write_text(
        '{"mine": {"sha256": "", "summary": "by the registry", "preset": "", "licence": ""}}'
    )
    assert (find_network(path).summary, open_network("mine").preset) == (
        "by the registry",
        "dimp18",
    )

    cut = write("cut", {})
    os.truncate(cut, 1000)
    (own_folder / "gone.safetensors").symlink_to(own_folder / "nowhere")
    assert pytracking(["networks"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert lines["cut"].endswith(f"cannot be used: ltr inspect '{cut}' says why")
    assert lines["odd"].endswith(r"preset -                  two\nlines")
    assert "gone" not in lines
    assert load_network("mine").config == net.config
    assert pytracking(["networks", "cut"]) == 2
    assert capsys.readouterr().err.startswith(f"pytracking: network file {cut} is damaged: ")
    assert pytracking(["networks", "dimp18.pth"]) == 2
    assert capsys.readouterr().err == (
        "pytracking: dimp18.pth is a file as its authors publish it: `ltr inspect dimp18.pth` says what it holds\n"
    )
