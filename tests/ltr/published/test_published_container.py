"""Damaged and foreign containers are refused in one line."""

import gzip
import io
import pickle
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from pickle_program import (
    DATA,
    WEIGHT,
    Writer,
    constructor,
    damaged,
    plain,
    program,
    read,
    refusal,
    storage,
    streamed,
    table,
    tensor,
    zipped,
)
from safetensors.torch import save_file

from ltr.errors import CheckpointError
from ltr.published import is_published_name

# --- Damaged and foreign containers ---

SOUND = program({"net": table({"w": WEIGHT})})


def test_truncated_anywhere(write: Writer) -> None:
    path = write(
        program({"net": table({"w": WEIGHT}), "optimizer": tensor(storage("1", 2))}),
        {"0": DATA, "1": bytes(8)},
    )
    data = path.read_bytes()
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        assert refusal(path).startswith("network file FILE is "), cut


def test_flipped_bits_do_no_harm(write: Writer) -> None:
    path = write(program({"net": table({"w": WEIGHT}), "constructor": constructor()}))
    data, draw, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(250):
        changed = bytearray(data)
        for _ in range(draw.randint(1, 3)):
            changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        try:
            read(path)
        except CheckpointError:
            refusal(path)
            refused += 1
    assert refused > 60


def test_missing_and_wrong_storages(tmp_path: Path) -> None:
    path, huge = (
        tmp_path / "net.pth",
        program({"net": table({"w": tensor(storage("0", 10**12 // 4))})}),
    )
    assert refusal(zipped(path, SOUND, {})) == damaged("its storage 0 is missing")
    assert refusal(streamed(path, SOUND, {})) == damaged("its storage 0 is missing")
    assert refusal(zipped(path, SOUND, {"0": DATA[:-4]})) == damaged(
        "its storage 0 has not 24 bytes"
    )
    assert refusal(zipped(path, SOUND, {"0": DATA + DATA})) == damaged(
        "its storage 0 has not 24 bytes"
    )
    assert refusal(streamed(path, SOUND, {"0": DATA[:-4]})) == damaged(
        "its storage 0 has 5 numbers, not 6"
    )
    assert refusal(streamed(path, SOUND, {"0": DATA, "9": DATA})) == damaged(
        "nothing says how large its storage '9' is"
    )
    assert refusal(zipped(path, huge)) == damaged("its storage 0 has not 1000000000000 bytes")
    assert refusal(streamed(path, huge)) == damaged("its storage 0 has 6 numbers, not 250000000000")
    path.write_bytes(
        path.read_bytes().replace(
            struct.pack("<q", 6) + DATA, struct.pack("<q", 10**12 // 4) + DATA
        )
    )
    assert refusal(path) == damaged("it ends within its storage 0")
    path.write_bytes(
        streamed(path, SOUND).read_bytes().replace(struct.pack("<q", 6), struct.pack("<q", -6))
    )
    assert refusal(path) == damaged("its storage 0 has -6 numbers, not 6")


def test_first_parts_of_the_older_container(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    endian = "network file FILE is not in little-endian byte order: save it again on such a machine"
    wrong = "network file FILE is a pickle, but not one of PyTorch (wrong magic number or protocol): download it again"
    assert refusal(streamed(path, SOUND, system=plain({"little_endian": False}))) == endian
    assert refusal(streamed(path, SOUND, system=plain([]))) == endian
    assert refusal(streamed(path, SOUND, magic=plain(0x1950A86A20F9469CFC6D))) == wrong
    path.write_bytes(
        streamed(path, SOUND).read_bytes().replace(program(plain(1001)), program(plain(1002)))
    )
    assert refusal(path) == wrong
    keys = program(plain(["0"]))
    for other in (plain("0"), plain(["0", "0"]), plain([0]), b"](]]e"):
        path.write_bytes(streamed(path, SOUND).read_bytes().replace(keys, program(other)))
        assert refusal(path) == damaged("its list of storages is not one")


def test_zip_archives_that_torch_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    assert read(zipped(path, SOUND, byteorder=b"little", version=b"3\n")).state
    assert refusal(zipped(path, SOUND, byteorder=b"big")) == (
        "network file FILE is not in little-endian byte order: save it again on such a machine"
    )
    packed = "network file FILE was packed again, for its archive is compressed: download it again"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:  # a bomb: 20 kB here
        archive.writestr("top/data.pkl", SOUND)
        archive.writestr("top/data/0", bytes(20_000_000))
    assert refusal(path) == packed
    data = bytearray(zipped(path, SOUND).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # encrypted
    path.write_bytes(data)
    assert refusal(path) == packed
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dimp18.pth", b"")
    assert (
        refusal(path)
        == "network file FILE is a zip archive, but not one of PyTorch: if it holds network files, unpack it"
    )
    path.write_bytes(zipped(path, SOUND).read_bytes().replace(DATA, DATA[::-1]))
    assert "Bad CRC-32" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "name",
    [
        "top/data/0",
        "top/data.pkl",
        "../x",
        "top/../x",
        "/top/x",
        "top//x",
        "other/x",
        "top\\..\\x",
        "../top/data.pkl",
        "top/",
    ],
)
def test_entries_twice_or_outside(name: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "net.pth", SOUND)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"")
    assert refusal(path) == damaged("its archive has entries twice, or outside its folder")


def test_entries_that_claim_more_than_there_is(tmp_path: Path) -> None:
    code = program({"net": table({"w": tensor(storage("0", 10**8))})})
    path = zipped(tmp_path / "net.pth", code)
    sizes = struct.pack("<LL", len(DATA), len(DATA))
    data = path.read_bytes()
    assert data.count(sizes) == 2  # before the entry and in the directory
    path.write_bytes(data.replace(sizes, struct.pack("<LL", 4 * 10**8, 4 * 10**8)))
    assert refusal(path) == damaged(f"its archive claims more than the {len(data)} bytes it has")


def test_files_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    assert refusal(path) == "network file FILE does not exist"
    path.mkdir()
    assert refusal(path) == "network file FILE is not a file"
    path.rmdir()
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    assert (
        refusal(path)
        == "network file FILE is a tar archive, not a PyTorch file: if it holds network files, unpack it"
    )
    save_file({"w": torch.zeros(3)}, path)
    assert refusal(path) == "network file FILE is a safetensors file: name it so"
    for data, message in (
        (b"", "is empty: download it again"),
        (b"PK\x05\x06" + bytes(18), "is not a PyTorch file: download it again"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "is not a PyTorch file: download it again",
        ),
        (b"\n<!DOCTYPE html><html>", "is a web page, not a network: download it again"),
        (gzip.compress(DATA), "is compressed by gzip: unpack it"),
        (
            pickle.dumps({"net": 1}, 2),
            "is a pickle, but not one of PyTorch (wrong magic number or protocol): download it again",
        ),
    ):
        path.write_bytes(data)
        assert refusal(path) == f"network file FILE {message}"


def test_names() -> None:
    assert all(map(is_published_name, ("dimp18.pth", "a/prdimp18.pth.tar", Path("x.pt"), "x.tar")))
    assert not any(
        map(is_published_name, ("dimp18", "x.safetensors", "pth", Path("x.pth/y"), "x.tar.gz"))
    )
