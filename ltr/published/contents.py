"""What a published file (`.pth`, `.pth.tar`) holds: tensors, and the record of how they were built.

Every check stands before the memory that it guards.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ltr.errors import CheckpointError
from ltr.published.container import ReadStorage, open_container
from ltr.published.pickle_machine import (
    CONSTRUCTORS,
    DTYPES,
    MAX_NUMBER,
    SCALARS,
    TENSORS,
    PickleMachine,
    Record,
    Refusal,
    Storage,
    class_name,
    damaged,
)

MAX_DIMENSIONS, MAX_PLAIN_VALUES, MAX_PLAIN_DEPTH = 16, 10_000, 16
MAX_SHARING = (
    4  # tensors may share storages, but not make more than this many times the bytes of the file
)


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


def is_published_name(path: str | os.PathLike[str]) -> bool:
    """Whether a file is named as PyTorch checkpoints are: `.pth`, `.pth.tar`, `.pt`, `.tar`."""
    return os.fspath(path).endswith((".pth", ".pth.tar", ".pt", ".tar"))


def read_published(path: Path) -> PublishedFile:
    """The network of a published file, of either container. Nothing in the file is run, and nothing
    imported for it.

    Raises CheckpointError, in one line, for whatever is wrong with the file."""
    machine = PickleMachine()
    try:
        if not path.is_file():
            raise Refusal("is not a file" if path.exists() else "does not exist")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            entries, read = open_container(file, size, machine)
            if not isinstance(entries, dict):
                raise Refusal(
                    f"holds {class_name(entries)}, not the table of entries that a training run "
                    "saves"
                )
            if "net" not in entries:
                names = (
                    ", ".join(repr(key[:40]) for key in list(entries)[:10] if isinstance(key, str))
                    or "none"
                )
                raise Refusal(
                    "has no entry 'net', which holds a network's tensors; its first entries: "
                    f"{names}"
                )
            constructor = _constructor(entries.get("constructor"))
            state = _state(entries["net"], read, MAX_SHARING * size)
    except Refusal as refusal:
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


def _state(net: Any, read: ReadStorage, max_bytes: int) -> dict[str, Tensor]:
    """The tensors of the entry `net`. Reads the storages that they use, each once."""
    if not isinstance(net, dict) or not net:
        raise Refusal(
            "has no tensors in its entry 'net', which is "
            f"{'empty' if net == {} else class_name(net)}"
        )
    state: dict[str, Tensor] = {}
    for key, record in net.items():
        if not isinstance(key, str):
            raise Refusal(f"has in its entry 'net' a key that is no name but {class_name(key)}")
        name, quoted = key.removeprefix("module."), repr(key[:80])
        storage, dtype, size, stride, start = _tensor_place(record, quoted)
        max_bytes -= math.prod(size) * dtype.itemsize
        if max_bytes < 0 or name in state:
            raise damaged(
                f"its tensor {quoted} "
                + ("stands twice" if name in state else "is beyond its bytes")
            )
        if 0 in size:
            state[name] = torch.empty(size, dtype=dtype, device="cpu")
            continue
        whole = torch.frombuffer(read(storage.key, storage.numel * dtype.itemsize), dtype=dtype)
        state[name] = whole.as_strided(size, stride, start).clone(
            memory_format=torch.contiguous_format
        )
    return state


def _tensor_place(
    record: Any, name: str
) -> tuple[Storage, torch.dtype, tuple[int, ...], tuple[int, ...], int]:
    """Storage, type, size, stride and first element, in the whole storage, of a tensor that lies
    within its storage."""
    match record:
        case Record(name=call, arguments=(Storage() as storage, offset, size, stride, *others)) if (
            call in TENSORS
        ):
            pass
        case _:
            raise Refusal(
                f"has in its entry 'net' under {name} no tensor in a storage but "
                f"{class_name(record)}"
            )
    if storage.kind not in DTYPES or (len(others) > 2 and others[2]):  # the third marks conjugates
        raise Refusal(
            f"has the tensor {name} in {storage.kind}: networks hold real numbers of 16 to 64 bits"
        )
    possible = all(type(n) is int and 0 <= n < MAX_NUMBER for n in (offset, *size, *stride))
    if not possible or not len(size) == len(stride) <= MAX_DIMENSIONS:
        raise damaged(f"its tensor {name} has a size, stride or offset that cannot be")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and max(last + 1, math.prod(size)) > storage.count:
        raise damaged(
            f"its tensor {name} asks for more than the {storage.count} numbers of its storage"
        )
    return storage, DTYPES[storage.kind], tuple(size), tuple(stride), storage.first + offset


def _constructor(value: Any) -> Constructor | None:
    """The record of how the network was built; None where there is none of a known class."""
    if not isinstance(value, Record) or value.name not in CONSTRUCTORS:
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
    raise damaged("its constructor does not name a function and its arguments")


def _plain(value: Any, budget: Iterator[int], depth: int = 0) -> Any:
    """A value made of plain ones alone: what is not plain becomes the name of its class. Lists may
    contain themselves, or grow without end when they are written out, hence the limits."""
    if next(budget, None) is None or depth > MAX_PLAIN_DEPTH:
        raise damaged("its constructor has arguments without end")
    match value:
        case list() | tuple():
            return type(value)(_plain(item, budget, depth + 1) for item in value)
        case dict():
            return {
                _plain(key, budget): _plain(item, budget, depth + 1) for key, item in value.items()
            }
        case Record(
            name=name,
            arguments=(
                Record(arguments=(str(code), *_), state=(_, "<" | "|" as order, *_)),
                bytes(data),
            ),
        ) if (
            name in SCALARS
            and re.fullmatch("f[248]|[iu][1248]|b1", code)
            and len(data) == int(code[1:])
        ):
            return np.frombuffer(data, np.dtype(order + code))[0].item()
    plain = (
        value is None
        or isinstance(value, bool | float | str)
        or (isinstance(value, int) and abs(value) < 1 << 63)
    )
    return value if plain else class_name(value)
