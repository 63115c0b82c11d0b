"""What the tests of published files share: programs in both containers, and files as torch saves them."""

from __future__ import annotations

import shutil
import sys
import types
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from pickle_program import (
    WEIGHT,
    Writer,
    program,
    streamed,
    table,
    zipped,
)
from published_files import Save, Say, unpacked, used
from published_weights import read_manifest
from torch import Tensor

from ltr.cli import main as ltr
from ltr.errors import CheckpointError, ConfigError
from ltr.models.zoo import NETWORKS
from ltr.networks import load_network
from ltr.published import read_published


@pytest.fixture(params=[zipped, streamed])
def write(request: pytest.FixtureRequest, tmp_path: Path) -> Writer:
    """Writes a file of either container from a program and its storages."""
    return lambda code, storages=None: request.param(tmp_path / "net.pth", code, storages)


@pytest.fixture(autouse=True, scope="session")
def _imported_before_watching(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What torch, zipfile and click import at first use is imported now."""
    import_module("ltr.commands.convert")
    read_published(
        zipped(tmp_path_factory.mktemp("first") / "net.pth", program({"net": table({"w": WEIGHT})}))
    )


@pytest.fixture(autouse=True)
def _disk_is_given_back(tmp_path: Path) -> Iterator[None]:
    """Of what these tests leave, pytest would keep some gigabytes."""
    yield
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def record(shared: Path) -> dict[str, Any]:
    """How DiMP-18 was constructed, by its manifest."""
    return read_manifest("dimp18", shared / "reference")["constructor"]


@pytest.fixture(scope="module")
def golden_state(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    """The whole state of DiMP-18 as a golden container holds it."""
    path = unpacked(shared, "dimp18_random_legacy.pth", tmp_path_factory.mktemp("golden"))
    state = read_published(path).state
    path.unlink()
    return state


@pytest.fixture
def state(golden_state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The part of DiMP-18 that is used, to change at will."""
    return used(golden_state)


@pytest.fixture
def save(record: dict[str, Any], tmp_path: Path) -> Iterator[Save]:
    """Saves a state as a published tracker does, by torch, with a stand-in for the class that its files name."""
    module = types.ModuleType("ltr.admin.model_constructor")
    module.NetConstructor = type("NetConstructor", (), {"__module__": module.__name__})  # type: ignore[attr-defined]
    assert module.__name__ not in sys.modules
    sys.modules[module.__name__] = module

    def write(state: Any, name: str = "net.pth", function: str = "dimpnet18", arguments: tuple[Any, ...] = (),
              constructor: bool = True, without: tuple[str, ...] = (), others: dict[str, Any] | None = None,
              legacy: bool = False, **keywords: Any) -> Path:  # fmt: skip
        built = module.NetConstructor()  # type: ignore[attr-defined]
        built.fun_name, built.fun_module, built.args = function, record["fun_module"], arguments
        built.kwds = {k: v for k, v in {**record["kwds"], **keywords}.items() if k not in without}
        entries = {
            "net": state,
            **({"constructor": built} if constructor else {}),
            **(others or {}),
        }
        torch.save(entries, tmp_path / name, _use_new_zipfile_serialization=not legacy)
        return tmp_path / name

    yield write
    del sys.modules[module.__name__]


@pytest.fixture
def refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """What `ltr convert` and `load_network` say of a file that both must refuse, in one and the same line."""

    def refused(path: Path, architecture: str | None = None) -> str:
        before, modules = sorted(tmp_path.rglob("*")), set(sys.modules)
        new = tmp_path / "new.safetensors"
        assert (
            ltr(["convert", str(path), str(new), *(["--as", architecture] if architecture else [])])
            == 2
        )
        said = capsys.readouterr()
        assert not said.out
        assert sorted(tmp_path.rglob("*")) == before, "something was written"
        assert set(sys.modules) == modules, "something was imported"
        with pytest.raises((CheckpointError, ConfigError)) as error:
            load_network(path, architecture)
        assert said.err == f"ltr: {error.value}\n"
        assert len(said.err) < len(str(path)) + 320
        if architecture in (None, *NETWORKS):
            assert isinstance(error.value, CheckpointError)
        return str(error.value).replace(str(path), "FILE")

    refused(tmp_path / "absent.pth")  # imports what reading needs
    return refused
