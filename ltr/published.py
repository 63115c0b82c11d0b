"""Published PyTorch files (`.pth`, `.pth.tar`), read without running anything that they say.

Such a file is a pickle, a program that makes objects by calling whatever it names, and raw
storages. No unpickler runs here: `pickletools` splits the program into operations, and `_Machine`
carries out the few that describe data. A class or function that the file names stays a name, and a
call of it a record of its arguments. Nothing is imported, looked up or called, so there is no list
of dangerous names to keep. Every check stands before the memory that it guards.
"""

from __future__ import annotations

import functools
import io
import math
import os
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ltr.errors import CheckpointError

# The networks' pickles have 60 kB and 16 000 operations; with optimizer and statistics some ten
# times that.
MAX_PICKLE_BYTES, MAX_OPERATIONS, MAX_NAME = 1 << 24, 1 << 21, 256
MAX_NUMBER, MAX_DIMENSIONS, MAX_PLAIN_VALUES, MAX_PLAIN_DEPTH = 1 << 40, 16, 10_000, 16
MAX_SHARING = (
    4  # tensors may share storages, but not make more than this many times the bytes of the file
)

_Read = Callable[[str, int], bytearray]  # reads a whole storage: its key and length in bytes
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_TYPES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "Long": torch.int64,
}
_TYPES |= {"Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8}
_DTYPES = {f"torch.{name}Storage": dtype for name, dtype in _TYPES.items()}
_ITEM_BYTES = {
    **{kind: dtype.itemsize for kind, dtype in _DTYPES.items()},
    "torch.BoolStorage": 1,
}  # no net has bools
_PACKAGES = ("ltr.admin", "dlframework.common.utils")
_CONSTRUCTORS = {f"{package}.model_constructor.NetConstructor" for package in _PACKAGES}
_HOLDERS = (
    "stats.AverageMeter",
    "stats.StatValue",
    "settings.Settings",
    "local.EnvironmentSettings",
)
_TABLES = {"collections.OrderedDict", "collections.defaultdict"}
_TENSORS = {"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2"}
_SCALARS = {"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"}
_KNOWN = {
    *_ITEM_BYTES,
    *_CONSTRUCTORS,
    *(f"{package}.{name}" for package in _PACKAGES for name in _HOLDERS),
}
_KNOWN |= {
    "torch._utils._rebuild_parameter",
    "torch.Size",
    "torch.device",
    "numpy.dtype",
    "_codecs.encode",
}
_KNOWN |= _TABLES | _TENSORS | _SCALARS

# Operations: whose argument is the value; that stand for a value; how many values one takes (0: all
# down to the mark).
_LITERAL = re.compile(
    "BININT[12]?|LONG1|BINFLOAT|(SHORT_)?BIN(STRING|UNICODE|BYTES)|BIN(UNICODE|BYTES)8"
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TAKES = {
    "TUPLE1": 1,
    "TUPLE2": 2,
    "TUPLE3": 3,
    "APPEND": 1,
    "SETITEM": 2,
    "BUILD": 1,
    "BINPERSID": 1,
}
_TAKES |= {"STACK_GLOBAL": 2, "REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3}
_TAKES |= dict.fromkeys(("TUPLE", "APPENDS", "SETITEMS", "ADDITEMS", "FROZENSET"), 0)


class Constructor(NamedTuple):
    """The record of how a network was built: names and plain values, never looked up."""

    function: str
    module: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


class PublishedFile(NamedTuple):
    """What a published file holds: the tensors of its entry `net` in their order, each contiguous
    and with its own memory on the CPU; how the network was built; and the unknown classes, as
    "module.name", that other entries name."""

    state: dict[str, Tensor]
    constructor: Constructor | None
    unknown: tuple[str, ...]


class _Refusal(Exception):
    """The rest of a sentence that begins with the name of the file."""


@dataclass(eq=False, slots=True)
class _Inert:
    """A class or function that the pickle names, or what a call of it would have made: its
    arguments and the state that it was given, and nothing done with them."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = None


@dataclass(eq=False, slots=True)
class _Storage:
    """`count` elements from `first` on of the storage `key`, which has `numel` elements. Not read
    yet."""

    kind: str
    key: str
    numel: int
    first: int
    count: int


def is_published_name(path: str | os.PathLike[str]) -> bool:
    """Whether a file is named as PyTorch checkpoints are: `.pth`, `.pth.tar`, `.pt`, `.tar`."""
    return os.fspath(path).endswith((".pth", ".pth.tar", ".pt", ".tar"))


def read_published(path: Path) -> PublishedFile:
    """The network of a published file, of either container. Nothing in the file is run, and nothing
    imported for it.

    Raises CheckpointError, in one line, for whatever is wrong with the file."""
    machine = _Machine()
    try:
        if not path.is_file():
            raise _Refusal("is not a file" if path.exists() else "does not exist")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            saved, read = _open(file, size, machine)
            if not isinstance(saved, dict):
                raise _Refusal(
                    f"holds {_word(saved)}, not the table of entries that a training run saves"
                )
            if "net" not in saved:
                names = (
                    ", ".join(repr(key[:40]) for key in list(saved)[:10] if isinstance(key, str))
                    or "none"
                )
                raise _Refusal(
                    "has no entry 'net', which holds a network's tensors; its first entries: "
                    f"{names}"
                )
            constructor = _constructor(saved.get("constructor"))
            state = _state(saved["net"], read, MAX_SHARING * size)
    except _Refusal as refusal:
        raise CheckpointError(f"network file {path} {refusal}") from None
    except OSError as error:
        raise CheckpointError(
            f"cannot read network file {path}: {error.strerror or error}"
        ) from None
    except (
        Exception
    ) as error:  # damage surfaces as any error of zipfile, pickletools, struct or torch
        reason = repr(" ".join(f"{type(error).__name__} {error}".split())[:120])[1:-1]
        raise CheckpointError(
            f"network file {path} is damaged ({reason}): download it again"
        ) from None
    return PublishedFile(state, constructor, tuple(sorted(machine.unknown)))


class _Machine:
    """Carries out the operations of one pickle. On its stack are None, numbers, strings, bytes,
    lists, tuples and dicts of Python, and the records above. None of them is ever called, or asked
    for an attribute that the pickle chose. Work and memory are proportional to the length of the
    pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.unknown: set[str] = set()
        self.storages: dict[str, _Storage] = {}

    def run(self, stream: BinaryIO) -> Any:
        """The object that the pickle at the stream's position describes; the stream then stands
        behind it."""
        for count, (operation, argument, _) in enumerate(pickletools.genops(stream)):
            if count > MAX_OPERATIONS:
                raise _Refusal(
                    f"has a pickle of more than {MAX_OPERATIONS} operations: it is no published "
                    "network"
                )
            self._step(operation.name, argument)
        return self.stack.pop()

    def _step(self, operation: str, argument: Any) -> None:
        stack, items = self.stack, []
        if operation in _TAKES:
            start = len(stack) - _TAKES[operation] if _TAKES[operation] else self.marks.pop()
            items, stack[start:] = stack[start:], []
        match operation:
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                self.memo[len(self.memo) if argument is None else argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self.memo[argument])
            case _ if operation in _CONSTANTS or _LITERAL.fullmatch(operation):
                stack.append(_CONSTANTS.get(operation, argument))
            case "EMPTY_LIST" | "EMPTY_DICT":
                stack.append([] if operation == "EMPTY_LIST" else {})
            case "EMPTY_SET" | "FROZENSET":
                stack.append(_Inert("set"))
            case "TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(items))
            case "APPEND" | "APPENDS" if isinstance(stack[-1], list):
                stack[-1].extend(items)
            case "SETITEM" | "SETITEMS" if isinstance(stack[-1], dict):
                # tuples of tuples can take for ever to hash: a key that is no simple value is kept
                # by identity
                keys = (
                    k if isinstance(k, str | int | float | None) else _Inert(_word(k))
                    for k in items[::2]
                )
                stack[-1].update(zip(keys, items[1::2], strict=True))
            case "BUILD" if isinstance(stack[-1], _Inert):
                stack[-1].state = items[0]
            case "APPEND" | "APPENDS" | "ADDITEMS" | "SETITEM" | "SETITEMS" if isinstance(
                stack[-1], _Inert
            ):
                pass  # a record keeps no items
            case "BUILD" if isinstance(stack[-1], dict):
                pass  # the attributes of an OrderedDict: no tensor is among them
            case "GLOBAL" | "STACK_GLOBAL":
                stack.append(self._named(items or argument.split(" ", 1)))
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX":
                stack.append(_made(*items[:2]))
            case "BINPERSID":
                stack.append(self._storage(items[0]))
            case "MARK":
                self.marks.append(len(stack))
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                raise _damaged(f"it has the pickle operation {operation} where PyTorch writes none")

    def _named(self, words: list[Any]) -> _Inert:
        """The record of a class, from the words for its module and itself."""
        if not all(isinstance(word, str) and len(word) <= MAX_NAME for word in words):
            raise _damaged("it names a class by what is no name")
        name = repr(".".join(words))[
            1:-1
        ]  # names go into messages: no line breaks, no control characters
        if name not in _KNOWN:
            self.unknown.add(name)
        return _Inert(name)

    def _storage(self, identity: Any) -> _Storage:
        """The storage of a persistent id: 'storage', class, key, location, numel and, in old files,
        a view or None."""
        match identity:
            case ("storage", _Inert(name=kind), str(key), _, int(numel), *view) if re.fullmatch(
                "[0-9]{1,20}", key
            ):
                _, first, count = view[0] if view and view[0] else ("", 0, numel)
            case _:  # a key becomes part of an entry's name, so it must be no path
                raise _damaged("it refers to a storage otherwise than by class, number and size")
        if (
            not all(type(n) is int and n >= 0 for n in (first, count))
            or not first + count <= numel < MAX_NUMBER
        ):
            raise _damaged(f"its storage {key} has an impossible size")
        known = self.storages.setdefault(key, _Storage(kind, key, numel, 0, numel))
        if (known.kind, known.numel) != (kind, numel):
            raise _damaged(f"it describes its storage {key} in two ways")
        return _Storage(kind, key, numel, first, count)


def _damaged(what: str) -> _Refusal:
    return _Refusal(f"is damaged: {what}: download it again")


def _made(callee: Any, arguments: Any) -> Any:
    """What stands for the result of a call: data where the meaning is known, else a record of the
    call."""
    if not isinstance(callee, _Inert) or not isinstance(arguments, tuple):
        raise _damaged(f"it calls {_word(callee)}")
    match arguments:
        case () | (None,) | (_Inert(),) if callee.name in _TABLES:
            return {}
        case (_Inert() as tensor, *_) if callee.name == "torch._utils._rebuild_parameter":
            return tensor
        case (str(text), "latin1") if callee.name == "_codecs.encode" and len(text) <= 16:
            return text.encode(
                "latin1"
            )  # how protocol 2 spells bytes; short, lest a long text be copied often
    return _Inert(callee.name, arguments)


def _word(value: Any) -> str:
    """A value's class, for messages."""
    return value.name if isinstance(value, _Inert) else type(value).__name__.removeprefix("_")


def _open(file: BinaryIO, size: int, machine: _Machine) -> tuple[Any, _Read]:
    """The object that was saved, and what reads its storages. The first bytes tell the
    container."""
    start = file.read(512)
    if start[:4] == b"PK\x03\x04":
        return _open_zip(file, size, machine)
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
            raise _Refusal(what)
    return _open_stream(file, size, machine)


def _open_zip(file: BinaryIO, size: int, machine: _Machine) -> tuple[Any, _Read]:
    """The container of PyTorch 1.6 and newer: a zip archive of one folder, whose entries are not
    compressed."""
    archive = zipfile.ZipFile(file)
    entries = {entry.filename: entry for entry in archive.infolist()}
    top = min(entries, default="").partition("/")[0]
    if not any(name.endswith("/data.pkl") for name in entries):
        raise _Refusal(
            "is a zip archive, but not one of PyTorch: if it holds network files, unpack it"
        )
    parts = [re.split(r"[/\\]", name) for name in entries]
    outside = any(part[0] != top or {"", ".", ".."} & {*part} for part in parts)
    if outside or f"{top}/data.pkl" not in entries or len(entries) != len(archive.infolist()):
        raise _damaged("its archive has entries twice, or outside its folder")
    for entry in entries.values():
        if (
            entry.compress_type != zipfile.ZIP_STORED
            or entry.flag_bits & 1
            or entry.file_size != entry.compress_size
        ):
            raise _Refusal("was packed again, for its archive is compressed: download it again")
    if sum(entry.file_size for entry in entries.values()) > size:
        raise _damaged(f"its archive claims more than the {size} bytes it has")
    order, program = entries.get(f"{top}/byteorder"), entries[f"{top}/data.pkl"]
    if order is not None and archive.read(order).strip() != b"little":
        raise _Refusal("is not in little-endian byte order: save it again on such a machine")
    if program.file_size > MAX_PICKLE_BYTES:
        raise _Refusal(
            f"has a pickle of more than {MAX_PICKLE_BYTES} bytes: it is no published network"
        )

    @functools.cache
    def read(key: str, length: int) -> bytearray:
        entry = entries.get(f"{top}/data/{key}")
        if entry is None or entry.file_size != length:
            raise _damaged(
                f"its storage {key} " + (f"has not {length} bytes" if entry else "is missing")
            )
        return bytearray(archive.read(entry))

    return machine.run(io.BytesIO(archive.read(program))), read


def _open_stream(file: BinaryIO, size: int, machine: _Machine) -> tuple[Any, _Read]:
    """The container before PyTorch 1.6: five pickles (magic number, protocol, system, object, keys
    of the storages), then for each key the count of its elements, signed with 8 bytes, and the
    elements."""
    file.seek(0)
    stream = io.BytesIO(file.read(MAX_PICKLE_BYTES))
    if _Machine().run(stream) != _MAGIC or _Machine().run(stream) != _PROTOCOL:
        raise _Refusal(
            "is a pickle, but not one of PyTorch (wrong magic number or protocol): download it "
            "again"
        )
    system = _Machine().run(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise _Refusal("is not in little-endian byte order: save it again on such a machine")
    saved, keys = machine.run(stream), _Machine().run(stream)
    if not isinstance(keys, list) or len(keys) != len(
        {key for key in keys if isinstance(key, str)}
    ):
        raise _damaged("its list of storages is not one")
    places, place = {}, stream.tell()
    for key in keys:
        storage = machine.storages.get(key)
        if storage is None or storage.kind not in _ITEM_BYTES:
            raise _damaged(f"nothing says how large its storage {key[:40]!r} is")
        file.seek(place)
        count = int.from_bytes(file.read(8), "little", signed=True)
        if count != storage.numel:
            raise _damaged(f"its storage {key} has {count} numbers, not {storage.numel}")
        places[key] = place + 8
        place += 8 + count * _ITEM_BYTES[storage.kind]
        if place > size:
            raise _damaged(f"it ends within its storage {key}")

    @functools.cache
    def read(key: str, length: int) -> bytearray:
        if key not in places:
            raise _damaged(f"its storage {key} is missing")
        file.seek(places[key])
        return bytearray(file.read(length))

    return saved, read


def _state(net: Any, read: _Read, max_bytes: int) -> dict[str, Tensor]:
    """The tensors of the entry `net`. Reads the storages that they use, each once."""
    if not isinstance(net, dict) or not net:
        raise _Refusal(
            f"has no tensors in its entry 'net', which is {'empty' if net == {} else _word(net)}"
        )
    state: dict[str, Tensor] = {}
    for key, record in net.items():
        if not isinstance(key, str):
            raise _Refusal(f"has in its entry 'net' a key that is no name but {_word(key)}")
        name, quoted = key.removeprefix("module."), repr(key[:80])
        storage, dtype, size, stride, start = _checked(record, quoted)
        max_bytes -= math.prod(size) * dtype.itemsize
        if max_bytes < 0 or name in state:
            raise _damaged(
                f"its tensor {quoted} "
                + ("stands twice" if name in state else "is beyond its bytes")
            )
        if 0 in size:
            state[name] = torch.empty(size, dtype=dtype)
            continue
        whole = torch.frombuffer(read(storage.key, storage.numel * dtype.itemsize), dtype=dtype)
        state[name] = whole.as_strided(size, stride, start).clone(
            memory_format=torch.contiguous_format
        )
    return state


def _checked(
    record: Any, name: str
) -> tuple[_Storage, torch.dtype, tuple[int, ...], tuple[int, ...], int]:
    """Storage, type, size, stride and first element, in the whole storage, of a tensor that lies
    within its storage."""
    match record:
        case _Inert(
            name=call, arguments=(_Storage() as storage, offset, size, stride, *others)
        ) if call in _TENSORS:
            pass
        case _:
            raise _Refusal(
                f"has in its entry 'net' under {name} no tensor in a storage but {_word(record)}"
            )
    if storage.kind not in _DTYPES or (len(others) > 2 and others[2]):  # the third marks conjugates
        raise _Refusal(
            f"has the tensor {name} in {storage.kind}: networks hold real numbers of 16 to 64 bits"
        )
    possible = all(type(n) is int and 0 <= n < MAX_NUMBER for n in (offset, *size, *stride))
    if not possible or not len(size) == len(stride) <= MAX_DIMENSIONS:
        raise _damaged(f"its tensor {name} has a size, stride or offset that cannot be")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and max(last + 1, math.prod(size)) > storage.count:
        raise _damaged(
            f"its tensor {name} asks for more than the {storage.count} numbers of its storage"
        )
    return storage, _DTYPES[storage.kind], tuple(size), tuple(stride), storage.first + offset


def _constructor(value: Any) -> Constructor | None:
    """The record of how the network was built; None where there is none of a known class."""
    if not isinstance(value, _Inert) or value.name not in _CONSTRUCTORS:
        return None
    budget = iter(range(MAX_PLAIN_VALUES))
    match value.state:
        case {
            "fun_name": str(function),
            "fun_module": str(module),
            "args": tuple() as args,
            "kwds": dict() as kwds,
        }:
            arguments, keywords = _plain(args, budget), _plain(kwds, budget)
            if all(isinstance(key, str) for key in keywords):
                return Constructor(
                    function, module.removeprefix("dlframework."), arguments, keywords
                )
    raise _damaged("its constructor does not name a function and its arguments")


def _plain(value: Any, budget: Iterator[int], depth: int = 0) -> Any:
    """A value made of plain ones alone: what is not plain becomes the name of its class. Lists may
    contain themselves, or grow without end when they are written out, hence the limits."""
    if next(budget, None) is None or depth > MAX_PLAIN_DEPTH:
        raise _damaged("its constructor has arguments without end")
    match value:
        case list() | tuple():
            return type(value)(_plain(item, budget, depth + 1) for item in value)
        case dict():
            return {
                _plain(key, budget): _plain(item, budget, depth + 1) for key, item in value.items()
            }
        case _Inert(
            name=name,
            arguments=(
                _Inert(arguments=(str(code), *_), state=(_, "<" | "|" as order, *_)),
                bytes(data),
            ),
        ) if (
            name in _SCALARS
            and re.fullmatch("f[248]|[iu][1248]|b1", code)
            and len(data) == int(code[1:])
        ):
            return np.frombuffer(data, np.dtype(order + code))[0].item()
    plain = (
        value is None
        or isinstance(value, bool | float | str)
        or (isinstance(value, int) and abs(value) < 1 << 63)
    )
    return value if plain else _word(value)
