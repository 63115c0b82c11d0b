"""Hostile pickles, put together from operations, in either container; and reading that is watched.

An audit hook hears what no reading may do.
"""

import pickle
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ltr.errors import CheckpointError
from ltr.published import PublishedFile, read_published

# --- A pickle from its operations ---

NUMBERS = np.arange(1, 7, dtype="<f4")
DATA = NUMBERS.tobytes()
NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"


def plain(value: object) -> bytes:
    """The operations for a value that Python's own pickler writes."""
    return pickle.dumps(value, protocol=2)[2:-1]


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def group(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + group(*arguments) + b"R"


def table(entries: dict[Any, bytes]) -> bytes:
    """A dict; keys that are bytes are operations themselves."""
    parts = [(k if isinstance(k, bytes) else plain(k)) + v for k, v in entries.items()]
    return b"}(" + b"".join(parts) + b"u"


def storage(
    key: object = "0", numel: object = 6, kind: str = "FloatStorage", *view: bytes
) -> bytes:
    return (
        group(
            plain("storage"), named("torch", kind), plain(key), plain("cuda:0"), plain(numel), *view
        )
        + b"Q"
    )


def tensor(
    where: bytes, offset: object = 0, size: object = (2, 3), stride: object = (3, 1)
) -> bytes:
    rest = (FALSE, call(named("collections", "OrderedDict")))
    return call(
        named("torch._utils", "_rebuild_tensor_v2"),
        where,
        *map(plain, (offset, size, stride)),
        *rest,
    )


def holder(
    state: bytes, module: str = "ltr.admin.model_constructor", name: str = "NetConstructor"
) -> bytes:
    return named(module, name) + b")\x81" + state + b"b"


def constructor(**state: bytes) -> bytes:
    sound = {
        "fun_name": plain("dimpnet18"),
        "fun_module": plain("ltr.models"),
        "args": b")",
        "kwds": b"}",
    }
    return holder(table({**sound, **state}))


WEIGHT = tensor(storage())


def program(entries: dict[Any, bytes] | bytes) -> bytes:
    body = entries if isinstance(entries, bytes) else table(entries)
    return b"\x80\x02" + body + b"."


# --- Containers ---


def zipped(
    path: Path, code: bytes, storages: dict[str, bytes] | None = None, **others: bytes
) -> Path:
    """The newer container. `others` are further entries of the folder."""
    storages = {"0": DATA} if storages is None else storages
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("top/data.pkl", code)
        for name, data in {
            **others,
            **{f"data/{key}": data for key, data in storages.items()},
        }.items():
            archive.writestr(f"top/{name}", data)
    return path


MAGIC = plain(0x1950A86A20F9469CFC6C)
SYSTEM = plain(
    {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
)


def streamed(
    path: Path,
    code: bytes,
    storages: dict[str, bytes] | None = None,
    magic: bytes = MAGIC,
    system: bytes = SYSTEM,
) -> Path:
    """The older container, of storages with four bytes an element. It holds no storage that the program does not name."""
    storages = ({"0": DATA} if b"storage" in code else {}) if storages is None else storages
    parts = [
        program(magic),
        program(plain(1001)),
        program(system),
        code,
        program(plain(list(storages))),
    ]
    parts += [struct.pack("<q", len(data) // 4) + data for data in storages.values()]
    path.write_bytes(b"".join(parts))
    return path


Writer = Callable[..., Path]


# --- Reading, watched ---

WATCHED = {
    "os.system",
    "subprocess.Popen",
    "os.posix_spawn",
    "os.exec",
    "exec",
    "compile",
    "import",
    "pickle.find_class",
}
_heard: list[str] | None = None


def _listen(event: str, _: object) -> None:
    if _heard is not None and event in WATCHED:
        _heard.append(event)


sys.addaudithook(_listen)


@contextmanager
def heard() -> Iterator[list[str]]:
    """The watched events while it lasts."""
    global _heard
    _heard = []
    try:
        yield _heard
    finally:
        _heard = None


def read(path: Path) -> PublishedFile:
    with heard() as events:
        found = read_published(path)
    assert not events
    return found


def refusal(path: Path) -> str:
    with heard() as events, pytest.raises(CheckpointError) as error:
        read_published(path)
    assert not events
    message = str(error.value)
    assert len(message.splitlines()) == 1
    assert message.isprintable()
    assert len(message) < len(str(path)) + 300
    return message.replace(str(path), "FILE")


def damaged(what: str) -> str:
    return f"network file FILE is damaged: {what}: download it again"
