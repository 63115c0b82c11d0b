"""Published networks become files of ours: the same numbers, strictly, nothing run, and said where they are not here."""

from __future__ import annotations

import gzip
import os
import shlex
import shutil
import struct
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from published_weights import fill_state, read_manifest
from safetensors.torch import load_file
from torch import Tensor

from ltr.checkpoints import find_network, known_networks, read_header, sha256_of, write_network
from ltr.cli import main as ltr
from ltr.errors import CheckpointError, ConfigError
from ltr.models.classifier.steepest_descent import LearnedConfig
from ltr.models.zoo import (
    NETWORKS,
    PUBLISHED_FILES,
    convert,
    load_network,
    open_network,
    stored_tensors,
)
from ltr.published import read_published
from ltr.settings import as_dict
from pytracking.cli import main as pytracking
from pytracking.tracker.presets import PRESETS

Save = Callable[..., Path]
Say = Callable[..., str]
CONV1, FILTER_REG = "feature_extractor.conv1.weight", "classifier.filter_optimizer.filter_reg"
KNOWN_NAMES = "dimp18, dimp50, prdimp18, prdimp50, super_dimp, super_dimp_simple"


def unpacked(shared: Path, name: str, folder: Path) -> Path:
    with (
        gzip.open(shared / "reference" / f"{name}.gz") as packed,
        (folder / name).open("wb") as file,
    ):
        shutil.copyfileobj(packed, file, 1 << 20)
    return folder / name


def used(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a tracker of this family uses of a published state, without counters."""
    unused = ("feature_extractor.layer4.", "feature_extractor.fc.")
    return {
        k: v
        for k, v in state.items()
        if not k.startswith(unused) and not k.endswith("num_batches_tracked")
    }


def assert_same(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert set(got) == set(expected)
    for key, value in expected.items():
        assert (got[key].dtype, got[key].shape) == (value.dtype, value.shape), key
        assert got[key].numpy().tobytes() == value.numpy().tobytes(), key


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


# --- What becomes of the published files ---


@pytest.mark.parametrize(
    ("file", "name", "tensors", "dropped"),
    [
        ("dimp18_random.pth.tar", "dimp18", 161, 27),
        ("dimp18_random_legacy.pth", "dimp18", 161, 27),
        ("prdimp18_random.pth.tar", "prdimp18", 158, 27),
        ("super_dimp_random.pth.tar", "super_dimp", 291, 52),
    ],
)
def test_golden_files_bit_by_bit(
    file: str,
    name: str,
    tensors: int,
    dropped: int,
    shared: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, new = unpacked(shared, file, tmp_path), tmp_path / f"{name}.safetensors"
    assert ltr(["convert", str(old), str(new)]) == 0
    note = f"dropped the {dropped} tensors of layer4 and fc, which no tracker of this family uses"
    assert capsys.readouterr().out.splitlines() == [
        f"{old} is {name}: wrote its {tensors} tensors to {new}",
        f"  {note}",
        f"  track with it: pytracking track VIDEO --box X,Y,W,H --net {new}",
    ]
    expected = used(fill_state(name, shared / "reference"))
    assert len(expected) == tensors
    assert_same(load_file(new), expected)  # in single precision as it lies there
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = open_network(new)
    assert_same(stored_tensors(opened.net), expected)
    assert (opened.preset, opened.notes) == (name, ())
    assert opened.net.config == NETWORKS[name]
    assert not opened.net.training
    with pytest.warns(UserWarning, match="^/") as caught:
        read = load_network(old)
    assert [str(warning.message) for warning in caught] == [f"{old}: {note}"]
    assert_same(stored_tensors(read), expected)
    assert read.config == NETWORKS[name]
    assert read_header(new).card == {
        "summary": f"converted from {file}",
        "preset": name,
        "source": file,
        "source_sha256": sha256_of(old),
        "licence": "its authors'",
        "notes": note,
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([file, new.name])


def test_every_network_survives_its_own_format(tmp_path: Path) -> None:
    """The settings of all six, those without a golden file among them, are written and read as they are."""
    from ltr.models.tracker_net import TrackerNet

    for name, config in NETWORKS.items():
        small = replace(config, trunk="resnet18", channels=8)
        net, path = TrackerNet(small), tmp_path / f"{name}.safetensors"
        write_network(path, stored_tensors(net), as_dict(small), {"preset": name}, half=False)
        opened = open_network(path)
        assert (opened.net.config, opened.preset) == (small, name)
        assert name in PRESETS
        assert name in PUBLISHED_FILES
        assert_same(
            stored_tensors(opened.net),
            {key: value.detach() for key, value in stored_tensors(net).items()},
        )


def test_inspect(
    save: Save, state: dict[str, Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = save(state, extra_rows=3), tmp_path / "new.safetensors"
    note = (
        "took the published settings, for the record of its construction has unknown 'extra_rows'"
    )
    assert ltr(["inspect", str(old), "--tensors"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == f"dimp18: {old} is sound (161 tensors)"
    assert f"  note                            {note}" in shown
    assert ltr(["convert", str(old), str(new)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == f"  {note}"
    assert ltr(["inspect", str(new), "--tensors"]) == 0
    again = capsys.readouterr().out.splitlines()
    assert again[0] == f"new: {new} is sound (161 tensors)"
    assert f"  notes                           {note}" in again
    assert "  preset                          dimp18" in again
    assert again[-161:] == shown[-161:]
    assert again[-161:] == [f"  {key:<60} {list(state[key].shape)}" for key in sorted(state)]
    assert ltr(["inspect", str(new), "--as", "dimp18"]) == 2
    assert capsys.readouterr().err == (
        f"ltr: {new} says itself what it is: an architecture is for .pth files only\n"
    )  # fmt: skip


# --- How it was built ---


@pytest.mark.parametrize("legacy", [False, True])
def test_file_that_does_not_say_how_it_was_built(
    legacy: bool, save: Save, golden_state: dict[str, Tensor], refusal: Say, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    old, new = save(golden_state, constructor=False, legacy=legacy), tmp_path / "new.safetensors"
    unsaid = "network file FILE does not say how it was built: give its architecture, as in `ltr convert OLD NEW --as dimp50`"
    assert refusal(old) == f"{unsaid} (known: {KNOWN_NAMES})"
    another = "it is of another network"
    assert refusal(old, "dimp50") == (
        f"network file FILE lacks tensor 'feature_extractor.layer1.0.conv3.weight' and 140 more: {another}"
    )
    assert refusal(old, "prdimp18") == (
        "network file FILE has the unknown tensor 'classifier.filter_optimizer.label_map_predictor.weight' "
        f"and 2 more: {another}"
    )
    assert refusal(old, "dimp81") == "unknown architecture 'dimp81': did you mean dimp18?"
    assert ltr(["convert", str(old), str(new), "--as", "dimp18"]) == 0
    assert [line.strip() for line in capsys.readouterr().out.splitlines()[1:-1]] == [
        "dropped the 27 tensors of layer4 and fc, which no tracker of this family uses",
        "took the published settings of its name, for it does not say how it was built",
    ]
    assert open_network(new).preset == "dimp18"
    assert_same(stored_tensors(load_network(new)), used(golden_state))


def test_wrong_shape_under_the_name_that_was_given(
    save: Save, state: dict[str, Tensor], refusal: Say
) -> None:
    key = "classifier.feature_extractor.1.weight"
    state[key] = state[key][:128].clone()
    assert refusal(save(state, constructor=False), "dimp18") == (
        f"network file FILE: tensor {key!r} has shape [128, 256, 3, 3], not [256, 256, 3, 3]"
    )


def test_renamed_module_of_the_constructor(shared: Path, tmp_path: Path, refusal: Say) -> None:
    path = unpacked(shared, "renamed_module_constructor.pth", tmp_path)
    constructor = read_published(path).constructor
    assert constructor is not None
    assert constructor[:2] == ("dimpnet18", "ltr.models.tracking.dimpnet")
    assert (
        refusal(path)
        == f"network file FILE lacks tensor {CONV1!r} and 160 more: it is of another network"
    )


def test_functions_that_are_not_known(save: Save, state: dict[str, Tensor], refusal: Say) -> None:
    known = "dimpnet18, dimpnet50, klcedimpnet18, klcedimpnet50, dimpnet50_simple"
    said = "network file FILE was built by 'L2dimpnet18', which is not among the known: "
    assert refusal(save(state, function="L2dimpnet18")) == said + known
    assert refusal(save(state, function="x\n" * 5000)).count("x") < 60
    assert "lacks tensor 'feature_extractor.layer1.0.conv3.weight'" in refusal(
        save(state, function="dimpnet50")
    )


def test_keywords_are_respected(save: Save, state: dict[str, Tensor], tmp_path: Path) -> None:
    path = save(
        state, bin_displacement=0.2, init_gauss_sigma=1.5, filter_size=6, iou_input_dim=(256, 256)
    )
    loaded = open_network(path)
    learned = replace(LearnedConfig(), displacement=0.2, label_sigma=1.5)
    assert loaded.net.config == replace(NETWORKS["dimp18"], filter_optimizer=learned, filter_size=6)
    assert loaded.notes == ()
    convert(path, tmp_path / "new.safetensors")
    assert load_network(tmp_path / "new.safetensors").config == loaded.net.config


def test_what_was_assumed_is_said(save: Save, state: dict[str, Tensor]) -> None:
    def notes(**kept: Any) -> tuple[str, ...]:
        loaded = open_network(save(state, **kept))
        assert loaded.net.config == NETWORKS["dimp18"]
        return loaded.notes

    begin = "took the published settings, for the record of its construction"
    assert notes(odd=1) == (f"{begin} has unknown 'odd'",)
    assert notes(arguments=(1, 5)) == (f"{begin} has unknown 'argument 1', 'argument 2'",)
    many = {f"odd{number}\n": number for number in range(9)}
    (said,) = notes(**many)
    assert said.isprintable()
    assert said.endswith("'odd3\\n', 'odd4\\n' and 4 more")
    assert notes(without=("bin_displacement",)) == (f"{begin} lacks 'bin_displacement'",)
    assert notes(without=("clf_feat_norm", "init_gauss_sigma")) == ()
    assert notes(others={"extra": Recorded()}) == (
        f"left unread what it holds of the classes '{__name__}.Recorded'",
    )


class Recorded:
    """A class that no published file names."""


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"score_act": "mlu"}, "was built with score_act = 'mlu': only 'relu' can be built here, which all published networks have"),
        ({"final_relu": True}, "was built with final_relu = True: only False can be built here, which all published networks have"),
        ({"score_act": "x" * 9999}, None),
        ({"filter_size": 99}, "has a record of its construction that cannot be: setting 'filter_size' takes 1 to 16, not 99"),
        ({"filter_size": "[" * 5000}, None),
        ({"bin_displacement": float("nan")}, "has a record of its construction that cannot be: setting 'displacement' takes a number, not nan"),
        ({"init_gauss_sigma": "wide"}, "has a record of its construction that cannot be: setting 'label_sigma' takes a number, not 'wide'"),
        ({"init_gauss_sigma": "wide", "function": "dimpnet50"}, "has a record of its construction that cannot be: setting 'label_sigma' takes a number, not 'wide'"),
        ({"num_dist_bins": 50}, ": tensor 'classifier.filter_optimizer.label_map_predictor.weight' has shape [1, 100, 1, 1], not [1, 50, 1, 1]"),
    ],
)  # fmt: skip
def test_construction_that_cannot_be(
    keywords: dict[str, Any],
    message: str | None,
    save: Save,
    state: dict[str, Tensor],
    refusal: Say,
) -> None:
    said = refusal(save(state, **keywords))
    assert said.startswith("network file FILE")
    assert message is None or said.removeprefix("network file FILE").lstrip() == message


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

    net = TrackerNet(NetworkConfig("mobilenet_v2", channels=8))
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
    assert lines["odd"].endswith("preset -")
    assert "gone" not in lines
    assert load_network("mine").config == net.config
    assert pytracking(["networks", "cut"]) == 2
    assert capsys.readouterr().err.startswith(f"pytracking: network file {cut} is damaged: ")
    assert pytracking(["networks", "dimp18.pth"]) == 2
    assert capsys.readouterr().err == (
        "pytracking: dimp18.pth is a file as its authors publish it: `ltr inspect dimp18.pth` says what it holds\n"
    )
