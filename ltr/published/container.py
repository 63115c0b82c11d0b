"""The two containers of PyTorch files: a pickle and raw storages in a zip archive, or in a stream.

Every check stands before the memory that it guards.
"""

from __future__ import annotations

import functools
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

from ltr.published.pickle_machine import ITEM_BYTES, PickleMachine, Refusal, damaged

MAX_PICKLE_BYTES = 1 << 24
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001

ReadStorage = Callable[[str, int], bytearray]
"""Reads a whole storage: its key and length in bytes."""


def open_container(file: BinaryIO, size: int, machine: PickleMachine) -> tuple[Any, ReadStorage]:
    """The object that was saved, and what reads its storages. The first bytes tell the
    container."""
    start = file.read(512)
    if start[:4] == b"PK\x03\x04":
        return _zip(file, size, machine)
    for matches, what in (
        (size == 0, "is empty: download it again"),
        (
            start[8:9] == b"{" and int.from_bytes(start[:8], "little") < size,
            "is a safetensors file: name it so",
        ),
        (
            start[257:262] == b"ustar",
            "is a tar archive, not a PyTorch file: if it holds network files, unpack it",
        ),
        (start[:2] == b"\x1f\x8b", "is compressed by gzip: unpack it"),
        (start.lstrip()[:1] == b"<", "is a web page, not a network: download it again"),
        (start[:1] != b"\x80", "is not a PyTorch file: download it again"),
    ):
        if matches:
            raise Refusal(what)
    return _stream(file, size, machine)


def _zip(file: BinaryIO, size: int, machine: PickleMachine) -> tuple[Any, ReadStorage]:
    """The container of PyTorch 1.6 and newer: a zip archive of one folder, whose entries are not
    compressed."""
    archive = zipfile.ZipFile(file)
    entries = {entry.filename: entry for entry in archive.infolist()}
    top = min(entries, default="").partition("/")[0]
    if not any(name.endswith("/data.pkl") for name in entries):
        raise Refusal(
            "is a zip archive, but not one of PyTorch: if it holds network files, unpack it"
        )
    parts = [re.split(r"[/\\]", name) for name in entries]
    outside = any(part[0] != top or {"", ".", ".."} & {*part} for part in parts)
    if outside or f"{top}/data.pkl" not in entries or len(entries) != len(archive.infolist()):
        raise damaged("its archive has entries twice, or outside its folder")
    for entry in entries.values():
        if (
            entry.compress_type != zipfile.ZIP_STORED
            or entry.flag_bits & 1
            or entry.file_size != entry.compress_size
        ):
            raise Refusal("was packed again, for its archive is compressed: download it again")
    if sum(entry.file_size for entry in entries.values()) > size:
        raise damaged(f"its archive claims more than the {size} bytes it has")
    order, program = entries.get(f"{top}/byteorder"), entries[f"{top}/data.pkl"]
    if order is not None and archive.read(order).strip() != b"little":
        raise Refusal("is not in little-endian byte order: save it again on such a machine")
    if program.file_size > MAX_PICKLE_BYTES:
        raise Refusal(
            f"has a pickle of more than {MAX_PICKLE_BYTES} bytes: it is no published network"
        )

    @functools.cache
    def read(key: str, length: int) -> bytearray:
        entry = entries.get(f"{top}/data/{key}")
        if entry is None or entry.file_size != length:
            raise damaged(
                f"its storage {key} " + (f"has not {length} bytes" if entry else "is missing")
            )
        return bytearray(archive.read(entry))

    return machine.run(io.BytesIO(archive.read(program))), read


def _stream(file: BinaryIO, size: int, machine: PickleMachine) -> tuple[Any, ReadStorage]:
    """The container before PyTorch 1.6: five pickles (magic number, protocol, system, object, keys
    of the storages), then for each key the count of its elements, signed with 8 bytes, and the
    elements."""
    file.seek(0)
    stream = io.BytesIO(file.read(MAX_PICKLE_BYTES))
    if PickleMachine().run(stream) != _MAGIC or PickleMachine().run(stream) != _PROTOCOL:
        raise Refusal(
            "is a pickle, but not one of PyTorch (wrong magic number or protocol): download it "
            "again"
        )
    system = PickleMachine().run(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise Refusal("is not in little-endian byte order: save it again on such a machine")
    saved, keys = machine.run(stream), PickleMachine().run(stream)
    if not isinstance(keys, list) or len(keys) != len(
        {key for key in keys if isinstance(key, str)}
    ):
        raise damaged("its list of storages is not one")
    offsets, offset = {}, stream.tell()
    for key in keys:
        storage = machine.storages.get(key)
        if storage is None or storage.kind not in ITEM_BYTES:
            raise damaged(f"nothing says how large its storage {key[:40]!r} is")
        file.seek(offset)
        count = int.from_bytes(file.read(8), "little", signed=True)
        if count != storage.numel:
            raise damaged(f"its storage {key} has {count} numbers, not {storage.numel}")
        offsets[key] = offset + 8
        offset += 8 + count * ITEM_BYTES[storage.kind]
        if offset > size:
            raise damaged(f"it ends within its storage {key}")

    @functools.cache
    def read(key: str, length: int) -> bytearray:
        if key not in offsets:
            raise damaged(f"its storage {key} is missing")
        file.seek(offsets[key])
        return bytearray(file.read(length))

    return saved, read
