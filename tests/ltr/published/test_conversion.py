"""Published networks become files of ours: the same numbers, and what was assumed is said."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from published_files import CONV1, Save, Say, assert_same, unpacked, used
from published_weights import fill_state
from safetensors.torch import load_file
from torch import Tensor

from ltr.checkpoints import read_header, sha256_of, write_network
from ltr.cli import main as ltr
from ltr.models.box.energy import EnergyHeadConfig
from ltr.models.classifier.steepest_descent import LearnedConfig
from ltr.models.tracker_net import TrackerNet, stored_tensors
from ltr.models.zoo import NETWORKS, PUBLISHED_FILES
from ltr.networks import convert, load_network, open_network
from ltr.published import read_published
from ltr.settings import as_dict
from pytracking.tracker.presets import PRESETS

KNOWN_NAMES = "dimp18, dimp50, prdimp18, prdimp50, super_dimp, super_dimp_simple"


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
    assert f"  card.notes                      {note}" in again
    assert "  card.preset                     dimp18" in again
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


def test_box_heads_of_other_sizes(save: Save, tmp_path: Path) -> None:
    sizes = EnergyHeadConfig(channels=(64, 48), hidden=(32, 40))
    net = TrackerNet(replace(NETWORKS["dimp18"], box_head=sizes))
    loaded = open_network(save(stored_tensors(net), iou_input_dim=(64, 48), iou_inter_dim=[32, 40]))
    assert loaded.net.config == net.config
    assert loaded.notes == ()


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
        ({"filter_size": 99}, "has a record of its construction that cannot be: setting 'filter_size' takes 1 to 16 cells, not 99"),
        ({"filter_size": "[" * 5000}, None),
        ({"bin_displacement": float("nan")}, "has a record of its construction that cannot be: setting 'filter_optimizer.displacement' takes a number, not nan"),
        ({"init_gauss_sigma": "wide"}, "has a record of its construction that cannot be: setting 'filter_optimizer.label_sigma' takes a number, not 'wide'"),
        ({"init_gauss_sigma": "wide", "function": "dimpnet50"}, "has a record of its construction that cannot be: setting 'filter_optimizer.label_sigma' takes a number, not 'wide'"),
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
