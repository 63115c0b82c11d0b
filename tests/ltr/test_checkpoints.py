"""Network files: found by name, checked whole, and never trusted."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ltr.checkpoints import (
    BOX_ENERGY,
    FORMAT,
    find_network,
    known_networks,
    read_header,
    sha256_of,
    write_network,
)
from ltr.errors import CheckpointError, ConfigError
from ltr.models.tracker_net import NetworkConfig, TrackerNet, stored_tensors
from ltr.networks import load_network
from ltr.settings import as_dict


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A sound network file with few classifier channels."""
    torch.manual_seed(0)
    net = TrackerNet(NetworkConfig(trunk="mobilenet_v2", channels=8))
    path = tmp_path / "small.safetensors"
    write_network(path, stored_tensors(net), as_dict(net.config), {"name": "small"})
    return path


def rewritten(path: Path, change: Callable[[dict], None]) -> Path:  # type: ignore[type-arg]
    """The file with its header changed."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
    return path


def refusal(path: Path | str) -> str:
    with pytest.raises(CheckpointError) as error:
        load_network(path)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


def test_round_trip_in_half_precision(small: Path) -> None:
    net, header = load_network(small), read_header(small)
    torch.manual_seed(0)
    original = TrackerNet(NetworkConfig(trunk="mobilenet_v2", channels=8))
    assert net.config == original.config
    assert header.card == {"name": "small"}
    for key, tensor in stored_tensors(original).items():
        assert torch.equal(
            stored_tensors(net)[key], tensor.half().float() if tensor.dim() > 1 else tensor
        ), key
    assert [path.name for path in small.parent.iterdir()] == [small.name]


def test_a_network_is_not_written_onto_a_device(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    for path in (Path("/dev/null"), link):
        with pytest.raises(CheckpointError) as error:
            write_network(path, {}, {}, {})
        said = f"cannot write network file {path}: it is a device, give the name of a file"
        assert str(error.value) == said
    assert Path("/dev/null").is_char_device()
    assert link.is_symlink()


def test_bundled_networks_are_sound_and_registered() -> None:
    known = known_networks()
    bundled = {"imagenet18", "imagenet_mobile", "nce_plus18", "nce_plus_mobile", "proposals18"}
    assert bundled <= set(known)
    for name in bundled:
        assert known[name].sha256 == sha256_of(known[name].path)
        assert known[name].preset == name
        assert "research" in read_header(known[name].path).card["licence"]
        assert not load_network(name).training


def test_search_order(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "imagenet18.safetensors").write_bytes(small.read_bytes())
    monkeypatch.setenv("PYTRACKING_CHECKPOINTS", str(folder))
    assert find_network("imagenet18").path == folder / "imagenet18.safetensors"
    assert find_network("imagenet_mobile").path.parent.name == "checkpoints"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    user = tmp_path / "data" / "pytracking" / "checkpoints"
    user.mkdir(parents=True)
    (user / "own.safetensors").write_bytes(small.read_bytes())
    assert find_network("own").path == user / "own.safetensors"


def test_unknown_names() -> None:
    with pytest.raises(
        ConfigError, match="^unknown network 'imagnet18': did you mean imagenet18\\?$"
    ):
        load_network("imagnet18")
    assert refusal("no/such.safetensors") == "network file FILE does not exist"


def test_truncated_and_padded(small: Path) -> None:
    data = small.read_bytes()
    for cut in (0, 4, 8, 100, len(data) // 2, len(data) - 1):
        small.write_bytes(data[:cut])
        assert refusal(small).startswith("network file FILE is damaged: ")
    small.write_bytes(data + b"x")
    assert refusal(small) == (
        f"network file FILE is damaged: it has {len(data) + 1} bytes, its header asks for {len(data)}"
    )


def test_oversized_header_is_not_read(small: Path) -> None:
    small.write_bytes(struct.pack("<Q", 1 << 40) + small.read_bytes()[8:])
    assert refusal(small) == f"network file FILE is damaged: its header claims {1 << 40} bytes"


def test_hostile_pickle_is_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "executed"

    class Hostile:
        def __reduce__(self):  # type: ignore[no-untyped-def]
            return Path.touch, (marker,)

    path = tmp_path / "hostile.safetensors"
    path.write_bytes(pickle.dumps(Hostile()))
    assert refusal(path).startswith("network file FILE is damaged: its header claims ")
    torch.save({"net": Hostile()}, path)
    assert "damaged" in refusal(path)
    assert not marker.exists()


KEY = "classifier.feature_extractor.0.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda h: h.update({"classifier.odd": h.pop(KEY)}),
            f"network file FILE lacks tensor {KEY!r}: it is of another network",
        ),
        (
            lambda h: h[KEY].update(shape=[96, 8, 1, 1]),
            f"network file FILE: tensor {KEY!r} has shape [96, 8, 1, 1], not [8, 96, 1, 1]",
        ),
        (lambda h: h[KEY].update(dtype="I16"), "network file FILE holds tensors of type I16"),
        (
            lambda h: h["__metadata__"].update(format=BOX_ENERGY),
            "network file FILE is none: it is a box energy of ltr regress detection, for ltr refine-boxes",
        ),
        (
            lambda h: h["__metadata__"].update(format="other"),
            f"network file FILE is not of the format {FORMAT}: was it written by this project?",
        ),
        (
            lambda h: h.pop("__metadata__"),
            f"network file FILE is not of the format {FORMAT}: was it written by this project?",
        ),
        (
            lambda h: h["__metadata__"].update(config=json.dumps({"trunk": "resnet18"})),
            "network file FILE has a configuration that cannot be built: setting 'feature_blocks' is missing",
        ),
        (
            lambda h: h["__metadata__"].update(
                config=h["__metadata__"]["config"].replace('"channels": 8', '"channels": 80000000')
            ),
            "network file FILE has a configuration that cannot be built: setting 'channels' takes 1 to 4096, "
            "not 8e+07",
        ),
        (
            lambda h: h["__metadata__"].update(config="[" * 100_000),
            "network file FILE is damaged: its header is not valid (",
        ),
        (
            lambda h: h[KEY].update(data_offsets=[0, 1 << 50]),
            "network file FILE is damaged: it has ",
        ),
        (lambda h: h[KEY].update(shape=[-8, -96, 1, 1]), "network file FILE: tensor "),
        (lambda h: h.update({KEY: 7}), "network file FILE is damaged: its header is not valid ("),
    ],
)
def test_wrong_headers(small: Path, change: Callable[[dict], None], message: str) -> None:  # type: ignore[type-arg]
    said = refusal(rewritten(small, change))
    assert said == message or (message[-1] in "( " and said.startswith(message))


def test_overlapping_tensors(small: Path) -> None:
    def overlap(header: dict) -> None:  # type: ignore[type-arg]
        length = header[KEY]["data_offsets"][1] - header[KEY]["data_offsets"][0]
        header[KEY]["data_offsets"] = [0, length]

    assert refusal(rewritten(small, overlap)).startswith("network file FILE is damaged: ")


def test_checksum_and_numbers(small: Path) -> None:
    registry = {"small": {"sha256": "0" * 64, "summary": "", "preset": "", "licence": ""}}
    (small.parent / "models.json").write_text(json.dumps(registry))
    assert (
        refusal(small) == "network file FILE is damaged: its checksum is not the one in models.json"
    )
    (small.parent / "models.json").write_text("{")
    with pytest.raises(CheckpointError, match="^registry .* is damaged"):
        load_network(small)
    (small.parent / "models.json").unlink()
    data = bytearray(small.read_bytes())
    data[-2:] = b"\xff\xff"  # the last number, a float16 or float32 NaN
    small.write_bytes(data)
    assert "holds numbers that are not finite" in refusal(small)
