"""Tensors must fit strictly, nothing in a file is run, and nothing that is there is replaced."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from published_files import CONV1, FILTER_REG, Save, Say, assert_same
from torch import Tensor

from ltr.cli import main as ltr
from ltr.errors import CheckpointError
from ltr.models.tracker_net import stored_tensors
from ltr.networks import convert, load_network, open_network

# --- What is refused ---


class Touch:
    """An object whose unpickling makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("legacy", [False, True])
def test_nothing_in_a_file_is_run(
    legacy: bool, save: Save, state: dict[str, Tensor], refusal: Say, tmp_path: Path
) -> None:
    marker, new = tmp_path / "executed", tmp_path / "new.safetensors"
    as_tensor = save({**state, CONV1: Touch(marker)}, "a.pth", legacy=legacy)
    as_net = save(Touch(marker), "b.pth", legacy=legacy)
    aside = save(state, "c.pth", legacy=legacy, others={"stats": Touch(marker)})
    in_keywords = save(state, "d.pth", legacy=legacy, odd=Touch(marker))
    for path in (as_tensor, as_net, aside, in_keywords):
        torch.load(path, weights_only=False)  # the harm is real
        assert marker.exists()
        marker.unlink()
    assert refusal(as_tensor).startswith(
        f"network file FILE has in its entry 'net' under {CONV1!r} no tensor"
    )
    assert refusal(as_net).startswith(
        "network file FILE has no tensors in its entry 'net', which is "
    )
    for path in (aside, in_keywords):
        notes = convert(path, new).notes
        assert notes[-1].startswith("left unread what it holds of the classes ")
        assert "'pathlib.Path'" in notes[-1]
        assert_same(stored_tensors(load_network(new)), state)
        new.unlink()
    assert not marker.exists()


def _dropped(key: str) -> Callable[[dict[str, Tensor]], Any]:
    return lambda state: state.pop(key)


def _added(key: str) -> Callable[[dict[str, Tensor]], Any]:
    return lambda state: state.update({key: torch.zeros(3)})


def _filled(value: float, dtype: torch.dtype = torch.float32) -> Callable[[dict[str, Tensor]], Any]:
    return lambda state: state.update({FILTER_REG: torch.full((1,), value, dtype=dtype)})


UNFINITE = f"network file FILE is damaged: tensor {FILTER_REG!r} holds numbers that are not finite"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_dropped(FILTER_REG), f"network file FILE lacks tensor {FILTER_REG!r}: it is of another network"),
        (_added("classifier.odd"), "network file FILE has the unknown tensor 'classifier.odd': it is of another network"),
        (_added("odd.num_batches_tracked"), "network file FILE has the unknown tensor 'odd.num_batches_tracked': it is of another network"),
        (_added("feature_extractor.layer5.0.weight"), "network file FILE has the unknown tensor 'feature_extractor.layer5.0.weight': it is of another network"),
        (_added(FILTER_REG), f"network file FILE: tensor {FILTER_REG!r} has shape [3], not [1]"),
        (_filled(float("nan")), UNFINITE),
        (_filled(float("-inf")), UNFINITE),
        (_filled(1e300, torch.float64), UNFINITE),
    ],
)  # fmt: skip
def test_tensors_fit_exactly(
    change: Callable[[dict[str, Tensor]], Any],
    message: str,
    save: Save,
    state: dict[str, Tensor],
    refusal: Say,
) -> None:
    change(state)
    assert refusal(save(state)) == message


def test_other_precisions_and_counters(
    save: Save, golden_state: dict[str, Tensor], state: dict[str, Tensor]
) -> None:
    counters = {
        key: value for key, value in golden_state.items() if key.endswith("num_batches_tracked")
    }
    assert counters
    for saved in (state, {**state, **counters}):
        loaded = open_network(save(saved))
        assert loaded.notes == ()
        assert_same(stored_tensors(loaded.net), state)
    halves = {key: tensor.half() for key, tensor in state.items()}
    expected = {key: tensor.float() for key, tensor in halves.items()}
    assert_same(stored_tensors(open_network(save(halves)).net), expected)
    doubles = {key: tensor.double() for key, tensor in state.items()}
    assert_same(stored_tensors(open_network(save(doubles)).net), state)


@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_files(legacy: bool, save: Save, state: dict[str, Tensor], refusal: Say) -> None:
    path = save(state, legacy=legacy)
    size = path.stat().st_size
    for cut in (size - 1, size // 2, 1000, 0):
        os.truncate(path, cut)
        assert refusal(path).startswith("network file FILE is "), cut


def test_files_of_ours_that_are_damaged(
    save: Save, state: dict[str, Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.safetensors"
    convert(save(state), new)
    sound = new.read_bytes()
    header = struct.unpack("<Q", sound[:8])[0]

    def refused(data: bytes) -> str:
        new.write_bytes(data)
        with pytest.raises(CheckpointError) as error:
            load_network(new)
        assert ltr(["inspect", str(new)]) == 2
        assert capsys.readouterr().err == f"ltr: {error.value}\n"
        return str(error.value).replace(str(new), "FILE")

    oversized = struct.pack("<Q", 1 << 40) + sound[8:]
    assert refused(oversized) == f"network file FILE is damaged: its header claims {1 << 40} bytes"
    assert refused(sound[:-1]) == (
        f"network file FILE is damaged: it has {len(sound) - 1} bytes, its header asks for {len(sound)}"
    )
    assert " holds numbers that are not finite" in refused(
        sound[:-4] + struct.pack("<f", float("nan"))
    )
    renamed = (
        sound[: 8 + header].replace(b'"feature_extractor.conv1', b'"feature_extractor.konv1')
        + sound[8 + header :]
    )
    assert refused(renamed) == f"network file FILE lacks tensor {CONV1!r}: it is of another network"
    beyond = b'"filter_size\\": ' + b"4"
    assert sound.count(beyond) == 1
    config = sound[8 : 8 + header].replace(beyond, beyond[:-1] + b"9" * 400)
    huge = struct.pack("<Q", len(config)) + config + sound[8 + header :]
    assert refused(huge).startswith("network file FILE has a configuration that cannot be built: ")
    new.rename(tmp_path / "new.pth")
    with pytest.raises(CheckpointError, match="is a safetensors file: name it so$"):
        load_network(tmp_path / "new.pth")


# --- Where it is written ---


def test_places_that_are_refused(
    save: Save, state: dict[str, Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, there, link = save(state), tmp_path / "there.safetensors", tmp_path / "link.safetensors"
    there.write_text("mine")
    link.symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))

    def refused(old: Path, new: Path) -> str:
        assert ltr(["convert", str(old), str(new)]) == 2
        said = capsys.readouterr()
        assert not said.out
        assert said.err.startswith("ltr: ")
        assert said.err.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return said.err[5:-1].replace(str(tmp_path), "T")

    for path in (there, link):
        assert (
            refused(old, path)
            == f"T/{path.name} is there already: give another name, or remove it first"
        )
    assert there.read_text() == "mine"
    assert refused(old, tmp_path / "net.pth.tar") == (
        "T/net.pth.tar cannot be the converted file: give it a name that ends in .safetensors"
    )
    assert refused(old, tmp_path / "none" / "net.safetensors") == (
        "folder T/none does not exist: make it first, or give another place for net.safetensors"
    )
    assert refused(there, tmp_path / "new.safetensors") == (
        "T/there.safetensors is not named as published networks are: give a .pth, .pth.tar, .pt or .tar file"
    )
    assert (
        refused(tmp_path / "no.pth", tmp_path / "new.safetensors")
        == "network file T/no.pth does not exist"
    )
    assert "File name too long" in refused(old, tmp_path / f"{'n' * 250}.safetensors")


def test_interrupted_writing_leaves_nothing(
    save: Save, state: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], file_size_limit: Callable[[int], None],
) -> None:  # fmt: skip
    old, new = save(state), tmp_path / "new.safetensors"

    def interrupt(part: Path, target: Path) -> None:
        assert target == new
        assert part.stat().st_size > 40_000_000
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    assert ltr(["convert", str(old), str(new)]) == 130
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
    file_size_limit(1_000_000)
    assert ltr(["convert", str(old), str(new)]) == 2
    assert (
        capsys.readouterr().err.splitlines()[-1]
        == f"ltr: cannot write network file {new}: File too large"
    )
    assert [path.name for path in tmp_path.iterdir()] == [old.name]
